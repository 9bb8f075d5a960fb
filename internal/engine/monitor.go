package engine

import (
	"cmp"
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
	// Unseen says of Own that nobody has said since that they know of it: what
	// has failed goes on to be told.
	Unseen bool `json:"unseen,omitempty"`
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
	Verb Verb // Monitor, Unmonitor, Start, Stop, Restart, Ack or Unack
	// Names are checks, as NAME or KIND.NAME. There are none with All, which
	// means every check and is for Monitor and Unmonitor alone. Of Ack and Unack
	// they are incidents or rules as well.
	Names []string
	All   bool
	// By says who asks, and Reason why, for the log and the status.
	By, Reason string
}

// order is an Order on its way.
type order struct {
	Order
	answer chan []<-chan outcome // of the checks that it is about
	refuse chan error
}

// outcome is what has become of an order for one check.
type outcome struct {
	err error
	// of is the failure, of Ack and Unack.
	of Failure
	// saved has when it is on disk, or why it is not; nil when there is nothing
	// to save.
	saved <-chan error
}

// finished is the channel of an outcome that there is already.
func finished(o outcome) <-chan outcome {
	end := make(chan outcome, 1)
	end <- o
	return end
}

// Obey carries out what a person asks. Nothing is done when one of the names is
// unknown or cannot be acted on. It returns when all actions have ended and what
// is to be remembered is on disk, or says why it is not; or with ctx's error, and
// the actions go on then.
func (e *Engine) Obey(ctx context.Context, o Order) error {
	_, err := e.carry(ctx, o)
	return err
}

// carry is Obey with the failures that the order was about, sorted by their rule.
func (e *Engine) carry(ctx context.Context, o Order) ([]Failure, error) {
	one := order{o, make(chan []<-chan outcome, 1), make(chan error, 1)}
	select {
	case e.orders <- one:
	case <-ctx.Done():
		return nil, fmt.Errorf("ask engine: %w", ctx.Err())
	}
	var ends []<-chan outcome
	select {
	case err := <-one.refuse:
		return nil, err
	case ends = <-one.answer:
	}
	var all []error
	failures := []Failure{}
	for _, end := range ends {
		select {
		case out := <-end:
			all = append(all, out.err, out.written(ctx, o.Verb))
			if out.of != (Failure{}) {
				failures = append(failures, out.of)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the action: %w", ctx.Err())
		}
	}
	slices.SortFunc(failures, func(a, b Failure) int { return cmp.Compare(a.Rule, b.Rule) })
	return slices.Compact(failures), errors.Join(all...)
}

// written waits until an outcome is on disk, and says why it is not.
func (o outcome) written(ctx context.Context, v Verb) error {
	if o.saved == nil {
		return nil
	}
	select {
	case err := <-o.saved:
		if err != nil {
			return fmt.Errorf("%s: done, but not on disk, so that a restart of the agent may forget it: %w", v, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: done, but not known to be on disk: %w", v, ctx.Err())
	}
}

// obey begins what a person asks, or refuses it as a whole.
func (e *Engine) obey(ctx context.Context, o order, now time.Time) {
	if o.Verb == Ack || o.Verb == Unack {
		ends, err := e.acknowledge(o.Order, now)
		if err != nil {
			o.refuse <- err
			return
		}
		o.answer <- ends
		return
	}
	meant, err := e.meant(o.Order)
	if err == nil && o.Verb.service() && e.quiet.Load() {
		err = fmt.Errorf("%s: the machine goes down", o.Verb)
	}
	if err != nil {
		o.refuse <- err
		return
	}
	switch o.Verb {
	case Unmonitor, Monitor:
		o.answer <- e.watchOr(o.Order, meant, now)
	default:
		o.answer <- e.actions(ctx, o.Order, meant, now)
	}
}

// watchOr begins or ends the readings of some checks, and of those that have to
// follow.
func (e *Engine) watchOr(o Order, meant []*watch, now time.Time) []<-chan outcome {
	var ends []<-chan outcome
	for _, task := range e.plan(o.Verb, meant...) {
		w := e.byID[task.Check]
		if o.Verb == Monitor {
			ends = append(ends, finished(outcome{saved: e.monitor(w, now)}))
			continue
		}
		s := CheckState{Unmonitored: now, Why: "by " + o.By, Actions: e.states[task.Check].Actions}
		if !slices.Contains(meant, w) {
			s.Why += ", with what it depends on"
		}
		ends = append(ends, finished(outcome{saved: e.unmonitor(w, s)}))
	}
	return ends
}

// actions begins an action on the services of some checks: of those that have
// nothing to do with each other side by side.
func (e *Engine) actions(ctx context.Context, o Order, meant []*watch, now time.Time) []<-chan outcome {
	var ends []<-chan outcome
	for _, w := range meant {
		e.log.Info("action", "check", w.check.ID(), "verb", string(o.Verb), "by", o.By)
		ends = append(ends, finished(outcome{saved: e.monitor(w, now)}))
	}
	for len(meant) > 0 {
		var together, rest []*watch
		together, rest = meant[:1:1], meant[1:]
		for again := true; again; {
			again = false
			tasks := e.plan(o.Verb, together...)
			for i, w := range rest {
				if touches(tasks, e.plan(o.Verb, w)) {
					together, rest, again = append(together, w), slices.Delete(slices.Clone(rest), i, i+1), true
					break
				}
			}
		}
		meant = rest
		j := &job{verb: o.Verb, end: make(chan outcome, 1)}
		e.begin(ctx, e.plan(o.Verb, together...), together[0], j, now)
		ends = append(ends, j.end)
	}
	return ends
}

// touches says that two plans are about the same check.
func touches(a, b []Task) bool {
	return slices.ContainsFunc(a, func(x Task) bool {
		return slices.ContainsFunc(b, func(y Task) bool { return x.Check == y.Check })
	})
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
				if err := e.refuses(w, o.Verb); err != nil {
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
// is. The channel is that of keep.
func (e *Engine) unmonitor(w *watch, s CheckState) <-chan error {
	if have := e.states[w.check.ID()]; w.idle {
		if !have.Own || s.Own {
			return e.keep(w, have) // it may not be on disk as yet
		}
		s.Actions = have.Actions // a person knows of it now
	}
	w.idle, e.hurried = true, true
	e.forgive(w, true)
	e.log.Info("unmonitored", "check", w.check.ID(), "reason", s.Why)
	saved := e.keep(w, s)
	if !s.Own {
		e.free(w.check.ID(), s.Unmonitored)
	}
	return saved
}

// monitor begins the readings of a check again. What For and ClearFor wait for
// begins anew: nobody looked. The channel is that of keep.
func (e *Engine) monitor(w *watch, now time.Time) <-chan error {
	if !w.idle {
		return e.keep(w, e.states[w.check.ID()])
	}
	w.idle = false
	e.pause(w)
	w.begin(now)
	e.log.Info("monitored again", "check", w.check.ID())
	return e.keep(w, CheckState{})
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
