package engine

import (
	"slices"

	"tocsin"
)

// notified is who was told of the incident of a rule: names of notifiers. A nil
// list is not known, an empty one is nobody.
type notified struct {
	incident string
	names    []string
}

// notified is what is known of a rule at this point of the queue.
func (e *emitter) notified(rule string) notified {
	if n, known := e.told[rule]; known {
		return n
	}
	s := e.state.Rules[rule]
	return notified{s.Incident, s.Notified}
}

// address writes into an event, when it is offered first, who was told of its
// incident before.
func (e *emitter) address(p *pending) {
	if p.addressed || p.event.Mark == nil {
		return
	}
	p.addressed = true
	n := e.notified(p.rule)
	switch {
	case p.event.Type == tocsin.Failed:
		n = notified{p.event.Incident, []string{}}
	case n.incident != p.event.Incident:
		n = notified{incident: p.event.Incident} // of a state that is not ours
	}
	e.told[p.rule] = n
	ev, mark := *p.event, *p.event.Mark // others have the event too
	mark.Notified, ev.Mark = n.names, &mark
	p.event, p.state.Notified = &ev, n.names
}

// heard notes who was told by an event.
func (e *emitter) heard(p *pending, names []string) {
	if p.event.Mark == nil || !p.event.Type.TellsFailure() {
		return
	}
	if n := e.notified(p.rule); n.incident == p.event.Incident {
		n = n.and(names)
		e.told[p.rule] = n
		if p.durable {
			e.note(p.rule, n)
		}
	}
	p.state.Notified = notified{names: p.state.Notified}.and(names).names
}

// and is n with more names; what is not known stays so.
func (n notified) and(names []string) notified {
	if n.names == nil {
		return n
	}
	n.names = slices.Clip(n.names)
	for _, name := range names {
		if !slices.Contains(n.names, name) {
			n.names = append(n.names, name)
		}
	}
	return n
}

// Notified notes that notifiers were told of an incident of a rule by another
// way than its events: they hear of its end too.
func (e *Engine) Notified(rule, incident string, names []string) {
	e.emitter.add(transition{rule: rule, more: &notified{incident, names}})
}

// join takes in what Notified says.
func (e *emitter) join(p *pending) {
	if n := e.notified(p.rule); n.incident == p.more.incident {
		n = n.and(p.more.names)
		e.told[p.rule] = n
		e.note(p.rule, n)
	}
}

// note keeps for the deciding goroutine whether nobody was told.
func (e *emitter) note(rule string, n notified) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n.names != nil && len(n.names) == 0 {
		e.unheard[rule] = n.incident
	} else {
		delete(e.unheard, rule)
	}
}

// untold says that an incident of a rule went to nobody. It may come to be known
// a moment after its event.
func (e *emitter) untold(rule, incident string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	unheard, known := e.unheard[rule]
	return known && unheard == incident
}

// inTerms are the terms in which an incident was told, with those of an event
// about it.
func inTerms(before []tocsin.Terms, ev *tocsin.Event) []tocsin.Terms {
	switch {
	case !ev.Type.TellsFailure():
		return before
	case ev.Type == tocsin.Failed:
		return []tocsin.Terms{ev.Terms()}
	case before == nil, slices.Contains(before, ev.Terms()):
		return before // what is not known stays so
	default:
		return append(slices.Clip(before), ev.Terms())
	}
}
