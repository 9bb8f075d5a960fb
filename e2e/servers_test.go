//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/postbox"
	"tocsin/notify/spool"
)

// TestServers: three mail servers, each of another family, take every kind of
// mail over TLS from who logs in, and what they stored reads back as what was
// meant, in Python and in s-nail.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, kind := range mailServers() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			ctx := deadline(t, time.Minute)
			m := kind.start(ctx, t)
			// One after the other: each counts the mails that come.
			_ = t.Run("mails", func(t *testing.T) { storedAsMeant(ctx, t, m) }) &&
				t.Run("mechanisms", func(t *testing.T) { everyMechanism(ctx, t, m, kind.mechanisms) }) &&
				t.Run("wrong password", func(t *testing.T) { wrongPassword(ctx, t, m) }) &&
				t.Run("refused recipient", func(t *testing.T) { refusedRecipient(ctx, t, m, kind.unknown) })
		})
	}
}

// meant is what a reader is to find in a mail.
type meant struct {
	name     string // of the kind of mail
	subject  string
	from, to string
	text     string            // all of it, or the beginning if it ends with …
	parts    []string          // of the text, in this order
	html     []string          // parts of the HTML; nil if there is none
	files    map[string]string // SHA-256 by name
	thread   string            // the kind of mail whose thread it is in
}

// The people and the words of these tests: Latin beyond ASCII, Chinese, an
// emoji beyond the BMP, Hebrew from right to left.
const (
	author  = "Tocsin Wächter 哨兵 <" + username + ">"
	opsName = "Jürgen Müller 測試 <ops@example.org>"
	devName = "צוות 🚨 <dev@example.org>"
	strange = "Größe überschritten – 磁盘已满 – 🚨 – תקלה בשרת"
)

// watched are the rules of storedAsMeant: three failures at once, one by
// itself, one with words of its own.
func watched(s *station, m *mx) []string {
	notifier := func(name, to, server, more string) string {
		return fmt.Sprintf("mail %q {\n  from = %q\n  to = [%q]\n  servers = [mailserver.%s]\n  %s\n}\n", name, author, to, server, more)
	}
	blocks := []string{
		s.server("submission", m.submission, "starttls", "auth = \"plain\"\n"+unlimited),
		s.server("smtps", m.smtps, "implicit", "auth = \"login\"\n"+unlimited),
		notifier("ops", opsName, "submission", ""),
		notifier("dev", devName, "smtps", "template = template.words"),
		fmt.Sprintf("template \"words\" {\n  subject = \"%s: $SERVICE\"\n  text = \"%s\\n.\\n..two dots: $DESCRIPTION\\n\"\n}\n", strange, strange),
		"route {\n  when = event.check == \"worker\"\n  notify = [mail.ops]\n}\n",
		"route {\n  when = event.check == \"größe\"\n  notify = [mail.dev]\n}\n",
		"route {\n  notify = [mail.ops]\n  group = \"3s\"\n}\n",
	}
	for _, name := range []string{"worker", "größe", "p1", "p2", "пример"} {
		blocks = append(blocks, s.watchProcess(name, "1s"))
	}
	return blocks
}

// storedAsMeant sends every kind of mail and compares what both readers find.
func storedAsMeant(ctx context.Context, t *testing.T, m *mx) {
	s := newStation(t)
	s.write("ca.pem", string(m.ca))
	p := newPublic(t)
	p.open()
	s.rules(append(watched(s, m), p.block(""))...)
	want := make(map[string]meant) // by Message-ID
	expect := func(person string, w meant) {
		t.Helper()
		id := parse(t, postbox.Mail{Data: m.next(ctx, t, person)}).id
		if id == "" || want[id].name != "" {
			t.Fatalf("%s: the Message-ID %q is none of its own", w.name, id)
		}
		want[id] = w
	}

	worker, sized := startChild(t, s.path("worker.pid")), startChild(t, s.path("größe.pid"))
	a := s.start(ctx)
	expect("ops", meant{
		name: "digest", subject: "[web-1] 3 events: 3 failed", from: author, to: opsName,
		parts: []string{"process is not running", "пример"}, html: []string{"p1", "p2", "пример", "process is not running"},
	})
	worker.kill()
	expect("ops", meant{
		name: "failed", subject: "[web-1] worker: down", from: author, to: opsName, thread: "failed",
		text: "FAILED: process is not running\n…", html: []string{"FAILED", "process is not running", "worker"},
	})
	startChild(t, s.path("worker.pid"))
	expect("ops", meant{
		name: "recovered", subject: "[web-1] worker: down", from: author, to: opsName, thread: "failed",
		text: "RECOVERED after …", parts: []string{"process is running"}, html: []string{"RECOVERED", "worker"},
	})
	sized.kill()
	expect("dev", meant{
		name: "non-ASCII", subject: strange + ": größe", from: author, to: devName, thread: "non-ASCII",
		text: strange + "\n.\n..two dots: process is not running\n…", html: []string{strange},
	})
	for _, way := range submissions() {
		expect("dev", way(ctx, s))
	}
	expect("dev", p.viaSendmail(ctx))
	a.log.await(ctx, t, `msg="mail sent"`, len(want))
	a.stop(ctx)
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Badmail+l.Corrupt != 0 {
		t.Errorf("left in the spool: %+v", l)
	}
	for _, r := range readers(t) {
		found := r.read(ctx, t, filepath.Join(m.boxes, "ops"))
		maps.Copy(found, r.read(ctx, t, filepath.Join(m.boxes, "dev")))
		checkReadings(t, r.name, found, want)
	}
}

