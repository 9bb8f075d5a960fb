package templates_test

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// checkWire holds a mail against RFC 5321 and 5322 as servers see it.
func checkWire(t *testing.T, data []byte) {
	t.Helper()
	rest := bytes.ReplaceAll(data, []byte("\r\n"), nil)
	if i := bytes.IndexAny(rest, "\r\n\x00"); i >= 0 {
		t.Errorf("a line end that is not CRLF, or a NUL, near %q", rest[max(0, i-20):min(len(rest), i+20)])
	}
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		t.Error("the mail does not end with CRLF")
	}
	for i, c := range data {
		if c >= 0x80 {
			t.Fatalf("the byte %#x at %d is not ASCII", c, i)
		}
	}
	header := true
	for line := range bytes.SplitSeq(data, []byte("\r\n")) {
		header = header && len(line) > 0
		if len(line) > 998 {
			t.Errorf("a line of %d octets: %.80q…", len(line), line)
		}
		if header && strings.TrimSpace(string(line)) == "" {
			t.Errorf("a header line of blanks: %q", line)
		}
		if header && bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("a control character in the header line %q", line)
		}
	}
}

// parsed is a mail as a reader's program takes it apart.
type parsed struct {
	header mail.Header
	text   string
}

func (p parsed) subject(t *testing.T) string {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("Subject"))
	if err != nil {
		t.Errorf("decode subject: %v", err)
	}
	return subject
}

func parse(t *testing.T, data []byte) parsed {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("parse mail: %v", err)
	}
	if got := m.Header.Get("Content-Transfer-Encoding"); got != "quoted-printable" {
		t.Fatalf("transfer encoding %q", got)
	}
	raw, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatalf("decode text: %v", err)
	}
	return parsed{m.Header, strings.ReplaceAll(string(raw), "\r\n", "\n")}
}

// checkHeaders compares the set of fields with the intended one, and that each
// is there once and is shown for what it is.
func (p parsed) checkHeaders(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for name, values := range p.header {
		got = append(got, name)
		if len(values) != 1 {
			t.Errorf("%s is there %d times", name, len(values))
		}
		decoded, err := new(mime.WordDecoder).DecodeHeader(values[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checkShown(t, decoded, "")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got the fields %q, want %q", got, want)
	}
}

// checkIDs looks for one line an event. What begins like one of them but is
// none, "Event-ID:x", counts as well; other spellings do not.
func (p parsed) checkIDs(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.SplitSeq(p.text, "\n") {
		if strings.HasPrefix(line, "Event-ID:") {
			got = append(got, strings.TrimPrefix(line, "Event-ID: "))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got the ids %q, want %q", got, want)
	}
}

// checkShown looks for what a reader would not see as it is.
func checkShown(t *testing.T, text, also string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\u200c' && r != '\u200d' && !strings.ContainsRune(also, r) {
			t.Errorf("%U in %q", r, text)
			return
		}
	}
}
