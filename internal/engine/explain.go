package engine

import (
	"context"
	"fmt"
	"time"

	"tocsin/templates"
)

// Part is a condition on a view, or a piece of one.
type Part struct {
	// Text is the piece in the words of the rule file, with the values behind
	// what has them, on one line.
	Text string
	Says Truth
	// Why says why it has no data; empty when it has.
	Why string
	// Join is "&&", "||" or "!" when it is made of Parts, empty else.
	Join  string
	Parts []Part
}

// Dissecter is a condition that can be taken apart. It never blocks and never
// panics, and what it says of the whole is what Eval says.
type Dissecter interface {
	Dissect(v View) Part
}

// RuleExplanation is why a rule is as it is.
type RuleExplanation struct {
	RuleStatus
	// When and Clear are the conditions; Clear is empty when the rule has none.
	When, Clear Part
	// Missing says what is missing until something happens, a thing a line.
	Missing []string
}

// CheckExplanation is why the rules of a check are as they are.
type CheckExplanation struct {
	Kind, Name string
	// Read is when the last reading began; zero means never.
	Read time.Time
	// Held says why nothing happens to the check at all; empty when it does.
	Held []string
	// Rules are without the one about the data.
	Rules []RuleExplanation
}

// Explain is why the rules of the checks are as they are that meant says yes
// to. It waits for the deciding goroutine.
func (e *Engine) Explain(ctx context.Context, meant func(kind, name string) bool) ([]CheckExplanation, error) {
	var all []CheckExplanation
	err := e.inquire(ctx, func(now time.Time) {
		for _, w := range e.watches {
			if meant(w.check.Kind, w.check.Name) {
				all = append(all, e.explain(w, now))
			}
		}
	})
	return all, err
}

func (e *Engine) explain(w *watch, now time.Time) CheckExplanation {
	x := CheckExplanation{Kind: w.check.Kind, Name: w.check.Name, Read: w.read, Held: e.hindered(w, now)}
	for i := range w.check.Rules {
		view := e.view(w, i+1, w.reading, now)
		x.Rules = append(x.Rules, ExplainRule(&w.check.Rules[i], e.rules[w.ids[i+1]], view))
	}
	return x
}

// hindered says why nothing happens to a check.
func (e *Engine) hindered(w *watch, now time.Time) []string {
	var why []string
	if s := e.states[w.check.ID()]; !s.Unmonitored.IsZero() {
		why = append(why, fmt.Sprintf("it is not read, for %s: %s", templates.Span(now.Sub(s.Unmonitored)), s.Why))
	}
	if w.job != nil {
		why = append(why, string(w.job.verb)+" is under way, and the rules wait for its end")
	}
	if e.quiet.Load() {
		why = append(why, "the machine goes down, and nothing is read any more")
	}
	switch {
	case w.late:
		why = append(why, fmt.Sprintf("its reading hangs, for %s", templates.Span(now.Sub(w.started))))
	case w.read.IsZero() && !w.idle:
		why = append(why, fmt.Sprintf("it was not read yet: first in %s", templates.Span(max(0, w.next.Sub(now)))))
	case w.readErr != nil:
		why = append(why, fmt.Sprintf("it cannot be read: %v", w.readErr))
	}
	return why
}

// ExplainRule is why a rule is as it is, on a view. The zero state is a rule of
// which nothing is known but the view.
func ExplainRule(r *Rule, s RuleState, v View) RuleExplanation {
	x := RuleExplanation{RuleStatus: RuleStatus{Name: r.Name, Severity: r.Severity, State: s}}
	x.When = dissect(r.When, v)
	o := Observation{When: x.When.Says}
	if r.Clear != nil {
		x.Clear = dissect(r.Clear, v)
		o.Clear = x.Clear.Says
	}
	x.Says = o.When
	if !s.Failed {
		x.Pending = s.pending
	}
	x.Missing = outlook(r, s, o, v.Now)
	return x
}

// dissect takes a condition apart, if it can be.
func dissect(c Condition, v View) Part {
	if d, ok := c.(Dissecter); ok {
		return d.Dissect(v)
	}
	return Part{Says: c.Eval(v)}
}

// outlook says what is missing until something happens to a rule. It is pure,
// and Step in words.
func outlook(r *Rule, s RuleState, o Observation, now time.Time) []string {
	if len(r.Changes) > 0 {
		return []string{"each change is told at once, and is over"}
	}
	var all []string
	if r.Times > 0 {
		all = append(all, fmt.Sprintf("it held in %d of %d readings within %s", len(hits(r, s.hits, Unknown, now)), r.Times, templates.Span(r.Within)))
	}
	if s.Held.IsHeld() {
		return append(all, fmt.Sprintf("it has failed, for %s, and nobody is told: %s has failed, which it depends on", templates.Span(now.Sub(s.Held.Since)), s.Held.Cause))
	}
	if !s.Failed {
		return append(all, untilFailed(r, s, o, now)...)
	}
	all = append(all, fmt.Sprintf("it has failed, for %s", templates.Span(now.Sub(s.Since))))
	switch wait := hold(r, s); {
	case !over(r, s, o) && r.Clear != nil:
		all = append(all, "it recovers when \"clear\" holds"+forText(wait))
	case !over(r, s, o):
		all = append(all, "it recovers when the condition does not hold"+forText(wait))
	case !s.clearing.IsZero():
		fine := now.Sub(s.clearing)
		all = append(all, fmt.Sprintf("fine for %s of %s: it recovers in %s if it stays so", templates.Span(fine), templates.Span(wait), templates.Span(max(0, wait-fine))))
	default:
		all = append(all, "it recovers with the next reading"+forText(wait))
	}
	switch {
	case !s.Acked.At.IsZero():
		all = append(all, fmt.Sprintf("%s looks after it, and nobody is reminded", s.Acked.By))
	case r.Reminder > 0:
		all = append(all, fmt.Sprintf("the next reminder is in %s", templates.Span(max(0, r.Reminder-now.Sub(s.Told)))))
	}
	return all
}

func forText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " for " + templates.Span(d)
}

// untilFailed says what is missing until a rule fails that has not.
func untilFailed(r *Rule, s RuleState, o Observation, now time.Time) []string {
	switch held := now.Sub(s.pending); {
	case o.When == Unknown:
		return []string{"nobody knows whether the condition holds: without data it neither fails nor recovers"}
	case o.When == False:
		return []string{"the condition does not hold"}
	case r.Times > 0:
		return nil
	case s.pending.IsZero() && r.For > 0:
		return []string{fmt.Sprintf("the condition holds: it fails when that is so for %s", templates.Span(r.For))}
	case s.pending.IsZero(), r.For == 0:
		return []string{"the condition holds: it fails with the next reading if that is still so"}
	default:
		return []string{fmt.Sprintf("it holds for %s of %s: it fails in %s if it goes on", templates.Span(held), templates.Span(r.For), templates.Span(max(0, r.For-held)))}
	}
}

// Covered is how far back the readings within a window go.
func (h *History) Covered(w Window, now time.Time) time.Duration {
	points, _ := h.Window(w, now)
	if len(points) == 0 {
		return 0
	}
	return min(w.Length, now.Sub(points[0].First))
}
