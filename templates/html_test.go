package templates_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/templates"
)

func TestCheckHTML(t *testing.T) {
	for _, text := range []string{
		"plain", "<p>{{.SERVICE}}: {{.EVENT}}</p>", "{{range .Events}}{{.HOST}}{{.Headline}}{{else}}none{{end}}", "{{.Count}} {{.Subject}} {{.Color}}",
		"{{if and (eq .STATE \"failed\") (gt .Count 1)}}{{.DURATION}}{{end}}", "{{with .VALUE}}{{.}}{{end}}{{$.RULE}}",
		"{{/* a comment */}}<!-- {{.ID}} -->",
		"{{range $i, $e := .Events}}{{if lt $i 3}}{{$e.DESCRIPTION}}{{end}}{{end}}", "<style>td { color: {{.Color}} }</style>",
		"<p>\r\n{{.VALUE}}\r\n</p>\r\n", "<td {{if .VALUE}}class=\"big\"{{end}}>x</td>",
	} {
		if err := templates.CheckHTML(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, tt := range []struct {
		text, want string
		line       int
	}{
		{"<p>\n{{.SERVICE", "unclosed action", 2},
		{"{{if .VALUE}}", "unexpected EOF", 1},
		{"a\nb\n{{.SERVIC}}", `there is no {{.SERVIC}}. Did you mean {{.SERVICE}}? There are ACTION`, 3},
		{"\n{{range .Events}}\n{{.Host}}{{end}}", "there is no {{.Host}}. Did you mean {{.HOST}}?", 3},
		{"{{range .Events}}\n{{.Subject}}{{end}}", `map has no entry for key "Subject"`, 2},
		{"{{.severity}}", "Did you mean {{.SEVERITY}}?", 1},
		{"a\nb\u202e", "control or invisible character", 2},
		{"\xff", "not UTF-8", 1},
		{"{{foo}}", `function "foo" not defined`, 1},
		{"{{printf \"%1000000d\" 1}}", `there is no function "printf" here`, 1},
		{"\n{{(html .VALUE)}}", `there is no function "html" here`, 2},
		{"{{step}}", `there is no function "step" here`, 1},
		{strings.Repeat("{{range .Events}}", 2000) + strings.Repeat("{{end}}", 2000), "nested too deeply", 1},
		{strings.Repeat("{{if .ID}}", 4000) + strings.Repeat("{{end}}", 4000), "nested too deeply", 1},
		{"{{define \"a\"}}x{{end}}\n{{template \"a\" .}}", "there is no {{template}}", 2},
		{"<a href=\"{{if .VALUE}}x", "unexpected EOF", 1},
		{"<a href=\"{{.VALUE}}", "ends in a non-text context", 0},
		{"<script>\nvar x = {{if .VALUE}}\"{{end}}\n</script>", "{{if}} branches end in different contexts", 2},
		{"{{index .Events 1}}", "out of range", 1},
		{"{{range 1000000000}}{{end}}", "it runs too long", 0},
		{"{{range 1000}}" + strings.Repeat("0123456789", 30) + "{{end}}", "it writes more than 256 KiB", 0},
	} {
		err := templates.CheckHTML(tt.text)
		var got *templates.HTMLError
		if !errors.As(err, &got) || !errors.Is(err, templates.ErrHTML) || got.Line != tt.line || !strings.Contains(got.Reason, tt.want) {
			t.Errorf("%q: got %v, want %q in line %d", tt.text, err, tt.want, tt.line)
		}
	}
}

func TestHTMLValues(t *testing.T) {
	for _, v := range append(templates.HTMLValues(), templates.Variables()...) {
		if err := templates.CheckHTML("{{len ." + v.Name + "}}"); err != nil && v.Name != "Count" {
			t.Errorf("{{.%s}}: %v", v.Name, err)
		}
		if v.Doc == "" {
			t.Errorf("%s has no doc", v.Name)
		}
	}
}

// TestOwnHTML has a person's html where it can be used and where it cannot.
func TestOwnHTML(t *testing.T) {
	late := envelope()
	late.Queued = noon.Add(time.Hour)
	const each, one = "<body>{{range .Events}}<p>{{.RULE}} {{.VALUE}}</p>{{end}}</body>", "<p>{{.RULE}} {{.VALUE}}</p>"
	a, b := event("a1", tocsin.Failed, noon), event("a2", tocsin.Failed, noon)
	a.Value, b.Value, b.Rule = "<b>", "&", "slow"
	for _, tt := range []struct {
		name, html string
		events     []tocsin.Event
		want, not  []string
	}{
		{"one", one, []tocsin.Event{a}, []string{"<p>down &lt;b&gt;</p>", "Queued late", "event a1"}, []string{"<h1"}},
		{"the footnote is in the body", each, []tocsin.Event{a}, []string{"</div>\n</body>"}, nil},
		{"several", each, []tocsin.Event{a, b}, []string{"<p>down &lt;b&gt;</p><p>slow &amp;</p>", "Queued late"}, []string{"<h1"}},
		{"a digest, the html is for one", one, []tocsin.Event{a, b}, []string{"<h1", "2 events on web-1"}, []string{"<p>down"}},
		{"no template", "{{", []tocsin.Event{a}, []string{"<h1", "The html of this mail&#39;s template was not used: bad html: line 1: unclosed action"}, nil},
		{"fails", "{{index .Events 4}}", []tocsin.Event{a}, []string{"<h1", "was not used: bad html: line 1: "}, nil},
	} {
		late.Template.HTML = tt.html
		p := render(t, late, tt.events...)
		for _, want := range tt.want {
			if !strings.Contains(p.html, want) {
				t.Errorf("%s: got\n%s\nwant %q in it", tt.name, p.html, want)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(p.html, not) {
				t.Errorf("%s: got\n%s\nwant no %q in it", tt.name, p.html, not)
			}
		}
		if !strings.Contains(p.text, "FAILED") && !strings.Contains(p.text, "2 events") {
			t.Errorf("%s: the text is %q", tt.name, p.text)
		}
	}
}

// TestOwnHTMLTooLarge has an html that is small for small events only.
func TestOwnHTMLTooLarge(t *testing.T) {
	e := envelope()
	e.Template.HTML = "{{range .Events}}{{range 20}}{{$.DESCRIPTION}}{{end}}{{end}}"
	if err := templates.CheckHTML(e.Template.HTML); err != nil {
		t.Fatal(err)
	}
	large := event("a1", tocsin.Failed, noon)
	large.Description = strings.Repeat("磁", 5000)
	p := render(t, e, large)
	p.checkPage(t, "was not used: bad html: it writes more than 256 KiB", "nginx: down")
	large.Description = strings.Repeat("磁", 3500)
	p = render(t, e, large)
	p.checkPage(t, "was not used: bad html: it makes", "nginx: down")
}

// TestOwnHTMLLargest fills a digest's page.
func TestOwnHTMLLargest(t *testing.T) {
	var events []tocsin.Event
	for i := range templates.MaxEvents {
		events = append(events, event(fmt.Sprintf("%060d", i), tocsin.Failed, noon.Add(time.Duration(i)*time.Second)))
	}
	e := envelope()
	e.Template.HTML = "{{range .Events}}<p>{{.ID}}" + strings.Repeat("{{if .VALUE}}x{{end}}", 30) + "</p>{{end}}"
	for _, n := range []int{500, templates.MaxEvents} {
		m, err := templates.Render(e, events[:n])
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, m.Data)
		if got := strings.Count(p.html, "<p>0"); got != 500 || len(m.Data) > 512<<10 {
			t.Errorf("%d events: the person's html has %d rows in %d bytes, want 500", n, got, len(m.Data))
		}
	}
}

// TestLargestAlert fills every field with what grows the most.
func TestLargestAlert(t *testing.T) {
	for _, fill := range []string{"\"", "磁", "\x00", "=", "\"\n"} {
		large := strings.Repeat(fill, 20_000)
		ev := event("a1", tocsin.Failed, noon)
		ev.Name, ev.Host, ev.Check, ev.Rule, ev.Value, ev.Description, ev.Action, ev.Note = large, large, large, large, large, large, large, large
		e := envelope()
		for _, e.Template.Text = range []string{"", strings.Repeat("$DESCRIPTION\n", 10)} {
			e.Template.Subject = e.Template.Text
			m, err := templates.Render(e, []tocsin.Event{ev})
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, m.Data)
			if p := parse(t, m.Data); len(m.Data) > 512<<10 || len(p.html) > 200<<10 {
				t.Errorf("%q: the mail has %d bytes, its HTML %d", fill, len(m.Data), len(p.html))
			}
		}
	}
}

func TestPage(t *testing.T) {
	failed := event("a1", tocsin.Failed, noon.Add(5*time.Minute))
	failed.Value, failed.Action, failed.Description = "97.3 %", "restart", "cpu.percent 97.3 > 90 for 5m"
	e := envelope()
	e.Queued, e.Composed = noon.Add(time.Hour), noon.Add(2*time.Hour)
	render(t, e, failed).checkPage(t, "failed critical", "nginx: down", "cpu.percent 97.3 > 90 for 5m", "Value 97.3 %",
		"Host web-1.example.com", "Rule process.nginx/down", "Since 2026-11-22 12:00:00 +0100", "When 2026-11-22 12:05:05"[:20],
		"Action restart", "Queued late, at 2026-11-22 13:00:00 +0100, 55m after the event.", "Sent late: this mail was made at", "event a1")
	recovered := event("a2", tocsin.Recovered, noon.Add(12*time.Minute))
	render(t, envelope(), recovered).checkPage(t, "recovered after 12m, was critical", "Failed 2026-11-22 12:00:00 +0100 Recovered 2026-11-22 12:12:00 +0100")
	reminder := event("a3", tocsin.Reminder, noon.Add(4*time.Hour))
	reminder.Count = 2
	render(t, envelope(), reminder).checkPage(t, "still failed critical, for 4h, reminder 2", "Action this mail")
	down := event("a4", tocsin.Failed, noon)
	down.Value = "false"
	if shown := shownText(t, render(t, envelope(), down).html); strings.Contains(shown, "false") {
		t.Errorf("got %q", shown)
	}
	unit := event("a4", tocsin.Failed, noon)
	unit.Description = "failed\nA unit\n\nLast lines:\n  one\n    two\n\nLast:\nnot indented"
	render(t, envelope(), unit).checkPage(t, "failed A unit", "Last lines one two Last: not indented")
	test := tocsin.Event{ID: "a5", Type: tocsin.Test, Name: "Test", Host: "web-1.example.com", At: noon, Since: noon, Description: "asked for"}
	if shown := shownText(t, render(t, envelope(), test).html); !strings.Contains(shown, "test Test mail asked for Host web-1.example.com When 2026-11-22 12:00:00 +0100 Tocsin on") {
		t.Errorf("got the test mail %q", shown)
	}
}

func TestDigestPage(t *testing.T) {
	var events []tocsin.Event
	for i := range 1000 {
		e := event(fmt.Sprintf("%032x", i), tocsin.Failed, noon.Add(time.Duration(i)*time.Second))
		e.Severity, e.Value = tocsin.Severity(i%3), fmt.Sprint(i, " %")
		e.Host = []string{"web-1.example.com", "db-2.example.com"}[i%2]
		if i%10 == 0 {
			e.Type = tocsin.Recovered
		}
		events = append(events, e)
	}
	m, err := templates.Render(envelope(), events)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, m.Data)
	p.checkPage(t, "1000 events on web-1 and others", "300 critical 300 warning 300 info 100 recovered", "failed critical nginx: down on db-2 process is not running 12:00:05 5 %",
		" more in the plain text part of this mail.")
	if len(p.html) > 100<<10 || len(p.html) < 60<<10 {
		t.Errorf("the page has %d bytes; Gmail shows 102 KiB", len(p.html))
	}
	var more int
	before, _, _ := strings.Cut(shownText(t, p.html), " more in the plain")
	if _, err := fmt.Sscan(before[strings.LastIndex(before, " ")+1:], &more); err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(p.html, "nginx: down</b>"); rows+more != 1000 || rows < 120 {
		t.Errorf("%d rows and %d more, want 1000", rows, more)
	}
}

