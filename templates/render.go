package templates

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"tocsin"
)

// MaxEvents is how many events one mail takes.
const MaxEvents = 5000

// The limits of what an event brings along, in bytes.
const (
	maxField       = 1 << 10
	maxDescription = 16 << 10
)

// Render makes one mail of events: an alert of one event, a digest of several.
// It is pure: the order of the events does not matter, and the same envelope
// and events give the same bytes. What an event says never makes it fail; the
// error wraps ErrEnvelope, or says that there are no events or more than
// MaxEvents.
//
// The mail has a text part, complete by itself, and an HTML part. Every event
// has one line "Event-ID: ID" in the text part, and no line of either part that
// begins so is anything else.
func Render(e Envelope, events []tocsin.Event) (tocsin.Message, error) {
	if len(events) == 0 || len(events) > MaxEvents {
		return tocsin.Message{}, fmt.Errorf("render mail: %d events, want 1 to %d", len(events), MaxEvents)
	}
	if e.ID == "" {
		return tocsin.Message{}, fmt.Errorf("render mail: %w: no id", ErrEnvelope)
	}
	s, err := parseSender(e.From, e.ReplyTo, e.To, e.Cc)
	if err != nil {
		return tocsin.Message{}, fmt.Errorf("render mail: %w", err)
	}
	if err := checkHeaders(e.Headers); err != nil {
		return tocsin.Message{}, fmt.Errorf("render mail: %w", err)
	}
	sorted := make([]tocsin.Event, len(events))
	for i := range events {
		sorted[i] = clean(events[i], maxDescription/len(events)+maxField)
	}
	slices.SortStableFunc(sorted, inOrder)

	l := letter{id: token(e.ID), date: newest(sorted), sender: s, charset: mail.CharsetUTF8}
	if len(sorted) == 1 {
		l.subject, l.text = alert(e, &sorted[0])
	} else {
		l.subject, l.text = digest(e, sorted)
	}
	if !e.Style.TextOnly {
		if l.html, err = htmlPart(e, sorted, l.subject, maxMail-encodedSize(l.text)); err != nil {
			return tocsin.Message{}, fmt.Errorf("render mail: %w", err)
		}
	}
	l.headers = append(headers(sorted, s.domain), e.Headers...)
	data, err := l.message()
	if err != nil {
		return tocsin.Message{}, fmt.Errorf("render mail: %w", err)
	}
	return tocsin.Message{ID: l.messageID(), Data: data}, nil
}

// clean bounds and makes visible everything of an event that came from
// outside, so that nothing after it needs to care. The description gets at
// most limit bytes, and never more than maxDescription.
func clean(e tocsin.Event, limit int) tocsin.Event {
	for _, field := range []*string{&e.Name, &e.Host, &e.Kind, &e.Check, &e.Rule, &e.Value, &e.Action} {
		*field = visible(cut(*field, maxField), oneLine)
	}
	e.ID = token(e.ID)
	e.Type = tocsin.EventType(visible(cut(string(e.Type), 32), oneLine))
	e.Description = strings.TrimSpace(visible(cut(e.Description, min(limit, maxDescription)), manyLines))
	cleanDependants(&e)
	e.Note = strings.TrimSpace(visible(cut(e.Note, maxField), manyLines))
	if e.Incident != "" {
		e.Incident = token(e.Incident)
	}
	return e
}

// inOrder puts critical events first, then the earlier ones.
func inOrder(a, b tocsin.Event) int {
	return cmp.Or(-cmp.Compare(a.Severity, b.Severity), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}

func newest(events []tocsin.Event) time.Time {
	return slices.MaxFunc(events, func(a, b tocsin.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	}).At
}

func oldest(events []tocsin.Event) time.Time {
	return slices.MinFunc(events, func(a, b tocsin.Event) int { return a.At.Compare(b.At) }).At
}

// headers are the fields that say what the mail is about, for people's filters
// and for mail programs.
func headers(events []tocsin.Event, domain string) []Header {
	first := &events[0]
	all := []Header{
		{"Auto-Submitted", "auto-generated"}, // RFC 3834 5.1
		// Not "All": that would suppress bounces as well (MS-OXCMAIL 2.2.1.2.14).
		{"X-Auto-Response-Suppress", "OOF, AutoReply"},
	}
	if incident := sameIncident(events); incident != "" {
		// The root is never a mail itself: a thread does not depend on which
		// of its mails arrived.
		root := "<incident-" + incident + "@" + domain + ">"
		all = append(all, Header{"References", root}, Header{"In-Reply-To", root})
	}
	if slices.ContainsFunc(events, urgent) {
		all = append(all, Header{"X-Priority", "1"}, Header{"Importance", "high"})
	}
	if len(events) > 1 {
		return append(all, Header{"X-Tocsin-Events", strconv.Itoa(len(events))})
	}
	check, rule := "", ""
	if first.Check != "" {
		check = first.Kind + "." + first.Check
		rule = first.RuleID()
	}
	for _, h := range []Header{
		{"X-Tocsin-Event", first.ID},
		{"X-Tocsin-Check", check},
		{"X-Tocsin-Rule", rule},
		{"X-Tocsin-Severity", first.Severity.String()},
		{"X-Tocsin-State", string(first.Type)},
		{"X-Tocsin-Host", first.Host},
	} {
		if h.Value != "" {
			h.Value = cut(h.Value, maxSubject)
			all = append(all, h)
		}
	}
	return all
}

func sameIncident(events []tocsin.Event) string {
	incident := events[0].Incident
	for i := range events {
		if events[i].Incident != incident {
			return ""
		}
	}
	return incident
}

func urgent(e tocsin.Event) bool {
	return e.Severity == tocsin.Critical && e.Type.TellsFailure()
}

// shortHost is the host's name up to the first dot, for subjects.
func shortHost(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	short, _, _ := strings.Cut(host, ".")
	return cmp.Or(short, host, "?")
}
