package engine

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The verbs about a failure: that somebody looks after it, or no longer does.
const (
	Ack   Verb = "ack"
	Unack Verb = "unack"
)

// Acked is that somebody looks after an incident: it is repeated no more. The
// zero Acked is that nobody does.
type Acked struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// Failure is one that has not recovered: its rule, as KIND.NAME/RULE, and the id
// of the incident.
type Failure struct{ Rule, Incident string }

// Acknowledge is Obey for Ack and Unack, and says which failures those are that
// were meant, sorted by their rule. With an error they are those that are on disk
// at best.
func (e *Engine) Acknowledge(ctx context.Context, o Order) ([]Failure, error) {
	if o.Verb != Ack && o.Verb != Unack {
		return nil, fmt.Errorf("%s: is about no failure", o.Verb)
	}
	return e.carry(ctx, o)
}

// leastPrefix is how much of the id of an incident is enough.
const leastPrefix = 6

// acknowledge notes that somebody looks after the failures that the names mean,
// or no longer does, as long as they last.
func (e *Engine) acknowledge(o Order, now time.Time) ([]<-chan outcome, error) {
	if len(o.Names) == 0 {
		return nil, fmt.Errorf("%s: name an incident, a rule or a check", o.Verb)
	}
	var ids []string
	for _, name := range o.Names {
		n := len(ids)
		for _, w := range e.watches {
			for i, id := range w.ids {
				if s := e.rules[id]; s.Failed && answers(w, i, s, name) {
					ids = append(ids, id)
				}
			}
		}
		if len(ids) == n {
			if err := e.heldUnder(o.Verb, name); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%s: nothing has failed that is called %q: it is the beginning of an incident's id, or NAME, KIND.NAME or NAME/RULE", o.Verb, name)
		}
	}
	var ends []<-chan outcome
	for _, id := range ids {
		s := e.rules[id]
		s.Acked = Acked{}
		if o.Verb == Ack {
			s.Acked = Acked{At: now, By: o.By, Reason: o.Reason}
		}
		e.keepRule(id, s)
		saved := make(chan error, 1)
		e.emitter.add(transition{rule: id, state: s, saved: saved})
		e.log.Info("failure acknowledged or no longer", "verb", string(o.Verb), "rule", id, "incident", s.Incident, "by", o.By, "reason", o.Reason)
		ends = append(ends, finished(outcome{saved: saved, of: Failure{id, s.Incident}}))
	}
	return ends, nil
}

// heldUnder says, of a name that means a failure of which nobody was told, behind
// what that is held; nil when there is none.
func (e *Engine) heldUnder(verb Verb, name string) error {
	for _, w := range e.watches {
		for i, id := range w.ids {
			s := e.rules[id]
			if !s.Held.IsHeld() || !answers(w, i, RuleState{}, name) {
				continue
			}
			cause := s.Held.Cause
			if !e.rules[cause].Failed {
				return fmt.Errorf("%s: %s is held behind %s, which has failed no more: it is told soon, if it lasts", verb, id, cause)
			}
			return fmt.Errorf("%s: %s is held behind its cause, and nobody is reminded of it: name the cause instead: %q", verb, id, cause)
		}
	}
	return nil
}

// answers says whether a person means the failure of the n-th rule of a check.
func answers(w *watch, n int, s RuleState, name string) bool {
	rule := w.rule(n).Name
	switch name {
	case w.check.Name, w.check.ID(), w.check.Name + "/" + rule, w.ids[n]:
		return true
	}
	return len(name) >= leastPrefix && strings.HasPrefix(s.Incident, name)
}
