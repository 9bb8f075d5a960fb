package pickup

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of a header, and the longest line of a mail (RFC 5322 2.1.1).
const (
	maxFields = 1000
	maxHeader = 256 << 10
	maxLine   = 998
)

// errBroken says that a message cannot be sent as it is; it is wrapped.
var errBroken = errors.New("cannot be sent as it is")

// field is one field of a header.
type field struct {
	name string // as it was written
	// value is what stands after the colon, with its folds, and without the
	// last line end.
	value string
}

func (f field) is(name string) bool { return strings.EqualFold(f.name, name) }

// text is the value on one line.
func (f field) text() string { return strings.Trim(unfold(f.value), " \t") }

// unfold joins the lines of a value (RFC 5322 2.2.3).
func unfold(value string) string {
	return strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", ""), "\n", "")
}

// header is the fields in their order.
type header []field

// get is the text of the first field with the name, empty when there is none.
func (h header) get(name string) string {
	for _, f := range h {
		if f.is(name) {
			return f.text()
		}
	}
	return ""
}

func (h header) has(name string) bool {
	for _, f := range h {
		if f.is(name) {
			return true
		}
	}
	return false
}

// all lists the texts of every field with one of the names.
func (h header) all(names ...string) []string {
	var texts []string
	for _, f := range h {
		for _, name := range names {
			if f.is(name) {
				texts = append(texts, f.text())
			}
		}
	}
	return texts
}

// message is a message taken apart. The body is raw: a part of what came.
type message struct {
	header header
	body   []byte
	// blank says that an empty line ended the header, as it has to.
	blank bool
}

// parseMessage takes a message apart, whatever it is. As sendmail does, it
// ends the header before the first line that can be no field: a text without a
// header is all body. A line "From " of a mailbox file (mbox(5)) before the
// header is left out. The error wraps errBroken, for a header out of bounds.
func parseMessage(data []byte) (message, error) {
	if bytes.HasPrefix(data, []byte("From ")) || bytes.HasPrefix(data, []byte(">From ")) {
		_, data, _ = bytes.Cut(data, []byte{'\n'})
	}
	return parseEntity(data)
}

// parseEntity takes a message or a part of one apart.
func parseEntity(data []byte) (message, error) {
	var h header
	start := 0 // of the value that is being read
	at := 0
	for at < len(data) {
		line := firstLine(data[at:])
		folded := len(h) > 0 && (line[0] == ' ' || line[0] == '\t') && !isBlank(line)
		if !folded {
			if len(h) > 0 {
				h[len(h)-1].value = string(crlf(cutLineEnd(data[start:at])))
			}
			name, length := fieldName(line)
			if name == "" {
				break
			}
			h = append(h, field{name: name})
			start = at + length
		}
		if at += len(line); at > maxHeader || len(h) > maxFields {
			return message{}, fmt.Errorf("%w: its header has more than %d fields or %d KiB", errBroken, maxFields, maxHeader>>10)
		}
	}
	if at == len(data) && len(h) > 0 {
		h[len(h)-1].value = string(crlf(cutLineEnd(data[start:])))
	}
	m := message{header: h, body: data[at:]}
	if line := firstLine(m.body); isBlank(line) {
		m.body, m.blank = m.body[len(line):], true
	}
	return m, nil
}

// firstLine is the first line with its line end.
func firstLine(data []byte) []byte {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i+1]
	}
	return data
}

func isBlank(line []byte) bool {
	return len(line) == 1 && line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

// fieldName is the name of the field that begins in a line, empty when none
// does, and how many bytes of the line are before its value. A name is visible
// ASCII without a colon (RFC 5322 3.6.8); blanks before the colon are obsolete,
// and harmless.
func fieldName(line []byte) (name string, length int) {
	const longest = 200 // a line of 998 must hold more than the name
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return "", 0
	}
	name = strings.TrimRight(string(line[:colon]), " \t")
	if len(name) > longest || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", 0
	}
	return name, colon + 1
}

// utf8Text is text in UTF-8; other bytes are taken for ISO 8859-1, as old
// programs write it.
func utf8Text(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	runes := make([]rune, 0, len(text))
	for i := range len(text) {
		runes = append(runes, rune(text[i]))
	}
	return string(runes)
}

// printable replaces control characters by blanks.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
