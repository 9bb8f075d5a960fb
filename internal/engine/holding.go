package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"tocsin"
)

// asking is a failure that waits for readings of what its check depends on.
type asking struct {
	watch *watch
	n     int // the rule
	asked time.Time
	until time.Time
	view  View
	when  Observation
	bad   string
	// looked is what it waits for, as it was in that turn.
	looked *watch
	turn   uint64
}

// postpones says whether a failure is not told now. It has what the check depends
// on read, and remembers in state what it is held behind.
func (e *Engine) postpones(a asking, state *RuleState, now time.Time) bool {
	w, rule := a.watch, a.watch.ids[a.n]
	if len(w.needs) == 0 {
		return false
	}
	first := e.asking[rule] == nil
	switch {
	case !first:
		a.asked = e.asking[rule].asked
	case state.Held.IsHeld() && !w.freed.IsZero():
		a.asked = w.freed.Add(comingBack) // the cause may have failed again meanwhile
	default:
		a.asked = now
	}
	j := e.judge(w, a.n, a.asked, now)
	switch {
	case j.Cause != "":
		delete(e.asking, rule)
		if !state.Held.IsHeld() {
			state.Held = Held{Since: earliest(state.pending, now)}
			e.log.Info("failure held behind what it depends on", "rule", rule, "cause", j.Cause)
		}
		state.Held.Cause = j.Cause
		return true
	case state.Held.IsHeld() && !w.freed.IsZero() && (!w.sawAfter(w.freed) || now.Before(w.freed.Add(comingBack))):
		delete(e.asking, rule)
		w.wish(w.freed.Add(comingBack), now)
		return true // its cause has only just recovered
	case j.Wait.IsZero():
		delete(e.asking, rule)
		return false
	}
	a.until = j.Wait
	e.asking[rule] = &a
	e.hurried = true
	for below := range e.beneath(w) {
		if first && !below.sawAfter(a.asked) {
			e.rouse(below, now)
		}
		for n, rule := range below.ids {
			if s := e.rules[rule]; !s.Failed && !s.pending.IsZero() {
				below.wish(s.pending.Add(below.rule(n).For), now)
			}
		}
	}
	return true
}

// settleAsking decides about the failures that wait, as far as it is time.
func (e *Engine) settleAsking(ctx context.Context, now time.Time) {
	if e.quiet.Load() {
		clear(e.asking) // what goes down with the machine has not failed
	}
	if len(e.asking) == 0 {
		return
	}
	var rules []string
	for rule, a := range e.asking {
		if !e.stillWaits(rule, a, now) {
			rules = append(rules, rule)
		}
	}
	slices.SortFunc(rules, func(a, b string) int { // what others depend on is decided before them
		return cmp.Or(e.tree.rank[e.asking[a].watch.check.ID()]-e.tree.rank[e.asking[b].watch.check.ID()], strings.Compare(a, b))
	})
	for _, rule := range rules {
		a := e.asking[rule]
		if a == nil || a.watch.replaced || a.watch.job != nil || a.watch.idle || e.rules[rule].pending.IsZero() {
			if a != nil && !a.watch.idle {
				e.leave(a.watch, a.view.Reading)
			}
			delete(e.asking, rule) // its next reading asks again
			continue
		}
		before := e.rules[rule]
		state := before
		if e.postpones(*a, &state, now) {
			e.held(a.watch, rule, before, state)
			continue
		}
		r := a.watch.rule(a.n)
		state.Flap = flap(r, state, now)
		e.conclude(ctx, decided{watch: a.watch, n: a.n, kind: tocsin.Failed, before: before, state: state, view: a.view, when: a.when, bad: a.bad}, now)
	}
}

// held keeps what is held, also on disk.
func (e *Engine) held(w *watch, rule string, before, state RuleState) {
	e.keepRule(rule, state)
	w.turn++
	if state.Held != before.Held {
		e.emitter.add(transition{rule: rule, state: state})
	}
}

// comingBack is how long a service has to come back after what it depends on,
// before its failure is told as one of its own.
const comingBack = 10 * time.Second

// settle is how much later than something happened a reading has to begin to have
// seen it: readers share what they read of /proc for 200 ms.
const settle = 250 * time.Millisecond

// sawAfter says that a reading has come that has seen what was at a time.
func (w *watch) sawAfter(at time.Time) bool { return !w.seen.Before(at.Add(settle)) }

// rouse has a check read so soon that it sees what there is now.
func (e *Engine) rouse(w *watch, now time.Time) {
	if !w.deafTo(now) {
		w.wanted = now.Add(settle)
		w.by(w.wanted, now)
		e.hurried = true
	}
}

// heed keeps to when a check is wanted to be read, after its next reading was
// planned.
func (w *watch) heed(now time.Time) {
	switch {
	case w.wanted.IsZero():
	case now.Before(w.wanted):
		w.by(w.wanted, now)
	default:
		w.again = w.again || !w.started.IsZero() // it began too early
		w.wanted = time.Time{}
	}
}

