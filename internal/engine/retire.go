package engine

import (
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
		kind, rest, _ := strings.Cut(id, ".")
		slash := strings.LastIndexByte(rest, '/')
		if state.Held.IsHeld() && !configured[id] { // nobody was told of it
			state.Held = Held{}
			e.keepRule(id, state)
			e.emitter.add(transition{rule: id, state: state})
		}
		if !state.Failed || configured[id] || slash < 0 {
			continue
		}
		check, rule := Check{Kind: kind, Name: rest[:slash]}, Rule{Name: rest[slash+1:], Severity: tocsin.Warning, Recovered: "No longer watched"}
		if n := len(state.Terms); n > 0 { // it matters as much as what was told
			rule.Severity, rule.Metric = state.Terms[n-1].Severity, state.Terms[n-1].Metric
		}
		t := raise(e.host, e.epoch, &check, &rule, state, tocsin.Recovered, "it had failed, and the rule file has no such rule any more or what it was about has gone", "", now)
		e.keepRule(id, t.state)
		e.emitter.add(t)
	}
}
