package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tocsin"
)

// FollowUp is what follows from a failure that lasts.
type FollowUp struct {
	// Reminder repeats the failure; 0 means never.
	Reminder time.Duration
	// Escalations say who else is told, in no order.
	Escalations []Escalation
}

// Escalation tells somebody else of a failure that has lasted for After. It is
// made once in an incident.
type Escalation struct {
	ID    string // what the event names it by
	After time.Duration
}

// followUp is what follows from a failure of the rule at a time: its own
// reminder wins.
func (r *Rule) followUp(now time.Time) FollowUp {
	var f FollowUp
	if r.FollowUp != nil {
		f = r.FollowUp(now)
	}
	if r.Reminder > 0 {
		f.Reminder = r.Reminder
	}
	return f
}

// escalate finds the escalation that is due: of several the one that should have
// come first. Somebody who has acknowledged the incident is at it, and nobody
// else is called.
func (f FollowUp) escalate(s RuleState, now time.Time) (id string, due bool) {
	var first Escalation
	for _, one := range f.Escalations {
		if !s.Acked.At.IsZero() || now.Sub(s.Since) < one.After || slices.Contains(s.Escalated, one.ID) {
			continue
		}
		if !due || one.After < first.After {
			first, due = one, true
		}
	}
	return first.ID, due
}

// lasts is what follows from a failure that has not ended: its next state, and
// the event if one is due. An escalation goes first; it has other readers than
// a reminder and does not put that off.
func lasts(r *Rule, s RuleState, now time.Time) (RuleState, tocsin.EventType) {
	f := r.followUp(now)
	if id, due := f.escalate(s, now); due {
		s.Escalated = append(slices.Clip(s.Escalated), id)
		return s, tocsin.Escalation
	}
	if f.Reminder > 0 && s.Acked.At.IsZero() && now.Sub(s.Told) >= f.Reminder {
		return s, tocsin.Reminder
	}
	return s, ""
}

// lasting says whether something may follow from a failure of a check between
// two readings.
func (e *Engine) lasting(w *watch) bool {
	for n, id := range w.ids {
		if w.rule(n).FollowUp != nil && e.rules[id].Failed {
			return true
		}
	}
	return false
}

// between makes the escalations that are due while the next reading of a check
// is far away. It reminds of nothing: that is for readings.
func (e *Engine) between(ctx context.Context, w *watch, now time.Time) {
	if w.job != nil || !e.lasting(w) || w.check.Schedule.Masked(now) {
		return
	}
	bad := cmp.Or(failures(result{reading: w.reading, err: w.readErr}), "it cannot be read")
	for n, id := range w.ids {
		before := e.rules[id]
		if !before.Failed {
			continue
		}
		if step, due := w.rule(n).followUp(now).escalate(before, now); due {
			state := before
			state.Escalated = append(slices.Clip(before.Escalated), step)
			e.conclude(ctx, decided{
				watch: w, n: n, kind: tocsin.Escalation, before: before, state: state, view: e.view(w, n, w.reading, now), bad: bad,
			}, now)
		}
	}
}

// recall goes on with what follows from the failures of a check whose readings the
// agent itself has ended, at the limit or by a rule: nobody has said that they know of
// them. What a person has ended stays quiet.
func (e *Engine) recall(ctx context.Context, w *watch, now time.Time) {
	check := e.states[w.check.ID()]
	if !check.Unseen || w.check.Schedule.Masked(now) {
		return
	}
	for n, id := range w.ids {
		before := e.rules[id]
		if !before.Failed {
			continue
		}
		state, kind := lasts(w.rule(n), before, now)
		if kind == "" {
			continue
		}
		d := decided{watch: w, n: n, kind: kind, before: before, state: state, view: e.view(w, n, w.reading, now)}
		d.bad = cmp.Or(failures(result{reading: w.reading, err: w.readErr}), "it could not be read")
		d.said = fmt.Sprintf("not monitored, %s; look at it and say: tocsin monitor %s", check.Why, w.check.Name)
		if !w.reading.At.IsZero() { // else it was before this agent
			seen, _ := describe(w.rule(n), n, d.view, d.bad)
			d.said += "; seen last: " + seen
		}
		e.conclude(ctx, d, now)
	}
}

// recalls is when recall has to look at a check again; zero for never.
func (e *Engine) recalls(w *watch, now time.Time) time.Time {
	if !e.states[w.check.ID()].Unseen {
		return time.Time{}
	}
	var next time.Time
	by := func(at time.Time) {
		if !at.After(now) { // it waits for what the schedule leaves out, or a quiet time
			at = now.Add(leastWake)
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for n, id := range w.ids {
		r, s := w.rule(n), e.rules[id]
		if !s.Failed || !s.Acked.At.IsZero() {
			continue
		}
		f := r.followUp(now)
		if r.FollowUp != nil {
			by(now.Add(leastWake)) // the routes of another hour may say something else
		}
		if f.Reminder > 0 {
			by(s.Told.Add(f.Reminder))
		}
		for _, one := range f.Escalations {
			if !slices.Contains(s.Escalated, one.ID) {
				by(s.Since.Add(one.After))
			}
		}
	}
	return next
}
