package templates

import (
	"cmp"
	"fmt"
	"mime/quotedprintable"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin"
)

// The limits of a digest: how many events it tells about, and how large its
// text gets on the wire, in bytes. Every event is named in any case.
const (
	maxListed = 500
	maxDigest = 384 << 10
	maxMail   = 488 << 10 // both parts; leaves room for the header within 512 KiB
)

// digest is the subject and text of a mail about several events, clean and
// sorted already.
func digest(e Envelope, events []tocsin.Event) (subject, text string) {
	ids := footer(e, events)
	left := maxDigest - encodedSize(ids)
	// A fair share each, so that one long description does not push out the
	// others.
	share := max(200, min(maxDescription, left/len(events)-200))

	var b strings.Builder
	intro := fmt.Sprintf("%d events on %s: %s\nfrom %s to %s\n", len(events), hosts(events), counts(events),
		localTime(oldest(events)), localTime(newest(events)))
	if held := e.held(); held != "" {
		intro += "\n" + ownLines(strings.TrimSpace(held+"\n"+unrecovered(events))) + "\n"
	}
	b.WriteString(intro)
	left -= encodedSize(intro) + 200
	listed, several := 0, !oneHost(events)
	for i := range events {
		entry := entryOf(e.Template, &events[i], share, several)
		left -= encodedSize(entry)
		if left < 0 || listed == maxListed {
			break
		}
		b.WriteString(entry)
		listed++
	}
	if more := len(events) - listed; more > 0 {
		fmt.Fprintf(&b, "\n… and %d more, named below.\n", more)
	}
	b.WriteString("\n" + ids)
	return digestSubject(events), b.String()
}

// entryOf tells about one event, with a blank line before it. Its longest part
// takes at most share bytes on the wire.
func entryOf(t Template, e *tocsin.Event, share int, host bool) string {
	if t.Text != "" {
		return "\n----\n" + fit(expandText(t.Text, e), share) + "\n"
	}
	where := place(e)
	if host {
		where += " on " + e.Host
	}
	description := fit(cmp.Or(e.Description, e.Name), share)
	if value := measured(e); !strings.Contains(description, value) {
		description += " (" + value + ")"
	}
	description += fellows(e)
	return ownLines(fmt.Sprintf("\n%-8s  %-9s  %s  %s\n          %s\n",
		e.Severity, e.Type, localTime(e.At), where,
		strings.ReplaceAll(description, "\n", "\n          ")))
}

// counts says how many events there are of each severity: "2 critical, 1
// recovered".
func counts(events []tocsin.Event) string {
	var parts []string
	for _, t := range tallies(events) {
		parts = append(parts, fmt.Sprintf("%d %s", t.Count, t.Label))
	}
	return strings.Join(parts, ", ")
}

// fit cuts a text to what takes at most about size bytes on the wire, where
// every byte that is not ASCII takes three.
func fit(text string, size int) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		size /= 3
	}
	return cut(text, size)
}

// place is where an event happened: "nginx: down".
func place(e *tocsin.Event) string {
	if e.Check == "" || e.Rule == "" {
		return cmp.Or(e.Check+e.Rule, e.Name)
	}
	return e.Check + ": " + e.Rule
}

// digestSubject counts the events by type: "[web-1] 39 events: 12 failed, 27
// recovered".
func digestSubject(events []tocsin.Event) string {
	var order []tocsin.EventType
	count := make(map[tocsin.EventType]int)
	for _, known := range []tocsin.EventType{tocsin.Failed, tocsin.Escalation, tocsin.Reminder, tocsin.Recovered, tocsin.Changed} {
		order, count[known] = append(order, known), 0
	}
	for i := range events {
		if _, known := count[events[i].Type]; !known {
			order = append(order, events[i].Type)
		}
		count[events[i].Type]++
	}
	var parts []string
	for _, t := range order {
		word := string(t)
		switch t {
		case tocsin.Reminder:
			word = "still failed"
		case tocsin.Escalation:
			word = "escalated"
		}
		if count[t] > 0 && len(parts) < 6 {
			parts = append(parts, fmt.Sprintf("%d %s", count[t], word))
		}
	}
	return fmt.Sprintf("[%s] %d events: %s", hosts(events), len(events), strings.Join(parts, ", "))
}

// hosts is the host of all events; there is one agent on a host, so that
// others show only when it was renamed.
func hosts(events []tocsin.Event) string {
	if !oneHost(events) {
		return shortHost(events[0].Host) + " and others"
	}
	return shortHost(events[0].Host)
}

func oneHost(events []tocsin.Event) bool {
	return !slices.ContainsFunc(events, func(e tocsin.Event) bool { return e.Host != events[0].Host })
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// encodedSize is how many bytes a text takes in quoted-printable.
func encodedSize(text string) int {
	var n counter
	w := quotedprintable.NewWriter(&n)
	_, _ = w.Write([]byte(text)) // a counter takes everything
	_ = w.Close()
	return int(n)
}
