package engine

import (
	"cmp"
	"context"
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
			e.conclude(ctx, decided{w, n, tocsin.Escalation, before, state, e.view(w, n, w.reading, now), Observation{}, bad}, now)
		}
	}
}
