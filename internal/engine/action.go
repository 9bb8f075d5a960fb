package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tocsin"
	"tocsin/templates"
)

// Verb is what is done about a failure, in the words of the rule file. The zero
// Verb is nothing but to tell.
type Verb string

// The verbs. Start, Stop and Restart act on the service; only a person asks for
// Monitor.
const (
	Start     Verb = "start"
	Stop      Verb = "stop"
	Restart   Verb = "restart"
	Exec      Verb = "exec"
	Unmonitor Verb = "unmonitor"
	Monitor   Verb = "monitor"
)

// service says whether a verb acts on the service itself.
func (v Verb) service() bool { return v == Start || v == Stop || v == Restart }

// Method carries out one action, such as a program. Do blocks until that has
// ended, or ctx does, and bounds its own time. said is for people, such as what
// a program printed; ev is what it is done about.
type Method interface {
	Do(ctx context.Context, ev *tocsin.Event) (said string, err error)
}

// Limit is how often a service is acted on before the agent gives up. The zero
// Limit is never.
type Limit struct {
	Times  int
	Within time.Duration
}

// Rest is how long a service is left alone after an action, before the next.
const Rest = 10 * time.Second

// Decision is what follows from an observation of a rule.
type Decision struct {
	Verb Verb
	// GiveUp says that the limit is reached: nothing is done any more.
	GiveUp bool
}

// Situation is what a decision depends on beside the rule.
type Situation struct {
	Event    tocsin.EventType // of this observation; empty for none
	When     Truth
	State    RuleState
	Busy     bool      // an action on the service is under way
	Rested   time.Time // when the last one ended, in this run of the agent
	Actions  []time.Time
	Limit    Limit
	Executes bool // the rule's own program still runs
	// Settling says that this is the first reading after an action: what it sees
	// changed may be the work of that.
	Settling bool
}

// fresh says that something has happened that is to be acted on.
func (s *Situation) fresh() bool { return s.Event == tocsin.Failed || s.Event == tocsin.Changed }

// owes says whether a decision for nothing leaves an action to be made later. What
// an action that was owed has changed itself leaves none, or there would be no end.
func (s *Situation) owes(r *Rule) bool {
	switch {
	case s.Event == tocsin.Recovered:
		return false
	case s.State.Owed:
		return true
	case r.Do == Exec:
		return s.fresh() && s.Executes && !s.State.repaid
	case r.Do.service():
		return s.Event == tocsin.Changed && !s.Settling && !s.State.repaid
	default:
		return false
	}
}

// Decide says what is to be done. It is pure. A failure is acted on at once,
// and again while it lasts: when the condition has held anew for the rule's For
// since the last action ended, and at least Rest has passed. A program of the
// rule runs once for a failure, unless Repeat says otherwise. What is owed is done
// as soon as it can be.
func Decide(r *Rule, s Situation, now time.Time) Decision {
	owed := s.State.Owed && s.Event != tocsin.Recovered && (len(r.Changes) > 0 || s.State.Failed && s.When == True)
	fresh := s.fresh() || owed
	switch r.Do {
	case "":
		return Decision{}
	case Unmonitor:
		if s.fresh() {
			return Decision{Verb: Unmonitor}
		}
		return Decision{}
	case Exec:
		again := s.State.Failed && s.When == True && r.Repeat > 0 && now.Sub(latest(s.State.Acted, s.State.Since)) >= r.Repeat
		if !s.Executes && (fresh || again) {
			return Decision{Verb: Exec}
		}
		return Decision{}
	default:
	}
	again := s.State.Failed && s.When == True && due(r, s.State, now)
	if s.Busy || !fresh && !again || !s.Rested.IsZero() && now.Sub(s.Rested) < Rest {
		return Decision{}
	}
	if s.Limit.Times > 0 && len(recent(s.Actions, s.Limit, now)) >= s.Limit.Times {
		return Decision{GiveUp: true}
	}
	return Decision{Verb: r.Do}
}

