package templates_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
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
	html   string // empty when the text is all there is
}

func (p parsed) subject(t *testing.T) string {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("Subject"))
	if err != nil {
		t.Errorf("decode subject: %v", err)
	}
	return subject
}

// parse takes a mail apart: a text, or a text and then the same as HTML.
func parse(t *testing.T, data []byte) parsed {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("parse mail: %v", err)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("parse type: %v", err)
	}
	if kind == "text/plain" {
		return parsed{header: m.Header, text: decode(t, m.Header.Get("Content-Transfer-Encoding"), m.Body)}
	}
	if kind != "multipart/alternative" || len(parameters["boundary"]) > 70 {
		t.Fatalf("got the type %s %v", kind, parameters)
	}
	p := parsed{header: m.Header}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	for _, part := range []struct {
		kind string
		text *string
	}{{"text/plain; charset=UTF-8", &p.text}, {"text/html; charset=UTF-8", &p.html}} {
		next, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("parse part: %v", err)
		}
		if got := next.Header.Get("Content-Type"); got != part.kind || len(next.Header) != 2 {
			t.Errorf("a part has the fields %v, want the type %s and an encoding", next.Header, part.kind)
		}
		*part.text = decode(t, next.Header.Get("Content-Transfer-Encoding"), next)
	}
	if _, err := parts.NextRawPart(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v after the HTML part, want the end", err)
	}
	checkHTML(t, p.html)
	return p
}

func decode(t *testing.T, encoding string, body io.Reader) string {
	t.Helper()
	if encoding != "quoted-printable" {
		t.Fatalf("transfer encoding %q", encoding)
	}
	encoded, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("read text: %v", err)
	}
	for line := range bytes.SplitSeq(encoded, []byte("\r\n")) {
		if len(line) > 76 { // RFC 2045 6.7 (5)
			t.Errorf("a quoted-printable line of %d octets: %q", len(line), line)
		}
	}
	raw, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(encoded)))
	if err != nil {
		t.Fatalf("decode text: %v", err)
	}
	return strings.ReplaceAll(string(raw), "\r\n", "\n")
}

// checkHTML holds what is true of every HTML part, a person's own as well: it
// is shown as it is, and nobody takes a line of it for an id line.
func checkHTML(t *testing.T, html string) {
	t.Helper()
	checkShown(t, html, "\n\t")
	if strings.Contains(html, "Event-ID:") {
		t.Error("the HTML part holds what looks like an id line")
	}
}

// checkPage holds the built-in HTML part: it is well-formed XML, fetches and
// runs nothing, and shows what it was given.
func (p parsed) checkPage(t *testing.T, texts ...string) {
	t.Helper()
	shown := shownText(t, p.html)
	for _, text := range texts {
		if !strings.Contains(shown, strings.Join(strings.Fields(text), " ")) {
			t.Errorf("the page does not show %q:\n%s", text, shown)
		}
	}
}

// pageElements are all elements of the built-in page.
func pageElements() []string {
	return []string{
		"html", "head", "meta", "title", "style", "body", "div", "table", "tr", "th", "td", "p", "h1", "span", "strong", "b", "pre", "br",
	}
}

// shownText reads a page strictly and returns its text, blanks folded.
func shownText(t *testing.T, page string) string {
	t.Helper()
	var text strings.Builder
	skipped := 0
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v\n%s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains(pageElements(), token.Name.Local) {
				t.Errorf("the page has the element %s", token.Name.Local)
			}
			if token.Name.Local == "style" || token.Name.Local == "title" {
				skipped++
			}
			for _, a := range token.Attr {
				switch name := strings.ToLower(a.Name.Local); {
				case name == "src", name == "href", name == "background", name == "action", strings.HasPrefix(name, "on"):
					t.Errorf("the page has the attribute %s=%q", name, a.Value)
				case strings.Contains(a.Value, "url("), strings.Contains(a.Value, "ZgotmplZ"):
					t.Errorf("the page has the value %q", a.Value)
				}
			}
		case xml.EndElement:
			if token.Name.Local == "style" || token.Name.Local == "title" {
				skipped--
			}
			text.WriteString(" ")
		case xml.CharData:
			if skipped == 0 {
				text.Write(token)
			} else if strings.Contains(string(token), "@import") || strings.Contains(string(token), "url(") {
				t.Errorf("the style fetches something: %s", token)
			}
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
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
