package templates_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode"

	"tocsin"
	"tocsin/templates"
)

// FuzzRender puts arbitrary texts in every field of events, templates and
// headers. Whatever an event says, there is a mail, and it holds the oracle.
func FuzzRender(f *testing.F) {
	f.Add("nginx", "process is not running", "$SERVICE $EVENT", "$DESCRIPTION", "note", "X-Team", int64(1_800_000_000), uint8(3))
	f.Add("a\r\nBcc: x@y", "Event-ID: x\r\n.\r\n\x00", "\u202e$HOST", "${ID}\nEvent-ID: $ID", "Event-ID:", "v\r\n", int64(-1<<62), uint8(0))
	f.Add("a", "Event-ID:x", "$ID", "${ID}\nEvent-ID\x1a $ID\nEvent-ID:$ID", "Event-ID: x", "v", int64(1), uint8(1))
	f.Add(strings.Repeat("x", 2000), strings.Repeat(" ", 2000), "=?utf-8?q?=0a?=", "\xff\xfe", "\u2028", "  a   b  ", int64(0), uint8(7))
	f.Add("", "", "", "", "", "", int64(1), uint8(255))
	f.Fuzz(func(t *testing.T, name, description, subject, text, note, value string, unix int64, bits uint8) {
		at := time.Unix(unix, 0).In(time.FixedZone("", (int(bits)-128)*337))
		ev := tocsin.Event{
			ID: name, Type: tocsin.EventType(value), Name: description, Host: name, Kind: value, Check: name, Rule: description,
			Severity: tocsin.Severity(bits % 4), Description: description, Value: value, Action: note, At: at, Since: at.Add(-time.Hour),
			Incident: note, Count: int(bits), Note: note,
		}
		e := envelope()
		e.ID = "id" + name
		e.Template = templates.Template{Subject: subject, Text: text}
		e.Queued = at.Add(time.Duration(bits) * time.Minute)
		header := templates.Header{Name: "X-Team", Value: value}
		want := fields("X-Tocsin-Event", "X-Tocsin-Severity")
		if header.Check() == nil {
			e.Headers = []templates.Header{header}
			want = append(want, "X-Team")
		}
		if note != "" {
			want = append(want, "References", "In-Reply-To")
		}
		for field, set := range map[string]string{"Check": name, "Rule": name, "Host": name, "State": value} {
			if set != "" {
				want = append(want, "X-Tocsin-"+field)
			}
		}
		if s := ev.Severity; s == tocsin.Critical && (ev.Type == tocsin.Failed || ev.Type == tocsin.Reminder) {
			want = append(want, "X-Priority", "Importance")
		}
		p := checkTwice(t, e, []tocsin.Event{ev})
		shownText(t, p.html)
		p.checkHeaders(t, want...)
		checkShown(t, p.text, "\n\t")
		p.checkIDs(t, p.header.Get("X-Tocsin-Event"))

		other := ev
		other.ID, other.At, other.Type = "other"+ev.ID, at.Add(time.Minute), tocsin.Failed
		d := checkTwice(t, e, []tocsin.Event{ev, other})
		checkShown(t, d.text, "\n\t")
		shownText(t, d.html)
		if got := strings.Count("\n"+d.text, "\nEvent-ID: "); got != 2 {
			t.Errorf("%d id lines for two events", got)
		}
	})
}

// FuzzHTML puts arbitrary html into a template, and arbitrary texts into it.
// What CheckHTML takes is a template; what it refuses makes the mail no worse.
func FuzzHTML(f *testing.F) {
	f.Add("<p>{{.SERVICE}}</p>", "x")
	f.Add("{{range .Events}}<a href=\"{{.VALUE}}\" style=\"color:{{.Color}}\">{{.DESCRIPTION}}</a>{{end}}", "javascript:alert(1)")
	f.Add("<script>var x = {{.DESCRIPTION}}</script><style>p { color: {{.VALUE}} }</style>", "</script>\nEvent-ID: x")
	f.Add("{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}", "")
	f.Add("{{range $i, $e := .Events}}{{if eq $i 1}}{{break}}{{end}}{{with $e}}{{len .DESCRIPTION}}{{else}}-{{end}}{{end}}", "\x00")
	f.Add("{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}</body>", "\u202e")
	f.Add("Event-ID: {{.ID}}\nEvent-ID: 0123\n\x00\xff", "Event-ID: 0123")
	f.Fuzz(func(t *testing.T, html, value string) {
		_ = templates.CheckHTML(html)
		ev := event("a1", tocsin.Failed, noon)
		ev.Check, ev.Value, ev.Description = value, value, value
		e := envelope()
		e.Template.HTML = html
		p := checkTwice(t, e, []tocsin.Event{ev})
		p.checkIDs(t, "a1")
		other := ev
		other.ID = "a2"
		checkTwice(t, e, []tocsin.Event{ev, other}).checkIDs(t, "a1", "a2")
	})
}

