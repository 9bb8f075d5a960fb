//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// letter is a mail as its reader sees it.
type letter struct {
	id      string // Message-ID
	subject string
	header  mail.Header
	text    string
	events  []string // of its Event-ID lines
	to      []string // of RCPT
	at      time.Time
	raw     []byte
}

func parse(t *testing.T, m postbox.Mail) letter {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatalf("parse mail: %v\n%s", err, m.Data)
	}
	l := letter{id: msg.Header.Get("Message-ID"), header: msg.Header, to: m.To, at: m.At, raw: m.Data}
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		t.Fatalf("parse subject: %v", err)
	}
	l.text = plainText(t, msg)
	for line := range strings.Lines(l.text) {
		if id, ok := strings.CutPrefix(line, "Event-ID: "); ok {
			l.events = append(l.events, strings.TrimSpace(id))
		}
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

// letters parses all that a box has received.
func letters(t *testing.T, box *postbox.Server) []letter {
	t.Helper()
	var all []letter
	for _, m := range box.Mails() {
		all = append(all, parse(t, m))
	}
	return all
}

// placement says in which mails to one recipient an event was told.
type placement struct{ event, recipient string }

// tally is where every event went, by Message-ID; copies of a mail are one
// mail.
func tally(all []letter) map[placement][]string {
	where := make(map[placement][]string)
	for _, l := range all {
		for _, recipient := range l.to {
			for _, event := range l.events {
				p := placement{event, recipient}
				if !slices.Contains(where[p], l.id) {
					where[p] = append(where[p], l.id)
				}
			}
		}
	}
	return where
}

// checkCopies fails the test when mails with one Message-ID differ, and says
// how many copies each had beyond the first.
func checkCopies(t *testing.T, all []letter) map[string]int {
	t.Helper()
	extra := make(map[string]int)
	first := make(map[string]letter)
	seen := make(map[placement]bool)
	for _, l := range all {
		if l.id == "" {
			t.Fatalf("a mail has no Message-ID:\n%s", l.raw)
		}
		if have, ok := first[l.id]; ok && !bytes.Equal(have.raw, l.raw) {
			t.Errorf("two mails with Message-ID %s differ:\n%s\n%s", l.id, have.raw, l.raw)
		} else if !ok {
			first[l.id] = l
		}
		for _, recipient := range l.to {
			p := placement{l.id, recipient}
			if seen[p] {
				extra[l.id]++
			}
			seen[p] = true
		}
	}
	return extra
}
