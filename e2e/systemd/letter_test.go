//go:build e2esystemd

package systemd

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// letter is a mail as its reader sees it.
type letter struct {
	file    string
	id      string    // Message-ID
	at      time.Time // when Postfix had stored it
	subject string
	state   string // X-Tocsin-State
	rule    string // X-Tocsin-Rule
	check   string // X-Tocsin-Check
	events  []string
	late    bool
	text    string
}

// readLetter reads a mail from the maildir.
func readLetter(t *testing.T, file string) letter {
	t.Helper()
	data := readFile(t, file)
	info, err := os.Stat(file)
	must(t, err)
	msg, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("parse mail: %v\n%s", err, data)
	}
	l := letter{
		file: file, id: msg.Header.Get("Message-ID"), at: info.ModTime(),
		state: msg.Header.Get("X-Tocsin-State"), rule: msg.Header.Get("X-Tocsin-Rule"), check: msg.Header.Get("X-Tocsin-Check"),
	}
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		t.Fatalf("parse subject: %v", err)
	}
	l.text = plainText(t, msg)
	for line := range strings.Lines(l.text) {
		if id, ok := strings.CutPrefix(line, "Event-ID: "); ok {
			l.events = append(l.events, strings.TrimSpace(id))
		}
		l.late = l.late || strings.HasPrefix(strings.TrimPrefix(line, "Note: "), lateLine)
	}
	// A mail of one event names it twice.
	if id := msg.Header.Get("X-Tocsin-Event"); id != "" && !slices.Contains(l.events, id) {
		l.events = append(l.events, id)
	}
	return l
}

// plainText is the text of a mail, of which others have the same as HTML
// beside it.
func plainText(t *testing.T, msg *mail.Message) string {
	t.Helper()
	body, encoding := msg.Body, msg.Header.Get("Content-Transfer-Encoding")
	if kind, parameters, err := mime.ParseMediaType(msg.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		part, err := multipart.NewReader(body, parameters["boundary"]).NextRawPart()
		must(t, err)
		body, encoding = part, part.Header.Get("Content-Transfer-Encoding")
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	must(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

func (l letter) String() string {
	return fmt.Sprintf("%s %s %q rule=%q check=%q late=%t events=%.8s", l.at.Format("15:04:05.000"), l.state, l.subject, l.rule, l.check, l.late, l.events)
}
