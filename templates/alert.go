package templates

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"tocsin"
)

// idLine begins the line that names an event.
const idLine = "Event-ID: "

// late is how long after its event a mail may be queued without saying so, and
// overdue how long it may wait to be made: groups wait on purpose.
const (
	late    = time.Minute
	overdue = 5 * time.Minute
)

// alert is the subject and text of a mail about one event, clean already.
func alert(e Envelope, event *tocsin.Event) (subject, text string) {
	subject = builtinSubject(event, e.Style.SubjectState)
	if e.Template.Subject != "" {
		subject = strings.TrimSpace(visible(Expand(e.Template.Subject, *event), oneLine))
	}
	text = builtinText(event)
	if e.Template.Text != "" {
		text = expandText(e.Template.Text, event)
	}
	return subject, text + "\n\n" + footer(e, []tocsin.Event{*event})
}

// builtinSubject is the same for all mails of an incident, unless the state is
// asked for: Gmail makes a thread only of mails whose subjects are equal.
func builtinSubject(e *tocsin.Event, state bool) string {
	what := cmp.Or(e.Rule, e.Name, string(e.Type))
	if state && !machine(e.Type) && e.Type != tocsin.Test {
		if e.Check != "" {
			what = e.Check + ": " + what
		}
		return fmt.Sprintf("[%s] %s %s", shortHost(e.Host), strings.ToUpper(stateWord(e)), what)
	}
	switch {
	case machine(e.Type):
		return fmt.Sprintf("[%s] %s", shortHost(e.Host), headline(e))
	case e.Type == tocsin.Test && e.Check == "":
		return fmt.Sprintf("[%s] test mail", shortHost(e.Host))
	case e.Check == "":
		return fmt.Sprintf("[%s] %s", shortHost(e.Host), what)
	default:
		return fmt.Sprintf("[%s] %s: %s", shortHost(e.Host), e.Check, what)
	}
}

// builtinText says what happened in its first line, then the particulars.
func builtinText(e *tocsin.Event) string {
	first, rest, _ := strings.Cut(cmp.Or(e.Description, e.Name), "\n")
	var b strings.Builder
	b.WriteString(headline(e))
	if first != "" && !machine(e.Type) {
		b.WriteString(": " + first)
	}
	b.WriteString("\n")
	if rest = strings.TrimLeft(rest, "\n"); rest != "" {
		indented := strings.ReplaceAll("\n"+rest, "\n", "\n  ")
		b.WriteString(strings.ReplaceAll(indented, "\n  \n", "\n\n") + "\n")
	}
	b.WriteString("\n")
	begun := ""
	if !e.Since.IsZero() && !e.Since.Equal(e.At) {
		begun = localTime(e.Since)
	}
	for _, line := range []struct{ label, value string }{
		{"Service:", named(e.Check, e.Kind)},
		{"Rule:", e.Rule},
		{"Severity:", e.Severity.String()},
		{"Event:", e.Name},
		{"Value:", e.Value},
		{"Host:", e.Host},
		{"Date:", localTime(e.At)},
		{"Since:", begun},
		{"Action:", e.Action},
	} {
		if line.value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", line.label, line.value)
		}
	}
	if len(e.Dependants) > 0 {
		fmt.Fprintf(&b, "\n%s:\n  %s\n", dependsOnIt, strings.ReplaceAll(dependants(e), "\n", "\n  "))
	}
	return ownLines(strings.TrimRight(b.String(), "\n"))
}

func named(check, kind string) string {
	if check == "" || kind == "" {
		return check + kind
	}
	return check + " (" + kind + ")"
}

// machine says whether an event is about the machine or the agent itself: its
// subject says what happened, since no thread hangs on it.
func machine(t tocsin.EventType) bool {
	return t == tocsin.Boot || t == tocsin.Shutdown || t == tocsin.Instance
}

