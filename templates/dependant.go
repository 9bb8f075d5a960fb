package templates

import (
	"fmt"
	"slices"
	"strings"

	"tocsin"
)

// dependsOnIt heads the list of the checks that depend on the one of an event.
const dependsOnIt = "Depend on it"

// maxFellow bounds each field of a dependant, and maxFellows how many there are.
const (
	maxFellow  = 200
	maxFellows = 50
)

// cleanDependants has the dependants of an event clean. They are shared with
// others, and copied.
func cleanDependants(e *tocsin.Event) {
	left := max(0, len(e.Dependants)-maxFellows)
	e.MoreDependants = max(0, e.MoreDependants) + left
	all := slices.Clone(e.Dependants[:len(e.Dependants)-left])
	for i := range all {
		d := &all[i]
		for _, field := range []*string{&d.Kind, &d.Check, &d.Rule, &d.Name} {
			*field = visible(cut(*field, maxFellow), oneLine)
		}
		d.State = tocsin.DependantState(visible(cut(string(d.State), 32), oneLine))
	}
	e.Dependants = all
}

// dependants is a line for each check that depends on the one of an event: how
// it is, and why nobody hears of it in a mail of its own.
func dependants(e *tocsin.Event) string {
	lines := make([]string, 0, len(e.Dependants))
	for i := range e.Dependants {
		lines = append(lines, dependant(&e.Dependants[i]))
	}
	if e.MoreDependants > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.MoreDependants))
	}
	return strings.Join(lines, "\n")
}

func dependant(d *tocsin.Dependant) string {
	who := d.Kind + " " + d.Check + ": "
	what := ""
	if d.Name != "" {
		what = fmt.Sprintf(" (%s)", d.Name)
	}
	switch d.State {
	case tocsin.DependantHeld:
		return who + "failed at " + localTime(d.Since) + what + ", told here"
	case tocsin.DependantFailed:
		return who + "failed at " + localTime(d.Since) + what + ", in a mail of its own"
	case tocsin.DependantOver:
		return fmt.Sprintf("%sfailed at %s%s, recovered after %s", who, localTime(d.Since), what, Span(d.Until.Sub(d.Since)))
	case tocsin.DependantFine, tocsin.DependantUnread, tocsin.DependantIdle:
	}
	return who + string(d.State)
}

// fellows names the dependants that an event tells of, for a digest: "; told with
// it: process app, host web, and 949 more"; empty when there are none. Who is not
// in the event any more is counted too, while it may be told with it.
func fellows(e *tocsin.Event) string {
	var names []string
	size, more := len("; told with it: , and 000000 more"), 0
	for i := range e.Dependants {
		d := &e.Dependants[i]
		if d.State != tocsin.DependantHeld && d.State != tocsin.DependantOver {
			continue
		}
		name := d.Kind + " " + d.Check
		if size += len(name) + len(", "); size > maxLead && len(names) > 0 {
			more++
			continue
		}
		names = append(names, cut(name, maxLead/2))
	}
	if len(names) == 0 {
		return ""
	}
	switch e.Dependants[len(e.Dependants)-1].State {
	case tocsin.DependantFine, tocsin.DependantUnread, tocsin.DependantIdle: // the worst come first
	default:
		more += e.MoreDependants
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return "; told with it: " + strings.Join(names, ", ")
}
