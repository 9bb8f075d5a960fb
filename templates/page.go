package templates

import (
	"bytes"
	"cmp"
	_ "embed" // the page
	"fmt"
	"html/template"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"tocsin"
)

//go:embed mail.html
var pageSource string //nolint:gochecknoglobals // go:embed needs a variable

// pages is the parsed page; executing it changes nothing.
var pages = sync.OnceValue(func() *template.Template { //nolint:gochecknoglobals // parsed once, never changed
	return template.Must(template.New("").Funcs(template.FuncMap{"comment": comment}).Parse(pageSource))
})

// comment is an HTML comment, which html/template would take out. Outlook on
// Windows reads some.
func comment(text string) template.HTML {
	return template.HTML("<!--" + text + "-->") //nolint:gosec // constants of the page
}

// The limits of an HTML part. Gmail shows 102 KiB of one and cuts the rest.
const (
	maxPage  = 100 << 10 // a digest's page, in bytes on the wire
	maxLead  = 300       // a description within a digest, in bytes
	maxText  = 32 << 10  // a person's text, in bytes
	maxShown = 40        // a value within a digest, in bytes
)

// page is what the built-in HTML part shows, clean already.
type page struct {
	tone
	Title, Preheader string
	State, Extra     string
	Headline, Lead   string
	Remark           string // a second line of the description
	Notices          []string
	Text             string // a person's own
	Facts            []fact
	Blocks           []block
	Tallies          []tally
	Rows             []template.HTML
	More             int
	Host, ID         string
}

// tally counts the events of one tone.
type tally struct {
	tone
	Count int
	Label string
}

// alertPage shows one event.
func alertPage(e Envelope, event *tocsin.Event, subject string) page {
	p := page{
		tone: toneOf(event), Title: cut(subject, maxSubject), State: stateWord(event), Extra: extra(event),
		Headline: place(event), Notices: notices(e, []tocsin.Event{*event}), Host: event.Host, ID: event.ID,
	}
	var described []fact
	p.Lead, described, p.Blocks = takeApart(cmp.Or(event.Description, event.Name), machine(event.Type))
	if len(p.Blocks) > 0 && p.Blocks[0].remark() {
		p.Remark, p.Blocks = p.Blocks[0].Text, p.Blocks[1:]
	}
	switch {
	case machine(event.Type):
		p.Headline, p.Lead = capital(cmp.Or(p.Lead, event.Name)), ""
	case event.Type == tocsin.Test:
		p.Headline = "Test mail"
	}
	p.Preheader = cut(strings.TrimSuffix(headline(event)+": "+p.Lead, ": "), maxLead)
	p.Facts = append(described, facts(event)...)
	if len(event.Dependants) > 0 {
		p.Blocks = append(p.Blocks, block{Heading: dependsOnIt, Text: dependants(event)})
	}
	if e.Template.Text != "" {
		p.Text, p.Lead, p.Remark, p.Facts, p.Blocks = cut(expandText(e.Template.Text, event), maxText), "", "", nil, nil
	}
	return p
}

func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

// extra is what stands beside the state: how much it matters and how long.
func extra(e *tocsin.Event) string {
	var parts []string
	if e.Type == tocsin.Recovered {
		if !since(e).Equal(e.At) {
			parts = append(parts, "after "+lasted(e))
		}
		return strings.Join(append(parts, "was "+e.Severity.String()), ", ")
	}
	if e.Type != tocsin.Test && (e.Severity != tocsin.Info || !machine(e.Type)) {
		parts = append(parts, e.Severity.String())
	}
	if e.Type == tocsin.Reminder || e.Type == tocsin.Escalation {
		parts = append(parts, "for "+lasted(e))
		if e.Count > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", e.Type, e.Count))
		}
	}
	return strings.Join(parts, ", ")
}

// facts are the particulars of an event that the top of its page does not say.
func facts(e *tocsin.Event) []fact {
	rule, name, action, server := "", e.Name, e.Action, ""
	if e.Check != "" {
		rule = e.RuleID()
	}
	switch {
	case machine(e.Type):
		rule, name, action = "", "", strings.TrimPrefix(e.Action, "alert")
	case e.Type == tocsin.Test:
		rule, name, action, server = "", "", "", e.Check
	case action == "alert":
		action = "this mail"
	}
	at, began, beginning := "When", "Since", ""
	if e.Type == tocsin.Recovered {
		at, began = "Recovered", "Failed"
	}
	if !since(e).Equal(e.At) {
		beginning = localTime(since(e))
	}
	var all []fact
	for _, f := range []fact{
		{"Value", measured(e), true},
		{"Host", e.Host, false},
		{"Rule", rule, false},
		{"Server", server, false},
		{"Event", name, false},
		{began, beginning, false},
		{at, localTime(e.At), false},
		{"Action", action, false},
	} {
		if strings.TrimSpace(f.Value) != "" {
			all = append(all, f)
		}
	}
	return all
}

// measured is the value of an event. That something exists or not is no
// measure, and said already.
func measured(e *tocsin.Event) string {
	if e.Value == "true" || e.Value == "false" {
		return ""
	}
	return e.Value
}

// digestPage shows several events: as many as keep the page small.
func digestPage(e Envelope, events []tocsin.Event, subject string) (page, error) {
	p := page{
		Title: cut(subject, maxSubject), State: "digest", Extra: period(events), Headline: fmt.Sprintf("%d events on %s", len(events), hosts(events)),
		Notices: notices(e, events), Tallies: tallies(events), Host: hosts(events),
	}
	p.tone = p.Tallies[0].tone
	if held := e.held(); held != "" {
		p.Lead, p.Remark = held, unrecovered(events)
	}
	var names []string
	for i := range events[:min(len(events), 4)] {
		names = append(names, stateWord(&events[i])+" "+place(&events[i]))
	}
	p.Preheader = cut(strings.Join(names, ", "), maxLead)
	empty, err := execute("page", p)
	if err != nil {
		return page{}, err
	}
	rows := newRows(e.Template, events)
	left := maxPage - encodedSize(empty) - 512
	for i := range events {
		piece, err := execute("event", rows.of(&events[i]))
		if err != nil {
			return page{}, err
		}
		if left -= encodedSize(piece); left < 0 {
			p.More = len(events) - i
			break
		}
		p.Rows = append(p.Rows, template.HTML(piece)) //nolint:gosec // html/template made it
	}
	return p, nil
}

// tallies counts events by tone and leaves those out that nothing has.
func tallies(events []tocsin.Event) []tally {
	var all []tally
	for _, t := range tones() {
		n := 0
		for i := range events {
			if toneOf(&events[i]) == t {
				n++
			}
		}
		label := t.Tone
		if label == "good" {
			label = "recovered"
		}
		if n > 0 {
			all = append(all, tally{t, n, label})
		}
	}
	return all
}

// period is from when to when events happened.
func period(events []tocsin.Event) string {
	first, last := oldest(events), newest(events)
	if sameDay(first, last) {
		return inRange(first).Format("2006-01-02 15:04:05") + " to " + inRange(last).Format("15:04:05 -0700")
	}
	return localTime(first) + " to " + localTime(last)
}

func execute(name string, data any) (string, error) {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("make the HTML part: %w", err)
	}
	return b.String(), nil
}
