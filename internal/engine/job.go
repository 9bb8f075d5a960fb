package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tocsin"
)

// endGrace is how much longer than the agent the last step of an action goes on:
// what was stopped to be started again is not left stopped.
const endGrace = 5 * time.Second

// saveLimit is how long an action waits for what is told of it, and for its
// count, to be on disk: one that ends the agent must not be done for ever. A
// full or slow disk keeps no service from being repaired.
const saveLimit = 2 * time.Second

// lookEvery is how often a check is read while an action waits for its service
// to come or go.
const lookEvery = 500 * time.Millisecond

// job is an action that is under way.
type job struct {
	verb  Verb
	rule  *Rule         // on whose behalf; nil for a person's
	event *tocsin.Event // what it is done about; never nil
	began time.Time
	looks chan look // the newest reading since
	end   chan outcome
	// unseen says that no check reads the service at present, after a reload.
	unseen atomic.Bool
	saved  <-chan error // what is told of it and its count; nil for a person's
	// because and own are of a job for the sake of another check: why it is
	// not read after a stop, and whether a rule wanted that.
	because string
	own     bool
}

// look is what a reading said of the service.
type look struct {
	at     time.Time
	exists Truth
	there  Truth // the same for a check without such a metric
}

// jobEnd is the end of a job.
type jobEnd struct {
	watch *watch
	job   *job
	said  string
	err   error
	done  bool // to this check, whatever err says of others
}

// resting says that a check is not read. An action that is under way needs its
// readings to the end.
func (w *watch) resting() bool { return w.idle && w.job == nil }

// lookSoon plans the next reading soon while an action is under way, whatever the
// schedule.
func (w *watch) lookSoon(now time.Time) {
	if soon := now.Add(lookEvery); w.job != nil && soon.Before(w.next) {
		w.next = soon
	}
}

// existsOf is what a reading says of the service.
func existsOf(r tocsin.Reading) Truth {
	switch v := r.Values.Of("exists"); {
	case v.Kind() != tocsin.BoolValue:
		return Unknown
	case v.Truth():
		return True
	default:
		return False
	}
}

// remembered returns when an action may begin: when it is on disk that it does,
// or it is known that it cannot be, or after saveLimit.
func (e *Engine) remembered(ctx context.Context, saved <-chan error, id string) {
	if saved == nil {
		return
	}
	timer := time.NewTimer(saveLimit)
	defer timer.Stop()
	select {
	case err := <-saved:
		if err != nil {
			e.log.Warn("action begun before it is on disk", "check", id, "err", err)
		}
	case <-timer.C:
		e.log.Warn("action begun before it is on disk", "check", id, "waited", saveLimit.String())
	case <-ctx.Done():
	}
}

