package engine

import (
	"fmt"
	"time"

	"tocsin"
	"tocsin/templates"
)

// MaxDelay is what the delay of a rule that flaps grows to. A rule that stays
// fine for as long after its recovery was told flaps no more.
const MaxDelay = time.Hour

// hold is how long a recovery must last before it is told.
func hold(r *Rule, s RuleState) time.Duration {
	if r.Delay == 0 {
		return r.ClearFor
	}
	d := r.Delay
	for range s.Flap.Level {
		d = min(2*d, MaxDelay)
	}
	return d
}

// flap is what a new failure makes of the flapping: soon after the last
// recovery was told the next one must last twice as long, and each hour in
// between in which the rule was fine halves that.
func flap(r *Rule, s RuleState, now time.Time) tocsin.Flap {
	f := s.Flap
	if r.Delay == 0 {
		return tocsin.Flap{}
	}
	calm := now.Sub(s.Told)
	if f.Failures == 0 || calm >= MaxDelay {
		f.Failures, f.Since = 0, earliest(s.pending, now)
		f.Level = max(0, f.Level-int(calm/MaxDelay))
	} else if hold(r, s) < MaxDelay {
		f.Level++
	}
	f.Failures++
	return f
}

// relapse counts a failure that comes back before its recovery was told.
func relapse(r *Rule, s RuleState, o Observation) tocsin.Flap {
	f := s.Flap
	if r.Delay > 0 && o.When == True && !s.clearing.IsZero() {
		f.Failures++
	}
	return f
}

// flapped says what happened meanwhile: " (failed 7 times in 12m)"; empty when
// the rule does not flap.
func flapped(r *Rule, s RuleState, now time.Time) string {
	if r.Delay == 0 || s.Flap.Failures < 2 {
		return ""
	}
	return fmt.Sprintf(" (failed %d times in %s)", s.Flap.Failures, templates.Span(now.Sub(s.Flap.Since)))
}
