package templates_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"mime"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/templates"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("", 3600))

func envelope() templates.Envelope {
	return templates.Envelope{ID: "0123456789abcdef", From: "Tocsin <alice@gmail.com>", To: []string{"ops@example.com"}}
}

func event(id string, kind tocsin.EventType, at time.Time) tocsin.Event {
	return tocsin.Event{
		ID: id, Type: kind, Name: "Does not exist", Host: "web-1.example.com", Kind: "process", Check: "nginx", Rule: "down",
		Severity: tocsin.Critical, Description: "process is not running", Action: "alert", At: at, Since: noon, Incident: "cafe",
	}
}

func render(t *testing.T, e templates.Envelope, events ...tocsin.Event) parsed {
	t.Helper()
	m, err := templates.Render(e, events)
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, m.Data)
	return parse(t, m.Data)
}

// Fields are those of every mail about events.
func fields(more ...string) []string {
	return append([]string{
		"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To",
		"X-Auto-Response-Suppress",
	}, more...)
}

func TestThread(t *testing.T) {
	failed := render(t, envelope(), event("a1", tocsin.Failed, noon))
	reminder := event("a2", tocsin.Reminder, noon.Add(4*time.Hour))
	reminder.Count = 2
	still := render(t, envelope(), reminder)
	recovered := render(t, envelope(), event("a3", tocsin.Recovered, noon.Add(12*time.Minute+30*time.Second)))
	for _, tt := range []struct {
		mail        parsed
		first, date string
		urgent      bool
	}{
		{failed, "FAILED: process is not running\n", "Sun, 22 Nov 2026 12:00:00 +0100", true},
		{still, "STILL FAILED for 4h (reminder 2): process is not running\n", "Sun, 22 Nov 2026 16:00:00 +0100", true},
		{recovered, "RECOVERED after 12m30s: process is not running\n", "Sun, 22 Nov 2026 12:12:30 +0100", false},
	} {
		if !strings.HasPrefix(tt.mail.text, tt.first) {
			t.Errorf("the text is\n%s\nwant it to begin with %q", tt.mail.text, tt.first)
		}
		if got := tt.mail.subject(t); got != "[web-1] nginx: down" {
			t.Errorf("got subject %q; mails of one incident must have the same", got)
		}
		for _, name := range []string{"References", "In-Reply-To"} {
			if got := tt.mail.header.Get(name); got != "<incident-cafe@gmail.com>" {
				t.Errorf("%s: got %q", name, got)
			}
		}
		if got := tt.mail.header.Get("Date"); got != tt.date {
			t.Errorf("got date %q, want %q", got, tt.date)
		}
		want := fields("References", "In-Reply-To", "X-Tocsin-Event", "X-Tocsin-Check", "X-Tocsin-Rule", "X-Tocsin-Severity",
			"X-Tocsin-State", "X-Tocsin-Host")
		if tt.urgent {
			want = append(want, "X-Priority", "Importance")
		}
		tt.mail.checkHeaders(t, want...)
	}
	for name, want := range map[string]string{
		"X-Tocsin-Event": "a1", "X-Tocsin-Check": "process.nginx", "X-Tocsin-Rule": "process.nginx/down",
		"X-Tocsin-Severity": "critical", "X-Tocsin-State": "failed", "X-Tocsin-Host": "web-1.example.com",
		"Message-ID": "<0123456789abcdef@gmail.com>", "Auto-Submitted": "auto-generated", "X-Priority": "1", "Importance": "high",
		"X-Auto-Response-Suppress": "OOF, AutoReply",
	} {
		if got := failed.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestPure renders the same events in every order, and the zone of the machine
// does not matter.
func TestPure(t *testing.T) {
	var events []tocsin.Event
	for i := range 20 {
		e := event(fmt.Sprintf("id-%02d", i), tocsin.Failed, noon.Add(time.Duration(i%3)*time.Second))
		e.Severity = tocsin.Severity(i % 3)
		events = append(events, e)
	}
	want, err := templates.Render(envelope(), events)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		shuffled := slices.Clone(events)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got, err := templates.Render(envelope(), shuffled)
		if err != nil || string(got.Data) != string(want.Data) {
			t.Fatalf("another order makes another mail (%v)", err)
		}
	}
	text := parse(t, want.Data).text
	if c, w := strings.Index(text, "critical"), strings.Index(text, "warning"); c < 0 || w < c {
		t.Errorf("critical at %d, warning at %d, want the critical ones first", c, w)
	}
}

func TestDigest(t *testing.T) {
	latin, chinese, control := strings.Repeat("größer ", 10_000), strings.Repeat("磁", 20_000), strings.Repeat("\x00\n", 20_000)
	for _, tt := range []struct {
		name   string
		count  int
		change func(i int, e *tocsin.Event)
		more   bool
	}{
		{"two", 2, func(int, *tocsin.Event) {}, false},
		{"39", 39, func(int, *tocsin.Event) {}, false},
		{"500", 500, func(int, *tocsin.Event) {}, false},
		{"501", 501, func(int, *tocsin.Event) {}, true},
		{"most", templates.MaxEvents, func(int, *tocsin.Event) {}, true},
		{"large", 500, func(_ int, e *tocsin.Event) { e.Description = latin }, false},
		{"hostile", 600, func(i int, e *tocsin.Event) {
			e.Description = control
			e.Check, e.Rule, e.Host = strings.Repeat("\xff", 4000), strings.Repeat("磁", 4000), fmt.Sprint(i)
			e.Note = strings.Repeat("\u202e", 4000) + fmt.Sprint(i)
		}, true},
		{"most and worst", templates.MaxEvents, func(i int, e *tocsin.Event) {
			e.ID = fmt.Sprintf("%060d", i)
			e.Description = chinese
			e.Note = strings.Repeat("\x00", min(i, 100))
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var events []tocsin.Event
			var ids []string
			for i := range tt.count {
				e := event(fmt.Sprintf("%032x", i), tocsin.Failed, noon.Add(time.Duration(i)*time.Second))
				if i%2 == 1 {
					e.Type = tocsin.Recovered
				}
				tt.change(i, &e)
				events, ids = append(events, e), append(ids, e.ID)
			}
			m, err := templates.Render(envelope(), events)
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, m.Data)
			if len(m.Data) > 512<<10 {
				t.Errorf("the mail has %d bytes, want at most %d", len(m.Data), 512<<10)
			}
			p := parse(t, m.Data)
			p.checkIDs(t, ids...)
			p.checkHeaders(t, fields("References", "In-Reply-To", "X-Priority", "Importance", "X-Tocsin-Events")...)
			want := fmt.Sprintf("%d events: %d failed, %d recovered", tt.count, (tt.count+1)/2, tt.count/2)
			if got := p.subject(t); !strings.HasSuffix(got, want) {
				t.Errorf("got subject %q, want %q at its end", got, want)
			}
			if got := strings.Contains(p.text, " more, named below."); got != tt.more {
				t.Errorf("says that there is more: %v, want %v", got, tt.more)
			}
			checkShown(t, p.text, "\n\t")
		})
	}
}

