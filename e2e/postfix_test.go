//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestPostfix: a real mail server takes all that the program sends, over both
// ways of TLS, and stores what was meant.
func TestPostfix(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 90*time.Second)
	p := startPostfix(ctx, t)
	s := newStation(t)
	s.write("ca.pem", string(p.ca))
	s.rules(
		s.server("submission", p.submission, "starttls", unlimited), s.server("smtps", p.smtps, "implicit", "auth = \"plain\"\n"+unlimited),
		mailTo("ops", "Öps <ops@example.org>"), s.watchProcess("worker", "1s"),
	)
	text := "Grüße,\nthe second line\n.\n..dots and a very long line: " + strings.Repeat("0123456789 ", 200) + "\n"
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	must(t, os.WriteFile(s.path("Meßwerte.bin"), data, 0o600))
	subject := "Prüfung: 測試 ✓ " + strings.Repeat("long ", 30) + "end"
	send := []string{"send", "-s", subject, "-a", s.path("Meßwerte.bin"), "ops@example.org"}

	// Without an agent.
	if o := s.tocsin(ctx, text, send...); o.code != 0 || strings.Contains(o.stderr, "not delivered yet") {
		t.Fatalf("send: got exit code %d: %s", o.code, o.stderr)
	}
	checkDraft(t, p.next(ctx), subject, text, data)
	shown := s.ok(ctx, "test-mail")
	checkTestMail(t, shown)
	if !contains(shown, "AUTH SCRAM-SHA-256", "AUTH PLAIN") {
		t.Errorf("test-mail: the servers were not logged in to in both ways:\n%s", shown)
	}
	for range 2 {
		if m := parse(t, postbox.Mail{Data: p.next(ctx)}); !strings.Contains(m.text, "a test mail, asked for by a person") {
			t.Errorf("got %q, want a test mail", m.text)
		}
	}

	// Through an agent.
	worker := startChild(t, s.path("worker.pid"))
	a := s.start(ctx)
	o := s.tocsin(ctx, text, send...)
	if o.code != 0 || !strings.Contains(o.stderr, "for the running agent") {
		t.Errorf("send beside an agent: got exit code %d: %s", o.code, o.stderr)
	}
	checkDraft(t, p.next(ctx), subject, text, data)
	worker.kill()
	alert := parse(t, postbox.Mail{Data: p.next(ctx)})
	if alert.subject != "[web-1] worker: down" || len(alert.events) != 1 || !strings.HasPrefix(alert.text, "FAILED: process is not running\n") ||
		alert.header.Get("To") != "=?utf-8?q?=C3=96ps?= <ops@example.org>" || alert.header.Get("Return-Path") != "<"+username+">" {
		t.Errorf("got the alert %q to %q:\n%s", alert.subject, alert.header.Get("To"), alert.raw)
	}
	checkTestMail(t, s.ok(ctx, "test-mail", "--server", "smtps"))
	p.next(ctx)
	a.stop(ctx)
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Badmail+l.Corrupt != 0 {
		t.Errorf("left in the spool: %+v", l)
	}
}

func checkTestMail(t *testing.T, shown string) {
	t.Helper()
	if !contains(shown, "ok: taken for every recipient", "AUTH") || contains(shown, "FAILED") {
		t.Errorf("test-mail: got\n%s", shown)
	}
	for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte("\x00" + username + "\x00" + password))} {
		if strings.Contains(shown, secret) {
			t.Errorf("test-mail shows the password:\n%s", shown)
		}
	}
}

// checkDraft compares what was stored with what was sent.
func checkDraft(t *testing.T, stored []byte, subject, text string, attachment []byte) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(stored))
	must(t, err)
	got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || got != subject {
		t.Errorf("got the subject %q (%v), want %q", got, err, subject)
	}
	if from, err := m.Header.AddressList("From"); err != nil || len(from) != 1 || from[0].Address != username {
		t.Errorf("got the author %v (%v)", from, err)
	}
	if m.Header.Get("Message-ID") == "" || m.Header.Get("Return-Path") != "<"+username+">" {
		t.Errorf("got the header %v", m.Header)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("got the type %q (%v)", kind, err)
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	body, err := parts.NextRawPart()
	must(t, err)
	plain, err := io.ReadAll(quotedprintable.NewReader(body))
	if want := strings.ReplaceAll(text, "\n", "\r\n"); err != nil || strings.TrimRight(strings.ReplaceAll(string(plain), "\r\n", "\n"), "\n") != strings.TrimRight(text, "\n") {
		t.Errorf("got the text %q (%v), want %q", plain, err, want)
	}
	file, err := parts.NextRawPart()
	must(t, err)
	name, err := new(mime.WordDecoder).DecodeHeader(file.FileName())
	if err != nil || name != "Meßwerte.bin" {
		t.Errorf("got the file name %q (%v)", name, err)
	}
	if got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, file)); err != nil || !bytes.Equal(got, attachment) {
		t.Errorf("got an attachment of %d bytes (%v), want the %d that were sent", len(got), err, len(attachment))
	}
}

// readTree is the text of every file under dir.
func readTree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, _ := os.ReadFile(path) // some vanish while the agent runs
			all.Write(data)
		}
		return nil
	}))
	return all.String()
}
