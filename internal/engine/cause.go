package engine

import (
	"iter"
	"slices"
	"time"

	"tocsin"
)

// search is what looking for causes needs again and again.
type search struct {
	count uint64 // numbers the searches
	queue []*watch
	rules []BelowRule
	looks int // how many checks were looked at; a test bounds it
}

// connect has the watches know what they depend on, after a reload.
func (e *Engine) connect(watches []*watch) {
	for _, w := range watches {
		w.needs, w.behind = nil, nil
		for _, id := range e.tree.needs[w.check.ID()] {
			w.needs = append(w.needs, e.byID[id])
		}
	}
}

// beneath is all that a check depends on, the nearest first. There is one search
// at a time.
func (e *Engine) beneath(w *watch) iter.Seq[*watch] {
	return func(yield func(*watch) bool) {
		s := &e.search
		s.count++
		s.queue = append(s.queue[:0], w)
		for i := 0; i < len(s.queue); i++ {
			if i > 0 && !yield(s.queue[i]) {
				return
			}
			for _, below := range s.queue[i].needs {
				if below.visited != s.count {
					below.visited = s.count
					s.queue = append(s.queue, below)
				}
			}
		}
	}
}

// fromBelow are all checks, what others depend on before them.
func (e *Engine) fromBelow() []*watch {
	all := slices.Clone(e.watches)
	slices.SortStableFunc(all, func(a, b *watch) int { return e.tree.rank[a.check.ID()] - e.tree.rank[b.check.ID()] })
	return all
}

// judgeBy is Judge by one check alone.
func (e *Engine) judgeBy(w *watch, severity tocsin.Severity, asked, now time.Time) Judgment {
	s := &e.search
	s.looks++
	s.rules = s.rules[:0]
	for n, rule := range w.ids {
		state, r := e.rules[rule], w.rule(n)
		one := BelowRule{ID: rule, Severity: r.Severity, Failed: state.Failed && !e.emitter.untold(rule, state.Incident), Undecided: state.Held.IsHeld() || e.asking[rule] != nil}
		if !state.Failed && !state.pending.IsZero() && r.For > 0 {
			one.Due = state.pending.Add(r.For)
		}
		s.rules = append(s.rules, one)
	}
	return Judge(severity, []Below{{
		Given: w.idle && !e.states[w.check.ID()].Own, Deaf: w.deafTo(now), Busy: w.job != nil, Timeout: w.check.Timeout,
		Read: w.sawAfter(asked), Rules: s.rules,
	}}, asked, now)
}

// causeBy is the rule of a check, or the one behind which that is held itself,
// that holds a failure.
func (e *Engine) causeBy(w *watch, severity tocsin.Severity, asked, now time.Time) (cause string, of *watch, by Judgment) {
	if by = e.judgeBy(w, severity, asked, now); by.Cause != "" {
		return by.Cause, w, by
	}
	for n, further := range w.behind {
		if further == nil || !e.rules[w.ids[n]].Held.IsHeld() {
			continue
		}
		if j := e.judgeBy(further, severity, asked, now); j.Cause != "" {
			return j.Cause, further, by
		}
	}
	return "", nil, by
}

// judge is Judge by all that a check depends on, for the failure of its n-th rule.
// What held it before, or made it wait, is looked at first: a failure that lasts
// costs a look at each reading, however much is below it.
func (e *Engine) judge(w *watch, n int, asked, now time.Time) Judgment {
	severity := w.rule(n).Severity
	if w.behind == nil {
		w.behind = make([]*watch, len(w.ids))
	}
	if known := w.behind[n]; known != nil {
		j := e.judgeBy(known, severity, asked, now)
		if j.Cause != "" || !j.Wait.IsZero() && e.asking[w.ids[n]] != nil {
			return j
		}
	}
	var all Judgment
	w.behind[n] = nil
	for below := range e.beneath(w) {
		cause, of, by := e.causeBy(below, severity, asked, now)
		if cause != "" {
			w.behind[n] = of
			return Judgment{Cause: cause}
		}
		if by.Wait.After(all.Wait) {
			all, w.behind[n] = by, below
		}
	}
	return all
}

// blocked says that a failure of a check would be held now.
func (e *Engine) blocked(w *watch, severity tocsin.Severity) bool {
	now := time.Now()
	for below := range e.beneath(w) {
		if cause, _, _ := e.causeBy(below, severity, now, now); cause != "" {
			return true
		}
	}
	return false
}

// stillWaits says that a failure goes on waiting for what it waited for.
func (e *Engine) stillWaits(rule string, a *asking, now time.Time) bool {
	w := a.watch
	if w.replaced || w.job != nil || w.idle || a.n >= len(w.behind) || w.behind[a.n] == nil {
		return false
	}
	known := w.behind[a.n]
	if known == a.looked && known.turn == a.turn && now.Before(a.until) {
		return true
	}
	if e.rules[rule].pending.IsZero() {
		return false
	}
	j := e.judgeBy(known, w.rule(a.n).Severity, a.asked, now)
	if j.Cause != "" || j.Wait.IsZero() {
		return false
	}
	e.hurried = e.hurried || !j.Wait.Equal(a.until)
	a.until, a.looked, a.turn = j.Wait, known, known.turn
	return true
}

// lookAnew has the failures of a check that wait look at all that is below: there
// is a new cause.
func (e *Engine) lookAnew(w *watch) {
	for n := range w.behind {
		if e.asking[w.ids[n]] != nil {
			w.behind[n] = nil
		}
	}
}

// foresee has a check read when its rule will have failed, if failures wait that
// may be held behind that.
func (e *Engine) foresee(w *watch, r *Rule, before, state RuleState, now time.Time) {
	if len(e.asking) > 0 && r.For > 0 && !state.Failed && before.pending.IsZero() && !state.pending.IsZero() && len(e.tree.neededBy[w.check.ID()]) > 0 {
		w.wish(state.pending.Add(r.For), now)
	}
}

// deafTo says that a check is not read when it is asked.
func (w *watch) deafTo(now time.Time) bool {
	return w.resting() || w.check.Schedule.Timed() || w.check.Schedule.Masked(now)
}