// recent are the actions that count for a limit.
func recent(actions []time.Time, l Limit, now time.Time) []time.Time {
	for i, at := range actions {
		if now.Sub(at) < l.Within {
			return actions[i:]
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// needs are the attributes of which a verb takes one, or all of the rest.
func needs(v Verb) []string {
	if v == Restart {
		return []string{string(Restart), "stop\" and \"start"}
	}
	return []string{string(v)}
}

// move is one step of an action: what is done, and what the metric "exists" has
// to be afterwards.
type move struct {
	method Method
	await  Truth // Unknown waits for nothing
	name   Verb
}

// moves are the steps of an action on a check; none when the check does not say
// how. exists says whether the service is there now. It is pure.
func moves(c *Check, v Verb, exists Truth) []move {
	there, gone := True, False
	if !c.Exists {
		there, gone = Unknown, Unknown
	}
	start, stop, restart := c.Methods[Start], c.Methods[Stop], c.Methods[Restart]
	switch {
	case v == Start && start != nil:
		return []move{{start, there, Start}}
	case v == Stop && stop != nil:
		return []move{{stop, gone, Stop}}
	case v == Restart && restart != nil:
		return []move{{restart, there, Restart}}
	case v == Restart && start != nil && stop != nil && exists == False:
		return []move{{start, there, Start}} // there is nothing to stop
	case v == Restart && start != nil && stop != nil:
		return []move{{stop, gone, Stop}, {start, there, Start}}
	}
	return nil
}

// Acts says whether a check says how to do what a rule wants done to it.
func (c *Check) Acts(v Verb) bool { return !v.service() || len(moves(c, v, Unknown)) > 0 }

// decide asks what is to be done about an observation, and remembers in s what
// is owed.
func (e *Engine) decide(w *watch, r *Rule, o Observation, s *RuleState, kind tocsin.EventType, now time.Time) Decision {
	if r.Do == "" {
		return Decision{}
	}
	situation := e.situation(w, r, o, *s, kind)
	d := Decide(r, situation, now)
	switch {
	case d != (Decision{}):
		s.Owed, s.repaid = false, s.Owed
	case r.Do.service() && w.job != nil: // it began with this reading, for another rule
		s.Owed = false
	default:
		if s.Owed = situation.owes(r); s.Owed {
			w.wish(w.rested.Add(Rest), now)
		}
	}
	return d
}

// forgive forgets which actions of a check are owed, all or those on its service.
func (e *Engine) forgive(w *watch, all bool) {
	for n, id := range w.ids {
		if s := e.rules[id]; s.Owed && (all || w.rule(n).Do.service()) {
			s.Owed = false
			e.keepRule(id, s)
			e.emitter.add(transition{rule: id, state: s})
		}
	}
}

func (e *Engine) situation(w *watch, r *Rule, o Observation, s RuleState, kind tocsin.EventType) Situation {
	if kind == tocsin.Failed {
		s.Failed = true
	}
	busy := w.job != nil || r.Do.service() && (s.Failed || kind == tocsin.Changed) && e.busy(w, r)
	return Situation{
		Event: kind, When: o.When, State: s, Busy: busy, Rested: w.rested,
		Actions: e.states[w.check.ID()].Actions, Limit: w.check.Limit, Executes: e.programs[w.check.ID()+"/"+r.Name],
		Settling: w.settling,
	}
}

// busy says that an action on the service of a check has to wait: for another
// one that is under way, or because what the check depends on has failed.
func (e *Engine) busy(w *watch, r *Rule) bool {
	id := w.check.ID()
	if !e.tree.Related(id) {
		return false
	}
	return e.blocked(w, r.Severity) || slices.ContainsFunc(e.plan(r.Do, w), func(t Task) bool { return e.byID[t.Check].job != nil })
}

// note writes into an event what is done about it.
func (e *Engine) note(t *transition, d Decision, r *Rule) {
	if d.Verb == "" {
		return
	}
	t.event.Action = string(d.Verb)
	switch d.Verb {
	case Unmonitor:
		t.event.Mark.Unmonitored = unmonitoredBy(r)
	case Exec: // after a crash nobody knows whether it had begun
		t.state.Runs, t.event.Mark.Runs = true, true
	default:
	}
}

func unmonitoredBy(r *Rule) string { return "by the rule " + r.Name }

// carryOut does what was decided.
func (e *Engine) carryOut(ctx context.Context, w *watch, r *Rule, d Decision, ev *tocsin.Event, now time.Time) {
	state := e.states[w.check.ID()]
	switch {
	case d.GiveUp:
		times := fmt.Sprintf("%d times", w.check.Limit.Times)
		if w.check.Limit.Times == 1 {
			times = "once"
		}
		why := fmt.Sprintf("gave up: acted on %s within %s", times, templates.Span(w.check.Limit.Within))
		one := Rule{Name: r.Name, Severity: tocsin.Critical, Failed: "Timeout"}
		text := fmt.Sprintf("%s, in vain, and no longer monitored; look at it and say: tocsin monitor %s", why, w.check.Name)
		e.tell(w, &one, Unmonitor, text, why, now)
		e.unmonitor(w, CheckState{Unmonitored: now, Why: why, Own: true, Unseen: true})
	case d.Verb == Unmonitor:
		for _, task := range e.plan(Unmonitor, w) {
			one, why := e.byID[task.Check], unmonitoredBy(r)
			if one != w {
				why = fmt.Sprintf("with %s %s", w.check.ID(), why)
			}
			e.unmonitor(one, CheckState{Unmonitored: now, Why: why, Own: true, Unseen: true, Actions: e.states[task.Check].Actions})
		}
	case d.Verb == Exec:
		e.execute(ctx, w, r, ev, now)
	case d.Verb != "":
		kept := append(recent(state.Actions, w.check.Limit, now), now)
		state.Actions = append([]time.Time(nil), kept...)
		rule := *r
		e.act(ctx, w, &job{verb: d.Verb, rule: &rule, event: ev, saved: e.keep(w, state)}, now)
	}
}
