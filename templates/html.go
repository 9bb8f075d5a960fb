package templates

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
	"time"

	"tocsin"
)

// ErrHTML is for a text that is no template of an HTML part.
var ErrHTML = errors.New("bad html")

// HTMLError says what is wrong with a person's html. It wraps ErrHTML.
type HTMLError struct {
	Line   int // from 1; 0 where it is not known
	Reason string
}

func (e *HTMLError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%v: %s", ErrHTML, e.Reason)
	}
	return fmt.Sprintf("%v: line %d: %s", ErrHTML, e.Line, e.Reason)
}

// Unwrap is ErrHTML.
func (e *HTMLError) Unwrap() error { return ErrHTML }

// The limits of a person's html.
const (
	maxOwnPage = 256 << 10 // what it writes, in bytes
	ownSteps   = 1000      // bodies of if, range and with that it enters
	eventSteps = 200       // and more of them for each event
)

// CheckHTML says what is wrong with a text that is to be Template.HTML: it is
// parsed, and executed for an event of each type and for a digest. It may use
// the variables, HTMLValues and what html/template has, but not {{template}},
// {{block}} and the functions print, printf, println, html, js, urlquery and
// call. The error is an *HTMLError.
func CheckHTML(text string) error {
	own, err := parseHTML(text)
	if err != nil {
		return err
	}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var events []tocsin.Event
	for _, t := range tocsin.EventTypes() {
		events = append(events, tocsin.Event{
			ID: "0123456789abcdef0123456789abcdef", Type: t, Name: "Resource limit matched", Host: "host.example.com", Kind: "system",
			Check: "check", Rule: "rule", Description: "cpu.percent 97.3 > 90 for 5m", Value: "97.3 %", Action: "alert",
			At: noon, Since: noon.Add(-time.Hour), Count: 1,
		})
	}
	for i := range events {
		if _, err := own.execute(events[i:i+1], "subject"); err != nil {
			return err
		}
	}
	_, err = own.execute(events, "subject")
	return err
}

// HTMLValues are the values that a person's html may use besides the
// variables, which are {{.SERVICE}} there.
func HTMLValues() []VariableDoc {
	return []VariableDoc{
		{"Subject", "subject of the mail"},
		{"Headline", "what happened and how long: \"RECOVERED after 12m\""},
		{"Color", "colour of the event: red, amber, blue, or green when it recovered: \"#b3261e\""},
		{"Count", "how many events the mail tells about"},
		{"Events", "the events of the mail, the critical ones first, at most 500; each has all of these but Subject, Count and Events"},
	}
}

// hiddenAt is where a text has something that is not shown as it is, -1 if
// nowhere.
func hiddenAt(text string) int {
	if text == visible(text, manyLines) {
		return -1
	}
	at := 0
	for line := range strings.Lines(text) {
		if line != visible(line, manyLines) {
			break
		}
		at += len(line)
	}
	return at
}

// ownHTML is a person's html, parsed and made safe to execute.
type ownHTML struct {
	template *template.Template
	left     *int // bodies that it may still enter
	events   bool // it uses .Events
}

const ownName = "html"

// parseHTML parses a person's html.
func parseHTML(text string) (*ownHTML, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if i := hiddenAt(text); i >= 0 {
		return nil, &HTMLError{
			Line:   1 + strings.Count(text[:i], "\n"),
			Reason: "it holds a control or invisible character or bytes that are not UTF-8; write it as a reference, such as &#8203;",
		}
	}
	own := &ownHTML{left: new(int)}
	t, err := template.New(ownName).Option("missingkey=error").Funcs(template.FuncMap{"step": own.step}).Parse(text)
	if err != nil {
		return nil, asHTMLError(err)
	}
	own.template = t
	if t.Tree == nil {
		return nil, &HTMLError{Reason: "it is empty"}
	}
	w := walker{tree: t.Tree, own: own, step: stepNode()}
	return own, w.list(t.Tree.Root)
}

var errSteps = errors.New("it runs too long")

