package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CheckState is what the engine remembers of a check as a whole. The zero value
// is a check that is monitored and was never acted on.
type CheckState struct {
	// Unmonitored is since when the check is not read; zero when it is.
	Unmonitored time.Time `json:"unmonitored,omitzero"`
	// Why says who wanted that, for people.
	Why string `json:"why,omitempty"`
	// Own says that the agent itself did, by a rule or at the limit.
	Own bool `json:"own,omitempty"`
	// Actions is when the last ones on the service began, the oldest first, as
	// far back as the limit looks.
	Actions []time.Time `json:"actions,omitempty"`
}

// isZero says that there is nothing to remember.
func (s CheckState) isZero() bool {
	return s.Unmonitored.IsZero() && len(s.Actions) == 0
}

// Order is what a person asks of some checks.
type Order struct {
	Verb Verb // Monitor, Unmonitor, Start, Stop or Restart
	// Names are checks, as NAME or KIND.NAME. There are none with All, which
	// means every check and is for Monitor and Unmonitor alone.
	Names []string
	All   bool
	// By says who asks, for the log and the status.
	By string
}

// order is an Order on its way.
type order struct {
	Order
	answer chan []<-chan error // of the actions that began; closed without any
	refuse chan error
}

// Obey carries out what a person asks. Nothing is done when one of the names is
// unknown or cannot be acted on. It returns when all actions have ended, or
// with ctx's error; they go on then.
func (e *Engine) Obey(ctx context.Context, o Order) error {
	one := order{o, make(chan []<-chan error, 1), make(chan error, 1)}
	select {
	case e.orders <- one:
	case <-ctx.Done():
		return fmt.Errorf("ask engine: %w", ctx.Err())
	}
	var ends []<-chan error
	select {
	case err := <-one.refuse:
		return err
	case ends = <-one.answer:
	}
	var all []error
	for _, end := range ends {
		select {
		case err := <-end:
			all = append(all, err)
		case <-ctx.Done():
			return fmt.Errorf("wait for the action: %w", ctx.Err())
		}
	}
	return errors.Join(all...)
}

// obey begins what a person asks, or refuses it as a whole.
func (e *Engine) obey(ctx context.Context, o order, now time.Time) {
	meant, err := e.meant(o.Order)
	if err == nil && o.Verb.service() && e.quiet.Load() {
		err = fmt.Errorf("%s: the machine goes down", o.Verb)
	}
	if err != nil {
		o.refuse <- err
		return
	}
	var ends []<-chan error
	for _, w := range meant {
		switch o.Verb {
		case Unmonitor:
			e.unmonitor(w, CheckState{Unmonitored: now, Why: "by " + o.By, Actions: e.states[w.check.ID()].Actions})
		case Monitor:
			e.monitor(w, now)
		default:
			e.log.Info("action", "check", w.check.ID(), "verb", string(o.Verb), "by", o.By)
			e.monitor(w, now)
			ends = append(ends, e.act(ctx, w, &job{verb: o.Verb}, now))
		}
	}
	o.answer <- ends
}

// meant are the checks that an order is about.
func (e *Engine) meant(o Order) ([]*watch, error) {
	switch {
	case o.All && o.Verb.service():
		return nil, fmt.Errorf("%s: name the checks: nobody means every service", o.Verb)
	case o.All && len(o.Names) > 0:
		return nil, fmt.Errorf("%s: name the checks or say all, not both", o.Verb)
	case o.All:
		return e.watches, nil
	case len(o.Names) == 0:
		return nil, fmt.Errorf("%s: no check named", o.Verb)
	}
	var meant []*watch
	for _, name := range o.Names {
		found := false
		for _, w := range e.watches {
			if w.check.Name != name && w.check.ID() != name {
				continue
			}
			found = true
			if slices.Contains(meant, w) {
				continue
			}
			if o.Verb.service() {
				if err := w.refuses(o.Verb); err != nil {
					return nil, err
				}
			}
			meant = append(meant, w)
		}
		if !found {
			return nil, fmt.Errorf("no check named %q", name)
		}
	}
	return meant, nil
}

// unmonitor stops the readings of a check. What its rules have told stays as it
// is.
func (e *Engine) unmonitor(w *watch, s CheckState) {
	if w.idle {
		return
	}
	w.idle = true
	e.keep(w, s)
	e.log.Info("unmonitored", "check", w.check.ID(), "reason", s.Why)
}

// monitor begins the readings of a check again. What For and ClearFor wait for
// begins anew: nobody looked.
func (e *Engine) monitor(w *watch, now time.Time) {
	if !w.idle {
		return
	}
	w.idle = false
	e.keep(w, CheckState{})
	e.pause(w)
	w.begin(now)
	e.log.Info("monitored again", "check", w.check.ID())
}

// keep remembers the state of a check, also on disk, behind the events that
// came before. The channel has when that is so, or why it is not.
func (e *Engine) keep(w *watch, s CheckState) <-chan error {
	id := w.check.ID()
	if s.isZero() {
		delete(e.states, id)
	} else {
		e.states[id] = s
	}
	saved := make(chan error, 1)
	e.emitter.add(transition{check: id, checkState: s, saved: saved})
	return saved
}
