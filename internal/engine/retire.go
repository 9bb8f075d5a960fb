package engine

import (
	"slices"
	"strings"
	"time"

	"tocsin"
)

// retire closes the incidents of rules that are not configured any more: whoever
// was told of the failure hears that nobody watches it now, and a rule that
// comes back by the same name begins fine.
func (e *Engine) retire(now time.Time) {
	configured := make(map[string]bool)
	for id := range e.states {
		if e.byID[id] == nil {
			delete(e.states, id)
			e.emitter.add(transition{check: id})
		}
	}
	for _, w := range e.watches {
		for _, id := range w.ids {
			configured[id] = true
		}
	}
	for id, state := range e.rules {
		if !configured[id] {
			owed := state.Owed
			state = state.anew()
			state.Owed, state.repaid = false, false
			e.keepRule(id, state)
			if owed {
				e.emitter.add(transition{rule: id, state: state})
			}
		}
		check, name, ok := splitRule(id)
		if state.Held.IsHeld() && !configured[id] { // nobody was told of it
			state.Held = Held{}
			e.keepRule(id, state)
			e.emitter.add(transition{rule: id, state: state})
		}
		if !state.Failed || configured[id] || !ok {
			continue
		}
		rule := Rule{Name: name, Severity: tocsin.Warning, Recovered: "No longer watched"}
		if n := len(state.Terms); n > 0 { // it matters as much as what was told
			rule.Severity, rule.Metric = state.Terms[n-1].Severity, state.Terms[n-1].Metric
		}
		t := raise(e.host, e.epoch, &check, &rule, state, tocsin.Recovered, "it had failed, and the rule file has no such rule any more or what it was about has gone", "", now)
		e.keepRule(id, t.state)
		e.emitter.add(t)
	}
}

// anew is the state without what For, ClearFor and Times wait for.
func (s RuleState) anew() RuleState {
	s.pending, s.clearing, s.hits = time.Time{}, time.Time{}, nil
	return s
}

// beginAnew has those rules wait anew that a reload has given another condition, or
// another thing to look at: what held before was something else. The others go on.
func (e *Engine) beginAnew(old []*watch) {
	before := make(map[string]*watch, len(old))
	for _, w := range old {
		before[w.check.ID()] = w
	}
	moved := func(id string) bool {
		a, b := before[id], e.byID[id]
		return a != b && (a == nil || b == nil || !slices.Equal(a.check.Attributes, b.check.Attributes))
	}
	for _, w := range e.watches {
		have := before[w.check.ID()]
		if have == nil {
			continue // nothing of it is known that could wait
		}
		gone := moved(w.check.ID())
		for n, id := range w.ids {
			r := w.rule(n)
			m := slices.Index(have.ids, id)
			same := m >= 0 && have.rule(m).Says == r.Says && !gone && !slices.ContainsFunc(r.Refs, func(ref Ref) bool { return moved(ref.Check) })
			if s, known := e.rules[id]; known && !same {
				held := s.Held.IsHeld() // behind its cause: nobody was told of what it was
				if s = s.anew(); held {
					s.Held = Held{}
					delete(e.asking, id)
					e.emitter.add(transition{rule: id, state: s})
				}
				e.keepRule(id, s)
			}
		}
	}
}

// splitRule is the check and the name of a rule that nobody may know any more, by its id.
func splitRule(id string) (c Check, name string, ok bool) {
	kind, rest, _ := strings.Cut(id, ".")
	slash := strings.LastIndexByte(rest, '/')
	if slash < 0 {
		return Check{}, "", false
	}
	return Check{Kind: kind, Name: rest[:slash]}, rest[slash+1:], true
}