func TestDigestOfTwoIncidents(t *testing.T) {
	other := event("b", tocsin.Failed, noon)
	other.Incident, other.Severity = "beef", tocsin.Warning
	first := event("a", tocsin.Recovered, noon)
	p := render(t, envelope(), first, other)
	p.checkHeaders(t, fields("X-Tocsin-Events")...)
	if got := p.header.Get("X-Tocsin-Events"); got != "2" {
		t.Errorf("got %q events", got)
	}
}

func TestTemplate(t *testing.T) {
	e := envelope()
	e.Template = templates.Template{Subject: "$SERVICE\n$DESCRIPTION", Text: "$DESCRIPTION\r\n$$ $SERVICE\n\n"}
	e.Queued = noon.Add(2 * time.Minute)
	ev := event("a", tocsin.Failed, noon)
	ev.Check = "$HOST"
	ev.Description = "Event-ID: forged\x1b\nEVENT-ID: x"
	ev.Note = "from memory"
	p := render(t, e, ev)
	if got, want := p.subject(t), `$HOST Event-ID: forged\x1b EVENT-ID: x`; got != want {
		t.Errorf("got subject %q, want %q", got, want)
	}
	want := " Event-ID: forged\\x1b\nEVENT-ID: x\n$ $HOST\n\n--\n" +
		"Queued late, at 2026-11-22 12:02:00 +0100, 2m after the event.\nNote: from memory\nEvent-ID: a\n"
	if p.text != want {
		t.Errorf("got text\n%s\nwant\n%s", p.text, want)
	}
	e.Queued = noon.Add(time.Minute)
	if p := render(t, e, ev); strings.Contains(p.text, "Queued") {
		t.Errorf("a minute is no delay, but the text says\n%s", p.text)
	}
}