func TestStyle(t *testing.T) {
	e := envelope()
	e.Style = templates.Style{TextOnly: true, SubjectState: true}
	for _, tt := range []struct {
		event tocsin.Event
		want  string
	}{
		{event("a1", tocsin.Failed, noon), "[web-1] FAILED nginx: down"},
		{event("a2", tocsin.Reminder, noon), "[web-1] STILL FAILED nginx: down"},
		{event("a3", tocsin.Recovered, noon), "[web-1] RECOVERED nginx: down"},
		{tocsin.Event{ID: "a4", Type: tocsin.Changed, Host: "web-1", Name: "Checksum changed"}, "[web-1] CHANGED Checksum changed"},
		{tocsin.Event{ID: "a5", Type: tocsin.Boot, Host: "web-1", Name: "Boot", Description: "clean"}, "[web-1] Boot: clean"},
		{tocsin.Event{ID: "a6", Type: tocsin.Test, Host: "web-1"}, "[web-1] test mail"},
	} {
		p := render(t, e, tt.event)
		if got := p.subject(t); got != tt.want || p.html != "" {
			t.Errorf("got the subject %q and %d bytes of HTML, want %q and none", got, len(p.html), tt.want)
		}
	}
	e.Template.Subject = "$SERVICE"
	if got := render(t, e, event("a1", tocsin.Failed, noon)).subject(t); got != "nginx" {
		t.Errorf("got %q; a subject of one's own stays", got)
	}
}

func BenchmarkRender(b *testing.B) {
	for _, n := range []int{1, 500, templates.MaxEvents} {
		var events []tocsin.Event
		for i := range n {
			e := event(fmt.Sprintf("%032x", i), tocsin.Failed, noon.Add(time.Duration(i)*time.Second))
			e.Value, e.Description = "97.3 %", "cpu.percent 97.3 > 90 for 5m"
			events = append(events, e)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				m, err := templates.Render(envelope(), events)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(m.Data)))
			}
		})
	}
}