func headline(e *tocsin.Event) string {
	switch e.Type {
	case tocsin.Failed:
		return "FAILED"
	case tocsin.Recovered:
		if since(e).Equal(e.At) {
			return "RECOVERED"
		}
		return "RECOVERED after " + lasted(e)
	case tocsin.Reminder:
		if e.Count > 0 {
			return fmt.Sprintf("STILL FAILED for %s (reminder %d)", lasted(e), e.Count)
		}
		return "STILL FAILED for " + lasted(e)
	case tocsin.Escalation:
		return fmt.Sprintf("STILL FAILED for %s (escalation %d)", lasted(e), max(e.Count, 1))
	case tocsin.Boot, tocsin.Shutdown, tocsin.Instance:
		first, _, _ := strings.Cut(e.Description, "\n")
		return strings.TrimSuffix(cmp.Or(e.Name, string(e.Type))+": "+first, ": ")
	default:
		return strings.ToUpper(string(e.Type))
	}
}

// expandText is a person's own text for one event.
func expandText(text string, e *tocsin.Event) string {
	return ownLines(strings.TrimRight(visible(Expand(text, *e), manyLines), "\n"))
}

// ownLines indents what looks like one of our id lines, so that only those
// name events.
func ownLines(text string) string {
	if strings.HasPrefix(text, strings.TrimSpace(idLine)) {
		text = " " + text
	}
	return strings.ReplaceAll(text, "\n"+strings.TrimSpace(idLine), "\n "+strings.TrimSpace(idLine))
}

// footer says what the reader must know about the mail itself and names its
// events. People's own templates get it as well.
func footer(e Envelope, events []tocsin.Event) string {
	var b strings.Builder
	b.WriteString("--\n")
	for _, notice := range notices(e, events) {
		b.WriteString(ownLines(notice) + "\n")
	}
	for i := range events {
		b.WriteString(idLine + events[i].ID + "\n")
	}
	return b.String()
}

// notices are what the reader must know about the mail itself.
func notices(e Envelope, events []tocsin.Event) []string {
	var all []string
	at := newest(events)
	if held := e.held(); held != "" && len(events) == 1 {
		all = append(all, held)
	}
	if wait := e.Queued.Sub(at); !e.Queued.IsZero() && wait > late {
		what := "the event"
		if len(events) > 1 {
			what = "the newest event"
		}
		all = append(all, fmt.Sprintf("Queued late, at %s, %s after %s.", localTime(e.Queued), Span(wait), what))
	}
	if wait := e.Composed.Sub(e.told(at)); !e.Composed.IsZero() && wait > overdue {
		since := "what it tells"
		if e.Silence != "" {
			since = "it could be"
		}
		all = append(all, fmt.Sprintf("Sent late: this mail was made at %s, %s after %s.", localTime(e.Composed), Span(wait), since))
	}
	seen := make(map[string]bool)
	for i := range events {
		if note := events[i].Note; note != "" && !seen[note] && len(seen) < maxNotes {
			seen[note] = true
			all = append(all, "Note: "+note)
		}
	}
	if e.trouble != "" {
		all = append(all, e.trouble)
	}
	return all
}

// maxNotes is how many different notes a mail shows.
const maxNotes = 20

// since is when the incident of an event began; events without one are their
// own beginning.
func since(e *tocsin.Event) time.Time {
	if e.Since.IsZero() {
		return e.At
	}
	return e.Since
}

// lasted is how long the incident had lasted when the event happened.
func lasted(e *tocsin.Event) string { return Span(e.At.Sub(since(e))) }

// Span writes a duration with its two largest units: "45s", "12m", "1h5m",
// "2d4h". Negative ones, from clocks that were set back, are 0s.
func Span(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	const day = 24 * time.Hour
	for _, unit := range []struct {
		large, small       time.Duration
		largeName, smaller string
	}{
		{day, time.Hour, "d", "h"},
		{time.Hour, time.Minute, "h", "m"},
		{time.Minute, time.Second, "m", "s"},
	} {
		if d < unit.large {
			continue
		}
		text := fmt.Sprintf("%d%s", d/unit.large, unit.largeName)
		if rest := d % unit.large / unit.small; rest > 0 {
			text += fmt.Sprintf("%d%s", rest, unit.smaller)
		}
		return text
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