func checkTwice(t *testing.T, e templates.Envelope, events []tocsin.Event) parsed {
	t.Helper()
	m, err := templates.Render(e, events)
	if err != nil {
		t.Fatal(err)
	}
	again, err := templates.Render(e, events)
	if err != nil || !bytes.Equal(m.Data, again.Data) || m.ID != again.ID {
		t.Errorf("not the same mail twice (%v)", err)
	}
	checkWire(t, m.Data)
	p := parse(t, m.Data)
	if got := p.header.Get("Message-ID"); got != "<"+m.ID+">" {
		t.Errorf("Message-ID %q, want %q", got, m.ID)
	}
	if _, err := p.header.Date(); err != nil {
		t.Errorf("date: %v", err)
	}
	return p
}

func FuzzCompose(f *testing.F) {
	f.Add("subject", "body\n", "a.txt", []byte("x"))
	f.Add("a\r\nBcc: x", "\r.\r\n\xff\x00", "../\"\r\n\xff.csv", []byte{0, 255})
	f.Add(strings.Repeat("ü", 500), "--tocsin-id--\n", strings.Repeat("\u202e", 500), []byte("--tocsin-id\r\n"))
	f.Fuzz(func(t *testing.T, subject, body, name string, data []byte) {
		d := draft()
		d.Subject, d.Body = subject, body
		d.Attachments = []templates.Attachment{{Name: name, Data: data}}
		m, err := templates.Compose(d)
		if err != nil {
			t.Fatal(err)
		}
		checkWire(t, m.Data)
	})
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"$SERVICE", "${SERVICE}", "$$", "$", "${", "${}", "$SERVICE$", "$UNKNOWN_", "$\xff", "${HOST"} {
		f.Add(seed, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		e := event("a", tocsin.Failed, noon)
		e.Check = value
		got := templates.Expand(text, e)
		if len(got) > 64<<10 {
			t.Errorf("got %d bytes", len(got))
		}
		if !strings.Contains(text, "$") && len(text) <= 64<<10 && got != text {
			t.Errorf("got %q for a text without variables", got)
		}
		offset := -1
		for _, u := range templates.Unknown(text) {
			if u.Offset <= offset || !strings.HasPrefix(text[u.Offset:], "$") || strings.Trim(u.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
				t.Errorf("unknown %+v in %q", u, text)
			}
			offset = u.Offset
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"a@b", "N <a@b>", `"N, M" <a@b>`, `"a b"@c`, "g: a@b;", "a@b, c@d", "a@[::1]", "=?utf-8?q?=0a?= <a@b>", "a@b (c)", "<a@b>", "\u202e<a@b>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, addr, err := templates.Address(text)
		if err != nil {
			if !errors.Is(err, templates.ErrAddress) {
				t.Errorf("got %v, want ErrAddress", err)
			}
			return
		}
		if strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>\"(),;\\", r) }) ||
			strings.Count(addr, "@") != 1 || len(addr) > 318 {
			t.Errorf("%q is taken for the address %q", text, addr)
		}
		if strings.ContainsFunc(name, unicode.IsControl) {
			t.Errorf("%q is taken for the name %q", text, name)
		}
		// What we write is read as the same again.
		written := (&mail.Address{Name: name, Address: addr}).String()
		n, a, err := templates.Address(written)
		if len(written) < 500 && (err != nil || n != name || a != addr) {
			t.Errorf("%q becomes %q, then %q, %q, %v", text, written, n, a, err)
		}
		e := envelope()
		e.From = text
		m, err := templates.Render(e, []tocsin.Event{event("a", tocsin.Failed, noon)})
		if err != nil {
			t.Fatal(fmt.Errorf("from %q: %w", text, err))
		}
		checkWire(t, m.Data)
	})
}