// run carries out the steps of an action, one after the other. What a program
// to stop says counts less than that the service is gone. The last step goes on
// until last ends, when the agent does.
func (j *job) run(ctx, last context.Context, steps []move, patience time.Duration, down func() bool) (said string, err error) {
	if last.Err() != nil {
		return "", errors.New("not begun: the agent ends")
	}
	var all []string
	for i, step := range steps {
		during := ctx
		if i == len(steps)-1 {
			during = last
		}
		said, err := step.method.Do(during, j.event)
		if said != "" {
			all = append(all, said)
		}
		missed := err
		if err == nil || step.await == False {
			missed = j.await(ctx, step, patience)
		}
		if ctx.Err() != nil && i < len(steps)-1 {
			if down() {
				return strings.Join(all, "\n"), errDown
			}
			continue
		}
		if missed != nil {
			if err == nil {
				err = missed
			}
			return strings.Join(all, "\n"), fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return strings.Join(all, "\n"), nil
}

// outliving is a context that ends some time after another.
func outliving(ctx context.Context, more time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(more)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// await waits for readings that say what a step is to lead to.
func (j *job) await(ctx context.Context, step move, patience time.Duration) error {
	if step.await == Unknown {
		return nil
	}
	since := time.Now()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case l := <-j.looks:
			if l.exists == step.await && !l.at.Before(since) {
				return nil
			}
		case <-timer.C:
			switch {
			case j.unseen.Load() && step.await == False:
				return nil // it has had its time, and what is stopped is to be started
			case j.unseen.Load():
				return errors.New("nobody has seen whether it is there: the rule file has no such check any more")
			case step.await == True:
				return fmt.Errorf("not there after %s", patience)
			}
			return fmt.Errorf("still there after %s", patience)
		case <-ctx.Done():
			return fmt.Errorf("not waited for: %w", ctx.Err())
		}
	}
}

// sight hands a reading to the action that is under way, if any.
func (w *watch) sight(r tocsin.Reading, began time.Time) {
	if w.job == nil {
		return
	}
	select {
	case <-w.job.looks: // nobody has looked at it, and it is old
	default:
	}
	w.job.looks <- look{began, existsOf(r), w.there(r)}
}

// there is what a reading says of the service of a check of any kind: a unit is
// active, a host reachable, anything else exists, or can be read at least.
func (w *watch) there(r tocsin.Reading) Truth {
	for _, metric := range []string{"active", "reachable", "exists"} {
		if v := r.Values.Of(metric); v.Kind() == tocsin.BoolValue {
			if v.Truth() {
				return True
			}
			return False
		}
	}
	if w.readErr != nil {
		return False
	}
	return True
}

// ended takes in the end of an action: it is told, and the rules go on with the
// next reading. It returns the watch that the check has now.
func (e *Engine) ended(end jobEnd, now time.Time) *watch {
	j, id := end.job, end.watch.check.ID()
	took := now.Sub(j.began).Round(time.Millisecond)
	if end.err != nil {
		e.log.Warn("action failed", "check", id, "verb", string(j.verb), "took", took.String(), "err", end.err)
		end.err = fmt.Errorf("%s %s: %w", j.verb, id, end.err)
	} else {
		e.log.Info("action done", "check", id, "verb", string(j.verb), "took", took.String())
	}
	delete(e.jobs, id)
	var saved <-chan error
	w := e.byID[id]
	switch {
	case w != nil: // a reload may have made another
		w.job, w.rested, w.settling = nil, now, true
		saved = e.settled(w, j, end, took, now)
	default: // it has taken the check away, but not what was begun
		w = end.watch
		w.job = nil
		if j.rule != nil {
			e.tellAction(w, j.rule, j.verb, end.said, end.err, took, now)
		}
	}
	j.end <- outcome{err: withOutput(end.err, end.said), saved: saved}
	return w
}

// withOutput adds what a program printed to why it failed.
func withOutput(err error, said string) error {
	if err == nil || said == "" {
		return err
	}
	return fmt.Errorf("%w\n%s", err, said)
}

// settled is what an action means to its check. The channel is that of keep, if
// the check is no longer read.
func (e *Engine) settled(w *watch, j *job, end jobEnd, took time.Duration, now time.Time) (saved <-chan error) {
	e.renew(w)
	w.hasten(now)
	switch left, ok := errors.AsType[leftAlone](end.err); {
	case ok && left.LeftAlone():
		e.unacted(w, j, end.err, now)
	case j.rule != nil:
		e.tellAction(w, j.rule, j.verb, end.said, end.err, took, now)
	}
	if j.verb == Stop && end.done {
		s := CheckState{Unmonitored: now, Why: "stopped by hand", Actions: e.states[w.check.ID()].Actions}
		switch {
		case j.because != "":
			s.Why, s.Own, s.Unseen = j.because, j.own, j.own
		case j.rule != nil:
			s.Why, s.Own, s.Unseen = "stopped by the rule "+j.rule.Name, true, true
		}
		saved = e.unmonitor(w, s)
	}
	return saved
}

// leftAlone is the error of a method that has done nothing because somebody else
// is at the service.
type leftAlone interface {
	error
	LeftAlone() bool
}

// unacted forgets an action that was none, and tells that once for an incident.
func (e *Engine) unacted(w *watch, j *job, err error, now time.Time) {
	state := e.states[w.check.ID()]
	state.Actions = slices.DeleteFunc(slices.Clone(state.Actions), func(at time.Time) bool { return at.Equal(j.began) })
	e.keep(w, state)
	if j.rule == nil {
		return
	}
	incident := e.rules[tocsin.RuleID(w.check.Kind, w.check.Name, j.rule.Name)].Incident
	if w.left != incident || incident == "" {
		one := Rule{Name: j.rule.Name, Severity: tocsin.Info, Failed: "Action not done"}
		e.tell(w, &one, j.verb, err.Error(), "", now)
	}
	w.left = incident
}

// renew makes the rules of a check wait anew: what they saw was before the
// action.
func (e *Engine) renew(w *watch) {
	e.pause(w)
	for i := range w.check.Rules {
		id := w.ids[i+1]
		if s, ok := e.rules[id]; ok {
			s.hits = nil
			e.keepRule(id, s)
		}
	}
}

// tellAction makes the event of an action that has ended.
func (e *Engine) tellAction(w *watch, r *Rule, v Verb, said string, err error, took time.Duration, now time.Time) {
	one := Rule{Name: r.Name, Severity: tocsin.Info, Failed: "Execution succeeded"}
	text := fmt.Sprintf("%s: done after %s", v, took)
	if err != nil {
		one.Severity, one.Failed = max(r.Severity, tocsin.Warning), "Execution failed"
		text = fmt.Sprintf("%v, after %s", err, took)
	}
	if said != "" {
		text += "\n\n" + said
	}
	e.tell(w, &one, v, text, "", now)
}

// tell makes an event of type action; unmonitored says why the check is no
// longer read, if it is not.
func (e *Engine) tell(w *watch, r *Rule, v Verb, text, unmonitored string, now time.Time) {
	id := tocsin.RuleID(w.check.Kind, w.check.Name, r.Name)
	t := raise(e.host, e.epoch, w.check, r, e.rules[id], tocsin.Action, text, "", now)
	t.event.Action, t.event.Mark.Unmonitored = string(v), unmonitored
	e.log.Info("event", "type", string(tocsin.Action), "rule", id, "severity", r.Severity.String(), "event", t.event.ID, "description", t.event.Description)
	e.emitter.add(t)
	e.keepRule(id, t.state)
}
