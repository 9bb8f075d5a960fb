package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tocsin"
)

// CheckStatus is what the engine knows of one check.
type CheckStatus struct {
	Kind, Name string
	Groups     []string
	DependsOn  []string
	Labels     map[string]string
	Interval   time.Duration
	// Read is when the last reading began and Next when the next one will; the
	// zero time means never, as yet.
	Read, Next time.Time
	// Reading is the last one; Err is why there is none.
	Reading tocsin.Reading
	Err     error
	// Warm says that a rule which does not know by now is without data: there
	// was more than one reading, and every window has had its time.
	Warm bool
	// State is what is remembered of the check as a whole; Acting the action on
	// its service that is under way.
	State  CheckState
	Acting Verb
	Rules  []RuleStatus
}

// RuleStatus is what the engine knows of one rule. The first one of a check is
// about its data: it fails while the check cannot be read.
type RuleStatus struct {
	Name     string
	Severity tocsin.Severity
	// State is the rule's; its Since is of the last incident when it has not
	// failed.
	State RuleState
	// Says is what the condition said of the last reading.
	Says Truth
	// Pending is since when it has held without having failed yet.
	Pending time.Time
	// Description are the values, where the condition holds or the rule has
	// failed.
	Description string
}

// Status is the state of every check, in the order of the configuration. It
// waits for the deciding goroutine.
func (e *Engine) Status(ctx context.Context) ([]CheckStatus, error) {
	answer := make(chan []CheckStatus, 1)
	select {
	case e.asks <- answer:
		return <-answer, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("ask engine: %w", ctx.Err())
	}
}

// report copies what is known of every check.
func (e *Engine) report(now time.Time) []CheckStatus {
	all := make([]CheckStatus, 0, len(e.watches))
	for _, w := range e.watches {
		s := CheckStatus{
			Kind: w.check.Kind, Name: w.check.Name, Groups: w.check.Groups, DependsOn: w.check.DependsOn, Labels: w.check.Labels, Interval: w.check.Interval, Read: w.read, Next: w.next,
			Reading: tocsin.Reading{At: w.reading.At, Values: slices.Clone(w.reading.Values), Errors: maps.Clone(w.reading.Errors)}, Err: w.readErr, Warm: w.warm,
		}
		if w.idle {
			s.Next = time.Time{}
		}
		if s.State = e.states[w.check.ID()]; w.job != nil {
			s.Acting = w.job.verb
		}
		data := e.ruleStatus(w, 0)
		if w.readErr != nil || len(w.reading.Errors) > 0 {
			data.Says = True
			data.Description = failures(result{reading: w.reading, err: w.readErr})
		}
		s.Rules = append(s.Rules, data)
		for i := range w.check.Rules {
			r := &w.check.Rules[i]
			view := e.view(w, i+1, w.reading, now)
			status := e.ruleStatus(w, i+1)
			if !w.reading.At.IsZero() {
				status.Says = r.When.Eval(view)
			}
			if status.State.Failed || status.State.Held.IsHeld() || status.Says == True {
				status.Description, _ = r.Explain(view)
			}
			s.Rules = append(s.Rules, status)
		}
		all = append(all, s)
	}
	return all
}

func (e *Engine) ruleStatus(w *watch, n int) RuleStatus {
	r, state := w.rule(n), e.rules[w.ids[n]]
	s := RuleStatus{Name: r.Name, Severity: r.Severity, State: state}
	if !state.Failed {
		s.Pending = state.pending
	}
	return s
}
