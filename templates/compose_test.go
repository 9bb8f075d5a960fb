package templates_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"tocsin/templates"
)

func draft() templates.Draft {
	return templates.Draft{ID: "0123456789abcdef", From: "alice@gmail.com", To: []string{"ops@example.com"}, Subject: "hello", Date: noon}
}

func TestCompose(t *testing.T) {
	for _, tt := range []struct{ name, body, charset, want string }{
		{"plain", "one\ntwo\n", "UTF-8", "one\ntwo\n"},
		{"no line end", "one", "UTF-8", "one\n"},
		{"CRLF", "one\r\ntwo\r\n", "UTF-8", "one\ntwo\n"},
		{"dots", ".\n..\n.x\n", "UTF-8", ".\n..\n.x\n"},
		{"UTF-8", "größer 磁 😀\n", "UTF-8", "größer 磁 😀\n"},
		{"latin 1", "gr\xf6\xdfer\n", "ISO-8859-1", "gr\xf6\xdfer\n"},
		{"long", strings.Repeat("x", 5000) + "\n", "UTF-8", strings.Repeat("x", 5000) + "\n"},
		{"From line", "From me\nto you\n", "UTF-8", "From me\nto you\n"},
		{"blanks at the end", "a \nb\t\n", "UTF-8", "a \nb\t\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := draft()
			d.Body = tt.body
			m, err := templates.Compose(d)
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, m.Data)
			p := parse(t, m.Data)
			p.checkHeaders(t, "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To")
			_, parameters, err := mime.ParseMediaType(p.header.Get("Content-Type"))
			if err != nil || parameters["charset"] != tt.charset || p.text != tt.want {
				t.Errorf("got %q in %v (%v), want %q in %s", p.text, parameters, err, tt.want, tt.charset)
			}
		})
	}
}

func TestAttachments(t *testing.T) {
	d := draft()
	d.Body = "see below"
	binary := bytes.Repeat([]byte{0, 1, 0xff, '\r', '\n', '.'}, 1000)
	long := strings.Repeat("ü", 300) + ".tar.gz"
	d.Attachments = []templates.Attachment{
		{Name: "report.csv", Data: []byte("a,b\n")},
		{Name: "/etc/../x/bücher.bin", Data: binary},
		{Name: "a\"\r\nContent-Type: text/html; x=\"", Data: nil},
		{Name: long, Data: []byte("x")},
	}
	m, err := templates.Compose(d)
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, m.Data)
	again, err := templates.Compose(d)
	if err != nil || !bytes.Equal(again.Data, m.Data) {
		t.Error("the same draft makes another mail")
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	_, parameters, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(parsed.Body, parameters["boundary"])
	if _, err := parts.NextPart(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"report.csv", "bücher.bin", "", ""} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		_, disposition, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if err != nil {
			t.Fatal(err)
		}
		name, err := new(mime.WordDecoder).DecodeHeader(disposition["filename"])
		if err != nil || (want != "" && name != want) || name == "" || len(name) > 128 {
			t.Errorf("attachment %d: got name %q (%v), want %q", i, name, err, want)
		}
		if len(part.Header) != 3 {
			t.Errorf("attachment %d has the fields %v", i, part.Header)
		}
		raw, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		if err != nil || !bytes.Equal(raw, d.Attachments[i].Data) {
			t.Errorf("attachment %d: got %d bytes (%v), want %d", i, len(raw), err, len(d.Attachments[i].Data))
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*templates.Draft)
		want   error
	}{
		{"no id", func(d *templates.Draft) { d.ID = "" }, templates.ErrEnvelope},
		{"from", func(d *templates.Draft) { d.From = "alice" }, templates.ErrEnvelope},
		{"to", func(d *templates.Draft) { d.To = []string{"a@b\nBcc: c@d"} }, templates.ErrAddress},
		{"large", func(d *templates.Draft) { d.Attachments = []templates.Attachment{{Data: make([]byte, 33<<20)}} }, templates.ErrTooLarge},
		{"many", func(d *templates.Draft) { d.Attachments = make([]templates.Attachment, 101) }, templates.ErrTooLarge},
	} {
		d := draft()
		tt.change(&d)
		if _, err := templates.Compose(d); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}