// wish has a check read at a time, too.
func (w *watch) wish(at, now time.Time) {
	if at.After(now) && (w.wanted.IsZero() || at.Before(w.wanted)) {
		w.wanted = at
		w.by(at, now)
	}
}

// by has a check read at a time, if it would be read later.
func (w *watch) by(at, now time.Time) {
	if !w.deafTo(now) && at.Before(w.next) && at.After(now) {
		w.next = at
	}
}

// free has the failures decided anew that are held behind a check, on readings
// from now on.
func (e *Engine) free(id string, now time.Time) {
	for _, one := range e.tree.Dependants(id) {
		if w := e.byID[one]; e.holds(w) {
			w.freed = now
			e.rouse(w, now)
		}
	}
}

// holds says that a failure of a check is held.
func (e *Engine) holds(w *watch) bool {
	return slices.ContainsFunc(w.ids, func(rule string) bool { return e.rules[rule].Held.IsHeld() })
}

// freeAll has failures decided anew that nothing holds any more, after a reload.
func (e *Engine) freeAll(now time.Time) {
	for _, w := range e.fromBelow() {
		for n, rule := range w.ids {
			if !e.rules[rule].Held.IsHeld() {
				continue
			}
			if e.judge(w, n, now, now).Cause == "" {
				w.freed = now
				e.rouse(w, now)
				break
			}
		}
	}
}

// maxDependants bounds how many checks an event says the state of.
const maxDependants = 50

// dependants is how the checks are that depend on the one of a rule, and how many
// more there are: those first that fail, or did in its incident, which began at
// since, then those that were not read since.
func (e *Engine) dependants(w *watch, n int, since time.Time) (all []tocsin.Dependant, more int) {
	var unread, good []tocsin.Dependant
	for _, one := range e.tree.Dependants(w.check.ID()) {
		switch d := e.dependant(e.byID[one], w.rule(n).Severity, w.ids[n], since); d.State {
		case tocsin.DependantFine, tocsin.DependantIdle:
			good = append(good, d)
		case tocsin.DependantUnread:
			unread = append(unread, d)
		default:
			all = append(all, d)
		}
	}
	all = slices.Concat(all, unread, good)
	more = max(0, len(all)-maxDependants)
	return all[:len(all)-more], more
}

// Renew gives those of the events whose incident lasts the dependants as they are
// now. When the deciding goroutine does not answer before ctx ends, they stay as
// they are.
func (e *Engine) Renew(ctx context.Context, events []*tocsin.Event) {
	err := e.inquire(ctx, func(time.Time) {
		for _, ev := range events {
			w, rule := e.byID[CheckID(ev.Kind, ev.Check)], ev.RuleID()
			if s := e.rules[rule]; w == nil || !s.Failed || s.Incident != ev.Incident {
				continue
			}
			if n := slices.Index(w.ids, rule); n >= 0 {
				ev.Dependants, ev.MoreDependants = e.dependants(w, n, ev.Since)
			}
		}
	})
	if err != nil {
		e.log.Warn("a mail says of what depends on its checks how that was when they failed", "err", err)
	}
}

// dependant is how a check is by its worst rule.
func (e *Engine) dependant(w *watch, severity tocsin.Severity, cause string, from time.Time) tocsin.Dependant {
	d := tocsin.Dependant{Kind: w.check.Kind, Check: w.check.Name, State: tocsin.DependantFine}
	if w.idle {
		d.State = tocsin.DependantIdle
		return d
	}
	worst := tocsin.Info
	for n, rule := range w.ids {
		s, r := e.rules[rule], w.rule(n)
		state, since, until := tocsin.DependantFine, time.Time{}, time.Time{}
		switch waits := e.asking[rule] != nil; {
		case s.Failed:
			state, since = tocsin.DependantFailed, s.Since
		case s.Held.IsHeld():
			state, since = tocsin.DependantHeld, s.Held.Since
		case waits && r.Severity <= severity:
			state, since = tocsin.DependantHeld, s.pending
		case waits:
			state, since = tocsin.DependantFailed, s.pending
		case s.Held.Cause == cause && s.Held.Over.After(from):
			state, since, until = tocsin.DependantOver, s.Held.Since, s.Held.Over
		}
		over, wasOver := state == tocsin.DependantOver, d.State == tocsin.DependantOver
		if state != tocsin.DependantFine && (d.State == tocsin.DependantFine || wasOver && !over || over == wasOver && r.Severity > worst) {
			worst, d.State, d.Since, d.Until, d.Rule, d.Name = r.Severity, state, since, until, r.Name, r.Failed
		}
	}
	if d.State == tocsin.DependantFine && !w.sawAfter(from) {
		d.State = tocsin.DependantUnread
	}
	return d
}