// step counts a body that is entered.
func (o *ownHTML) step() (string, error) {
	if *o.left--; *o.left < 0 {
		return "", errSteps
	}
	return "", nil
}

// stepNode is {{$step := step}}. An assignment writes nothing, wherever in the
// HTML it stands.
func stepNode() parse.Node {
	trees, err := parse.Parse("step", "{{$step := step}}", "", "", map[string]any{"step": true})
	if err != nil {
		panic(err) // a constant
	}
	return trees["step"].Root.Nodes[0]
}

// execute makes the HTML of events, clean and sorted already.
func (o *ownHTML) execute(events []tocsin.Event, subject string) (string, error) {
	var list []map[string]string
	for i := range events[:min(len(events), maxListed)] {
		list = append(list, htmlValues(&events[i]))
	}
	values := map[string]any{"Subject": subject, "Count": len(events), "Events": list}
	for name, value := range list[0] {
		values[name] = value
	}
	*o.left = ownSteps + eventSteps*len(list)
	b := bounded{left: maxOwnPage}
	if err := o.template.Execute(&b, values); err != nil {
		return "", asHTMLError(err)
	}
	return b.String(), nil
}

func htmlValues(e *tocsin.Event) map[string]string {
	values := map[string]string{"Headline": headline(e), "Color": toneOf(e).Color}
	for _, v := range variables() {
		values[v.name] = v.value(e)
	}
	return values
}

// htmlNames are all names that a person's html may use.
func htmlNames() []string {
	names := slices.Sorted(maps.Keys(htmlValues(&tocsin.Event{})))
	return append(names, "Subject", "Count", "Events")
}

// bounded takes so many bytes and no more.
type bounded struct {
	bytes.Buffer
	left int
}

var errPage = fmt.Errorf("it writes more than %d KiB", maxOwnPage>>10)

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errPage
	}
	return b.Buffer.Write(p)
}

// htmlPart is the HTML of a mail, at most size bytes on the wire.
func htmlPart(e Envelope, events []tocsin.Event, subject string, size int) (string, error) {
	if e.Template.HTML != "" {
		page, err := ownPart(e, events, subject, size)
		if err == nil && page != "" {
			return page, nil
		}
		if err != nil {
			e.trouble = "The html of this mail's template was not used: " + visible(cut(err.Error(), maxLead), oneLine)
		}
	}
	p, err := builtinPage(e, events, subject)
	if err != nil {
		return "", err
	}
	text, err := execute("page", p)
	return noIDs(text), err
}

func builtinPage(e Envelope, events []tocsin.Event, subject string) (page, error) {
	if len(events) == 1 {
		return alertPage(e, &events[0], subject), nil
	}
	return digestPage(e, events, subject)
}

// ownPart is a person's own HTML with the footnote that every mail has, empty
// for a digest when the template is for one event.
func ownPart(e Envelope, events []tocsin.Event, subject string, size int) (string, error) {
	own, err := parseHTML(e.Template.HTML)
	if err != nil || (len(events) > 1 && !own.events) {
		return "", err
	}
	text, err := own.execute(events, subject)
	if err != nil {
		return "", err
	}
	note := page{Notices: notices(e, events), Host: hosts(events)}
	if len(events) == 1 {
		note.Host, note.ID = events[0].Host, events[0].ID
	}
	foot, err := execute("footnote", note)
	if err != nil {
		return "", err
	}
	at := strings.LastIndex(strings.ToLower(text), "</body")
	if at < 0 {
		at = len(text)
	}
	text = noIDs(text[:at] + foot + text[at:])
	if n := encodedSize(text); n > size {
		return "", &HTMLError{Reason: fmt.Sprintf("it makes %d KiB of this mail, at most %d", n>>10, size>>10)}
	}
	return text, nil
}

// noIDs keeps what looks like one of the text part's id lines out of the HTML.
// A reader sees the same.
func noIDs(html string) string { return strings.ReplaceAll(html, "Event-ID:", "Event-ID&#58;") }