// checkReadings compares what a reader found with what was meant.
func checkReadings(t *testing.T, reader string, found map[string]reading, want map[string]meant) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("%s: found %d mails, want %d", reader, len(found), len(want))
	}
	roots := make(map[string]string)
	for id, w := range want {
		if w.thread == w.name {
			roots[w.name] = found[id].References
		}
	}
	for id, w := range want {
		got, ok := found[id]
		if !ok {
			t.Errorf("%s: %s: no mail %s", reader, w.name, id)
			continue
		}
		w.check(t, reader, got)
		if root := roots[w.thread]; got.References != root || got.InReplyTo != root || (root == "") != (w.thread == "") {
			t.Errorf("%s: %s: got References %q and In-Reply-To %q, want %q", reader, w.name, got.References, got.InReplyTo, root)
		}
	}
}

// check compares one mail. Trailing empty lines are the reader's.
func (w meant) check(t *testing.T, reader string, got reading) {
	t.Helper()
	if got.Subject != w.subject || got.From != w.from || got.To != w.to {
		t.Errorf("%s: %s: got %q from %q to %q,\nwant %q from %q to %q", reader, w.name, got.Subject, got.From, got.To, w.subject, w.from, w.to)
	}
	beginning, open := strings.CutSuffix(w.text, "…")
	// Base64 keeps the line ends of the wire (RFC 2045 6.8).
	if text := strings.TrimRight(strings.ReplaceAll(got.Text, "\r\n", "\n"), "\n"); !strings.HasPrefix(text, strings.TrimRight(beginning, "\n")) ||
		w.text != "" && !open && text != strings.TrimRight(beginning, "\n") || !contains(text, w.parts...) {
		t.Errorf("%s: %s: got the text\n%q\nwant\n%q with %q", reader, w.name, text, w.text, w.parts)
	}
	if !maps.Equal(got.Files, w.files) {
		t.Errorf("%s: %s: got the files %v, want %v", reader, w.name, got.Files, w.files)
	}
	if reader != "Python" {
		return
	}
	if len(got.Defects) > 0 || !contains(got.HTML, w.html...) || (got.HTML == "") != (w.html == nil) {
		t.Errorf("%s: %s: got the defects %q and the HTML\n%s\nwant %q in it", reader, w.name, got.Defects, got.HTML, w.html)
	}
}

// viaSendmail is a program's mail: with a body of eight bits and a line that is
// longer than a server takes. Of any other user than root its author would be
// said to be that.
func (p *public) viaSendmail(ctx context.Context) meant {
	p.t.Helper()
	w := meant{
		name: "sendmail", subject: "Cron: " + strange, from: author, to: devName,
		text: "Grüße von cron, שלום\n.\n..dots\nFrom here on " + strings.Repeat("größer ", 300) + "\n",
	}
	message := "From: " + author + "\nTo: " + devName + "\nSubject: " + w.subject + "\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + w.text
	if got := p.as(ctx, 0, message, "sendmail", "-t", "-i"); got.code != 0 {
		p.t.Fatalf("sendmail: %+v", got)
	}
	return w
}

// submissions are the ways to hand a mail of one's own to a running agent.
// Each sends to devName and says what was meant.
func submissions() []func(context.Context, *station) meant {
	return []func(context.Context, *station) meant{sendWithFile, submitRaw}
}

// sendWithFile is tocsin send with attachments.
func sendWithFile(ctx context.Context, s *station) meant {
	s.t.Helper()
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	const note = "Grüße\r\n.\r\nbare \r and no end"
	must(s.t, os.WriteFile(s.path("Meßwerte 測試.bin"), data, 0o600))
	s.write("note.txt", note)
	w := meant{
		name: "attachment", subject: "Prüfung: 測試 ✓ " + strings.Repeat("long ", 30) + "end", from: author, to: devName,
		text:  "Grüße, שלום\nthe second line\n.\n..dots\nFrom here on " + strings.Repeat("0123456789 ", 200) + "\n",
		files: map[string]string{"Meßwerte 測試.bin": sha256Of(data), "note.txt": sha256Of([]byte(note))},
	}
	o := s.tocsin(ctx, w.text, "send", "-s", w.subject, "-a", s.path("Meßwerte 測試.bin"), "-a", s.path("note.txt"), devName)
	if o.code != 0 || !strings.Contains(o.stderr, "for the running agent") {
		s.t.Errorf("send beside an agent: got exit code %d: %s", o.code, o.stderr)
	}
	return w
}

// submitRaw hands over a finished message, with the longest line there is.
func submitRaw(_ context.Context, s *station) meant {
	s.t.Helper()
	w := meant{
		name: "raw", subject: "cron: Läufe", from: "root <" + username + ">", to: "dev@example.org",
		text: "root says\n.\n..\nFrom me\n" + strings.Repeat("x", 998) + "\nthe end\n",
	}
	id := spool.NewID()
	raw := "From: root <" + username + ">\nTo: dev@example.org\nSubject: cron:\n =?utf-8?q?L=C3=A4ufe?=\nMessage-ID: <" + id + "@example.com>\n" +
		"Date: " + time.Now().Format(time.RFC1123Z) + "\n\n" + w.text
	must(s.t, spool.Submit(filepath.Join(s.state, "spool"), spool.Item{
		ID: id, Queued: time.Now(), Severity: tocsin.Warning, From: username,
		Targets: []spool.Target{{Addresses: []string{"dev@example.org"}}}, Raw: []byte(strings.ReplaceAll(raw, "\n", "\r\n")),
	}))
	return w
}
