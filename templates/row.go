package templates

import (
	"cmp"
	"strings"
	"time"

	"tocsin"
)

// row is an event of a digest's page.
type row struct {
	tone
	State, Severity, What, Host, Lead, When, Value string
	Text                                           string // a person's own, instead of Lead
}

// rows makes the rows of one digest.
type rows struct {
	text  string // a person's own
	share int    // of it, in bytes
	clock string // the layout of times, as short as what is covered allows
	hosts bool   // there is more than one
}

func newRows(t Template, events []tocsin.Event) rows {
	r := rows{text: t.Text, share: maxDescription/len(events) + maxLead, clock: "15:04:05", hosts: !oneHost(events)}
	first := events[0].At
	for i := range events {
		switch at := events[i].At; {
		case inRange(at).Format("-0700") != inRange(first).Format("-0700"):
			r.clock = timeLayout
			return r
		case !sameDay(at, first):
			r.clock = "2 Jan 15:04"
		}
	}
	return r
}

func (r rows) of(e *tocsin.Event) row {
	lead, _, _ := strings.Cut(cmp.Or(e.Description, e.Name), "\n")
	out := row{
		tone: toneOf(e), State: stateWord(e), Severity: e.Severity.String(), What: place(e), Lead: cut(lead, maxLead) + fellows(e),
		When: inRange(e.At).Format(r.clock), Value: cut(measured(e), maxShown),
	}
	if r.hosts {
		out.Host = shortHost(e.Host)
	}
	if r.text != "" {
		out.Lead, out.Value, out.Text = "", "", cut(expandText(r.text, e), r.share)
	}
	return out
}

func sameDay(a, b time.Time) bool {
	return inRange(a).Format("2006-01-02 -0700") == inRange(b).Format("2006-01-02 -0700")
}
