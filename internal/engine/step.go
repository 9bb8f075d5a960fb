package engine

import (
	"time"

	"tocsin"
)

// RuleState is what the engine remembers of a rule. The first part survives a
// restart; the zero value is a rule that is fine and has never failed.
type RuleState struct {
	Failed bool `json:"failed"`
	// Since is when the present or last incident began.
	Since    time.Time `json:"since,omitzero"`
	Incident string    `json:"incident,omitempty"`
	// Transition counts the events of the rule. With the epoch it names the
	// next one.
	Transition uint64 `json:"transition"`
	Reminders  int    `json:"reminders,omitempty"`
	// Escalated names the escalations that were made in the incident, in their
	// order.
	Escalated []string `json:"escalated,omitempty"`
	// Notified names the notifiers that were told of the incident: they hear of
	// its end. Nil is not known, empty is none. The emitter alone knows it.
	Notified []string `json:"notified,omitzero"`
	// Terms are those in which it was told.
	Terms []tocsin.Terms `json:"terms,omitempty"`
	// Told is when the newest event was made, but for escalations and what was
	// done; reminders count from it.
	Told time.Time `json:"told,omitzero"`
	// Seen is what the rule saw last of the metrics in its Changes.
	Seen map[string]string `json:"seen,omitempty"`
	// Flap is of a rule with a Delay.
	Flap tocsin.Flap `json:"flap,omitzero"`

	// Acked is of the present incident.
	Acked Acked `json:"acked,omitzero"`
	// Held is a failure that nobody was told of as yet.
	Held Held `json:"held,omitzero"`

	// Acted is when the rule's program last began.
	Acted time.Time `json:"acted,omitzero"`
	// Runs says that the program was decided on, and nobody was told of its end.
	Runs bool `json:"runs,omitempty"`
	// Owed says that the newest event is still to be acted on.
	Owed bool `json:"owed,omitempty"`

	// pending is since when When holds without a break; zero when it does
	// not.
	pending time.Time
	// clearing is since when the failure is over without a break.
	clearing time.Time
	// hits are the times at which When was true, for Times and Within.
	hits []time.Time
	// repaid says that the last action was one that was owed.
	repaid bool
}

// isZero says that there is nothing to remember.
func (s *RuleState) isZero() bool {
	return !s.Failed && s.Since.IsZero() && s.Incident == "" && s.Transition == 0 && s.Reminders == 0 && s.Escalated == nil && s.Notified == nil && s.Terms == nil &&
		s.Told.IsZero() && s.Seen == nil && s.Flap == (tocsin.Flap{}) && s.Acked == (Acked{}) && s.Held == (Held{}) && s.Acted.IsZero() && !s.Runs && !s.Owed && !s.repaid &&
		s.pending.IsZero() && s.clearing.IsZero() && len(s.hits) == 0
}

// Observation is what a rule's conditions said about one reading.
type Observation struct {
	When, Clear Truth
}

// Step is what an observation makes of a rule: its next state and the type of
// the event that follows, empty for none. It is pure. What is unknown neither
// fails nor clears a rule; it does break a spell that For or ClearFor waits
// for, because nobody knows whether it held.
func Step(r *Rule, s RuleState, o Observation, now time.Time) (RuleState, tocsin.EventType) {
	if s.Held.IsHeld() && len(r.Changes) == 0 {
		return stepHeld(r, s, o, now)
	}
	if len(r.Changes) > 0 {
		switch {
		case s.Failed: // of a rule that was another one before a reload
			return s, tocsin.Recovered
		case o.When == True:
			return s, tocsin.Changed
		}
		return s, ""
	}
	s.hits = hits(r, s.hits, o.When, now)
	if o.When == True {
		s.pending = earliest(s.pending, now)
	} else {
		s.pending = time.Time{}
	}
	if !s.Failed {
		s.clearing = time.Time{}
		if o.When == True && due(r, s, now) {
			s.Flap = flap(r, s, now)
			return s, tocsin.Failed
		}
		return s, ""
	}
	if over(r, s, o) {
		s.clearing = earliest(s.clearing, now)
		if now.Sub(s.clearing) >= hold(r, s) {
			return s, tocsin.Recovered
		}
	} else {
		s.Flap, s.clearing = relapse(r, s, o), time.Time{}
	}
	return lasts(r, s, now)
}

// due says whether a rule whose condition is true has failed.
func due(r *Rule, s RuleState, now time.Time) bool {
	if r.Times > 0 && len(s.hits) < r.Times {
		return false
	}
	return now.Sub(s.pending) >= r.For
}

// over says whether a failure has ended.
func over(r *Rule, s RuleState, o Observation) bool {
	if r.Clear != nil {
		return o.Clear == True && o.When != True // or each reading would be the end of one and the begin of another
	}
	// While it flaps it has not ended, even in a good moment.
	return o.When == False && (r.Times == 0 || len(s.hits) < r.Times)
}

// hits adds a moment at which the condition was true and forgets those that
// are older than the rule looks back. It never changes the slice it is given.
func hits(r *Rule, old []time.Time, when Truth, now time.Time) []time.Time {
	if r.Times == 0 {
		return nil
	}
	kept := make([]time.Time, 0, len(old)+1)
	for _, at := range old {
		if now.Sub(at) < r.Within {
			kept = append(kept, at)
		}
	}
	if n := len(kept); when == True && (n == 0 || now.Sub(kept[n-1]) >= r.Apart) {
		kept = append(kept, now)
	}
	return kept[max(0, len(kept)-r.Times):]
}

func earliest(have, now time.Time) time.Time {
	if have.IsZero() {
		return now
	}
	return have
}
