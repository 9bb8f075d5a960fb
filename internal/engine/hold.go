package engine

import (
	"time"

	"tocsin"
)

// The longest that a failure waits for what its check depends on: for a reading
// of that, and for a failure there that has begun and not lasted long enough.
const (
	longestLook = 10 * time.Second
	longestHold = 2 * time.Minute
)

// Held is a failure that nobody was told of, because something has failed that the
// check depends on. The zero value is none.
type Held struct {
	// Since is when it began.
	Since time.Time `json:"since"`
	// Cause is the id of the rule behind which it is held.
	Cause string `json:"cause"`
	// Over is when it ended, without a word; the cause's recovery tells. Zero
	// while it lasts.
	Over time.Time `json:"over,omitzero"`
}

// IsHeld says that there is a failure of which nobody was told.
func (h Held) IsHeld() bool { return !h.Since.IsZero() && h.Over.IsZero() }

// stepHeld is Step for a failure that is held: it ends like one that was told,
// without a word, and is to be told whenever it still holds.
func stepHeld(r *Rule, s RuleState, o Observation, now time.Time) (RuleState, tocsin.EventType) {
	silent := *r
	silent.Reminder, silent.FollowUp = 0, nil
	held := s.Held
	s.Failed, s.Held = true, Held{}
	s, kind := Step(&silent, s, o, now)
	s.Failed = false
	if kind == tocsin.Recovered {
		s.hits, s.pending, s.clearing = nil, time.Time{}, time.Time{}
		held.Over = now
		s.Held = held
		return s, ""
	}
	s.Held = held
	if o.When != True {
		return s, ""
	}
	s.pending = held.Since
	return s, tocsin.Failed
}

// Below is what is known of a check that another one depends on.
type Below struct {
	// Deaf says that it is not read when asked: nobody watches it, or its
	// schedule forbids it.
	Deaf bool
	// Given says that nobody watches it, at somebody's wish: it holds nothing.
	Given bool
	// Read says that it has been read since it was asked; Busy that its rules
	// wait for an action.
	Read, Busy bool
	Timeout    time.Duration
	Rules      []BelowRule
}

// BelowRule is a rule of a check that another one depends on.
type BelowRule struct {
	ID       string
	Severity tocsin.Severity
	Failed   bool // and it is not so that nobody was told
	// Undecided says that it fails, but is held or waits itself.
	Undecided bool
	// Due is when it will have failed, if its condition goes on to hold; zero
	// when that does not hold.
	Due time.Time
}

// Judgment is what becomes of a failure: it is held behind Cause, or waits until
// Wait, or, with neither, is told.
type Judgment struct {
	Cause string
	Wait  time.Time
}

// Judge says whether a failure is told now. below is what the check depends on,
// asked is when that was asked how it is. Only what matters as much as the failure
// itself holds it: a disk that fills up hides no dead web server that somebody called
// critical. It is pure.
func Judge(severity tocsin.Severity, below []Below, asked, now time.Time) Judgment {
	for _, b := range below {
		for _, r := range b.Rules {
			if !b.Given && r.Failed && r.Severity >= severity {
				return Judgment{Cause: r.ID}
			}
		}
	}
	var wait time.Time
	for _, b := range below {
		look := min(b.Timeout, longestLook)
		if b.Deaf {
			continue
		}
		if !b.Read {
			wait = latest(wait, asked.Add(look))
		}
		if b.Busy {
			wait = latest(wait, asked.Add(longestHold))
		}
		for _, r := range b.Rules {
			switch {
			case r.Severity < severity:
			case r.Undecided:
				wait = latest(wait, asked.Add(longestHold))
			case !r.Due.IsZero():
				due := r.Due.Add(look)
				if most := asked.Add(longestHold); due.After(most) {
					due = most
				}
				wait = latest(wait, due)
			}
		}
	}
	if !wait.After(now) {
		return Judgment{}
	}
	return Judgment{Wait: wait}
}