func TestRenderRefuses(t *testing.T) {
	one := []tocsin.Event{event("a", tocsin.Failed, noon)}
	for _, tt := range []struct {
		name   string
		change func(*templates.Envelope)
		want   string
	}{
		{"no id", func(e *templates.Envelope) { e.ID = "" }, "no id"},
		{"no from", func(e *templates.Envelope) { e.From = "" }, "from: "},
		{"two in from", func(e *templates.Envelope) { e.From = "a@b, c@d" }, "from: "},
		{"reply-to", func(e *templates.Envelope) { e.ReplyTo = "root" }, "reply-to: "},
		{"to", func(e *templates.Envelope) { e.To = []string{"a@b", "a@b\r\nBcc: x@y"} }, "to: "},
		{"cc", func(e *templates.Envelope) { e.Cc = []string{""} }, "cc: "},
		{"too many", func(e *templates.Envelope) { e.Cc = make([]string, 500) }, "501 mailboxes"},
		{"header", func(e *templates.Envelope) { e.Headers = []templates.Header{{Name: "Bcc", Value: "x@y"}} }, "Bcc"},
		{"headers", func(e *templates.Envelope) { e.Headers = make([]templates.Header, 51) }, "51 headers"},
		{"twice", func(e *templates.Envelope) {
			e.Headers = []templates.Header{{Name: "X-A", Value: "1"}, {Name: "x-a", Value: "2"}}
		}, "twice"},
	} {
		e := envelope()
		tt.change(&e)
		_, err := templates.Render(e, one)
		if !errors.Is(err, templates.ErrEnvelope) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want ErrEnvelope with %q", tt.name, err, tt.want)
		}
	}
	for _, n := range []int{0, templates.MaxEvents + 1} {
		if _, err := templates.Render(envelope(), make([]tocsin.Event, n)); err == nil {
			t.Errorf("%d events were rendered", n)
		}
	}
}

// TestBrokenClock has times that no Date field can hold.
func TestBrokenClock(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0)} {
		e := event("a", tocsin.Recovered, at)
		if _, err := render(t, envelope(), e).header.Date(); err != nil {
			t.Errorf("%v: %v", at, err)
		}
	}
}

func TestHeaderCheck(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		ok          bool
	}{
		{"X-Team", "night watch", true},
		{"List-Id", "<alerts.example.com>", true},
		{"Precedence", "bulk", true},
		{"X-Team", "Nachtwächter", true},
		{"", "x", false},
		{"X Team", "x", false},
		{"X-Team:", "x", false},
		{"X-Team\r\nBcc", "x", false},
		{"X-Täm", "x", false},
		{strings.Repeat("X", 65), "x", false},
		{"X-Team", "a\r\nBcc: x@y", false},
		{"X-Team", "a\x00", false},
		{"X-Team", "\xff", false},
		{"X-Team", strings.Repeat("x", 999), false},
		{"subject", "x", false},
		{"BCC", "x", false},
		{"Content-Type", "text/html", false},
		{"X-Tocsin-Event", "x", false},
		{"Resent-To", "x", false},
		{"EnvelopeFrom", "x", false},
	} {
		err := templates.Header{Name: tt.name, Value: tt.value}.Check()
		if (err == nil) != tt.ok || (err != nil && !errors.Is(err, templates.ErrEnvelope)) {
			t.Errorf("%.40q: %.40q: got %v, want ok %v", tt.name, tt.value, err, tt.ok)
		}
	}
}

// TestHeaderValues has values that folding or decoding could change.
func TestHeaderValues(t *testing.T) {
	for _, value := range []string{
		"plain", "two words", "a  b   c", strings.Repeat("a   b  ", 140) + "c", strings.Repeat(" ", 200) + "x",
		strings.Repeat("x", 998), strings.Repeat("x ", 498) + "x", strings.Repeat("磁", 300), "=?utf-8?q?=0D=0ABcc:_x?=",
		"größer " + strings.Repeat("x", 900), "a, b; c=\"d\"", "<list.example.com>",
	} {
		e := envelope()
		e.Headers = []templates.Header{{Name: "X-Team", Value: value}}
		p := render(t, e, event("a", tocsin.Failed, noon))
		got, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("X-Team"))
		if err != nil || got != value {
			t.Errorf("got %q (%v), want %q", got, err, value)
		}
	}
}
