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

// cleanDependants are the dependants of an event, clean. They are shared with
// others, and copied.
func cleanDependants(all []tocsin.Dependant) []tocsin.Dependant {
	all = slices.Clone(all[:min(len(all), maxFellows)])
	for i := range all {
		d := &all[i]
		for _, field := range []*string{&d.Kind, &d.Check, &d.Rule, &d.Name} {
			*field = visible(cut(*field, maxFellow), oneLine)
		}
		d.State = tocsin.DependantState(visible(cut(string(d.State), 32), oneLine))
	}
	return all
}

// dependants is a line for each check that depends on the one of an event: how
// it is, and why nobody hears of it in a mail of its own.
func dependants(e *tocsin.Event) string {
	lines := make([]string, 0, len(e.Dependants))
	for i := range e.Dependants {
		lines = append(lines, dependant(&e.Dependants[i]))
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
	case tocsin.DependantFine, tocsin.DependantIdle:
	}
	return who + string(d.State)
}

// fellows names the dependants that an event tells of, for a digest: "; told with
// it: process app, host web"; empty when there are none.
func fellows(e *tocsin.Event) string {
	var names []string
	for i := range e.Dependants {
		if d := &e.Dependants[i]; d.State == tocsin.DependantHeld || d.State == tocsin.DependantOver {
			names = append(names, d.Kind+" "+d.Check)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return cut("; told with it: "+strings.Join(names, ", "), maxLead)
}
