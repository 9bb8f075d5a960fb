package templates

import (
	"fmt"
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
// them: "Not recovered by then: nginx: down, root: space."
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
	var places []string
	for _, incident := range order {
		if e := last[incident]; e.Type != tocsin.Recovered {
			places = append(places, place(e))
		}
	}
	switch n := len(places); {
	case len(order) == 0:
		return ""
	case n == 0:
		return "All of it has recovered."
	case n > maxUnrecovered:
		return fmt.Sprintf("Not recovered by then: %s and %d more.", strings.Join(places[:maxUnrecovered], ", "), n-maxUnrecovered)
	default:
		return fmt.Sprintf("Not recovered by then: %s.", strings.Join(places, ", "))
	}
}
