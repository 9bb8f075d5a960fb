package templates

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin"
)

// maxUnrecovered is how many incidents a summary names at its top.
const maxUnrecovered = 20

// held says what kept events back, in one line; empty when nothing did.
func (e Envelope) held() string {
	if e.Silence == "" {
		return ""
	}
	return "Held back by " + visible(cut(e.Silence, maxField), oneLine) + "."
}

// told is when a mail could be made at the earliest: what is said of its being
// late counts from then.
func (e Envelope) told(newest time.Time) time.Time {
	if e.Silence == "" || !e.Until.After(newest) {
		return newest
	}
	if e.Composed.Before(e.Until) { // it was ended early
		return e.Composed
	}
	return e.Until
}

// unrecovered names the incidents that had not ended by the newest event about
// them, and what is held behind them: "Not recovered by then: nginx: down, root:
// space. Failed behind them: host web.".
func unrecovered(events []tocsin.Event) string {
	last := make(map[string]*tocsin.Event)
	var order []string
	for i := range events {
		e := &events[i]
		if e.Incident == "" || e.Type != tocsin.Failed && e.Type != tocsin.Reminder && e.Type != tocsin.Recovered {
			continue
		}
		have, known := last[e.Incident]
		if !known {
			order = append(order, e.Incident)
		}
		if !known || e.At.After(have.At) || e.At.Equal(have.At) && e.Type != tocsin.Recovered {
			last[e.Incident] = e
		}
	}
	var places, behind []string
	more := 0
	for _, incident := range order {
		if e := last[incident]; e.Type != tocsin.Recovered {
			places = append(places, place(e))
			names, others := heldBehind(e)
			behind, more = append(behind, names...), more+others
		}
	}
	switch {
	case len(order) == 0:
		return ""
	case len(places) == 0:
		return "All of it has recovered."
	}
	text := "Not recovered by then: " + someOf(places, 0) + "."
	if len(behind) > 0 {
		what := "it"
		if len(places) > 1 {
			what = "them"
		}
		slices.Sort(behind) // one may be behind several
		text += fmt.Sprintf(" Failed behind %s: %s.", what, someOf(slices.Compact(behind), more))
	}
	return text
}

// heldBehind names the dependants of an event that nobody is told of elsewhere, and
// counts those that it leaves out and may be so, too.
func heldBehind(e *tocsin.Event) (names []string, more int) {
	for i := range e.Dependants {
		if d := &e.Dependants[i]; d.State == tocsin.DependantHeld {
			names = append(names, d.Kind+" "+d.Check)
		}
	}
	if n := len(e.Dependants); n > 0 && len(names) == n { // those that fail come first
		more = e.MoreDependants
	}
	return names, more
}

// someOf lists the first of some names, and how many more there are.
func someOf(names []string, more int) string {
	if left := len(names) - maxUnrecovered; left > 0 {
		names, more = names[:maxUnrecovered], more+left
	}
	if more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}
