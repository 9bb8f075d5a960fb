package pickup

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"
)

// The bounds of a MIME tree.
const (
	maxDepth = 10
	maxParts = 1000
)

// encoder makes entities fit for a wire that takes 7-bit lines.
type encoder struct{ parts int }

// encode makes a message or a part of one fit: what is fit already stays byte
// for byte but for its line ends, and whatever is encoded decodes to the bytes
// that came. What cannot be encoded without changing what it says, such as a
// signed part, is an error that wraps errBroken.
func (e *encoder) encode(m message, depth int) (message, error) {
	cleaned := make(header, 0, len(m.header))
	for _, f := range m.header {
		f, err := f.clean()
		if err != nil {
			return message{}, err
		}
		cleaned = append(cleaned, f)
	}
	m.header = cleaned
	if body, ok := wireLines(m.body); ok {
		m.body = body
		return m, nil
	}
	kind, params := "text/plain", map[string]string{}
	if m.header.has("Content-Type") {
		var err error
		if kind, params, err = mime.ParseMediaType(m.header.get("Content-Type")); err != nil {
			return message{}, fmt.Errorf("%w: its Content-Type cannot be read", errBroken)
		}
	}
	switch coding := strings.ToLower(m.header.get("Content-Transfer-Encoding")); coding {
	case "", "7bit", "8bit", "binary":
	default:
		return message{}, fmt.Errorf("%w: a part says that its encoding is %s and is not", errBroken, shown(ascii(coding)))
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		return e.multipart(m, kind, params["boundary"], depth)
	case strings.HasPrefix(kind, "message/"):
		return message{}, fmt.Errorf("%w: it holds another message that is not ASCII with short lines", errBroken)
	case strings.HasPrefix(kind, "text/") && (bytes.IndexByte(m.body, 0) < 0 || !m.header.has("Content-Type")):
		return encodeText(m, kind, params)
	default:
		m.body = base64Lines(m.body)
		m.header = m.header.set("Content-Transfer-Encoding", "base64")
		return m, nil
	}
}

// encodeText encodes a text. Its line ends become CRLF, as those of every text
// in a mail are (RFC 2046 4.1.1).
func encodeText(m message, kind string, params map[string]string) (message, error) {
	if charset := params["charset"]; charset == "" || strings.EqualFold(charset, "us-ascii") && hasHighBytes(m.body) {
		switch {
		case !hasHighBytes(m.body):
			params["charset"] = "us-ascii"
		case utf8.Valid(m.body):
			params["charset"] = "utf-8"
		default:
			params["charset"] = "iso-8859-1"
		}
		formatted := mime.FormatMediaType(kind, params)
		if formatted == "" {
			return message{}, fmt.Errorf("%w: its Content-Type cannot be written", errBroken)
		}
		m.header = m.header.set("Content-Type", formatted)
	}
	text := crlf(m.body)
	if quoted, ok := quotedLines(text); ok {
		m.body = quoted
		m.header = m.header.set("Content-Transfer-Encoding", "quoted-printable")
		return m, nil
	}
	m.body = base64Lines(text)
	m.header = m.header.set("Content-Transfer-Encoding", "base64")
	return m, nil
}

// multipart encodes the parts that need it.
func (e *encoder) multipart(m message, kind, boundary string, depth int) (message, error) {
	if kind == "multipart/signed" || kind == "multipart/encrypted" {
		return message{}, fmt.Errorf("%w: encoding it would break its signature", errBroken)
	}
	if depth >= maxDepth {
		return message{}, fmt.Errorf("%w: its parts are nested more than %d deep", errBroken, maxDepth)
	}
	preamble, parts, epilogue, ok := splitParts(m.body, boundary)
	if e.parts += len(parts); !ok || e.parts > maxParts {
		return message{}, fmt.Errorf("%w: its parts are not told apart, or are more than %d", errBroken, maxParts)
	}
	var b bytes.Buffer
	for i, raw := range append([][]byte{preamble, epilogue}, parts...) {
		if _, ok := wireLines(raw); i < 2 && !ok {
			return message{}, fmt.Errorf("%w: there is text that is not ASCII outside of its parts", errBroken)
		}
	}
	b.Write(crlf(preamble))
	for _, raw := range parts {
		b.WriteString("--" + boundary + "\r\n")
		if lines, ok := wireLines(raw); ok {
			b.Write(lines)
		} else {
			part, err := parseEntity(raw)
			if err == nil && !part.blank {
				err = fmt.Errorf("%w: a part of it has a header without an end", errBroken)
			}
			if err != nil {
				return message{}, err
			}
			if part, err = e.encode(part, depth+1); err != nil {
				return message{}, err
			}
			part.write(&b)
		}
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	b.Write(crlf(epilogue))
	m.body = b.Bytes()
	if m.header.has("Content-Transfer-Encoding") {
		m.header = m.header.set("Content-Transfer-Encoding", "7bit")
	}
	return m, nil
}

// splitParts cuts the body of a multipart at its delimiters (RFC 2046 5.1.1).
// The line end before a delimiter belongs to it.
func splitParts(body []byte, boundary string) (preamble []byte, parts [][]byte, epilogue []byte, ok bool) {
	if boundary == "" || len(boundary) > 200 || strings.Trim(boundary, printableASCII()) != "" {
		return nil, nil, nil, false
	}
	delimiter := []byte("--" + boundary)
	start, inside := 0, false
	for at := 0; at < len(body); {
		line := firstLine(body[at:])
		rest, found := bytes.CutPrefix(line, delimiter)
		rest, last := bytes.CutPrefix(rest, []byte("--"))
		if !found || len(bytes.Trim(rest, " \t\r\n")) > 0 {
			at += len(line)
			continue
		}
		if inside {
			parts = append(parts, cutLineEnd(body[start:at]))
		} else {
			preamble = body[:at]
		}
		at += len(line)
		start, inside = at, true
		if last {
			return preamble, parts, body[at:], len(parts) > 0
		}
		if len(parts) > maxParts {
			break
		}
	}
	return nil, nil, nil, false // it has no end
}

// printableASCII is what a boundary may consist of, and more.
func printableASCII() string {
	var b strings.Builder
	for c := byte(' '); c < 0x7f; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

func cutLineEnd(part []byte) []byte {
	part = bytes.TrimSuffix(part, []byte{'\n'})
	return bytes.TrimSuffix(part, []byte{'\r'})
}

// write writes the entity with its lines ending in CRLF, the body as it is.
func (m message) write(b *bytes.Buffer) {
	for _, f := range m.header {
		b.WriteString(f.name + ":" + f.value + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(m.body)
}

// set replaces the value of the first field with the name, or adds one at the
// end. Others with the name are left out.
func (h header) set(name, text string) header {
	value, _ := fold(len(name)+1, text)
	out := make(header, 0, len(h)+1)
	done := false
	for _, f := range h {
		if !f.is(name) {
			out = append(out, f)
		} else if !done {
			out, done = append(out, field{f.name, value}), true
		}
	}
	if !done {
		out = append(out, field{name, value})
	}
	return out
}

// wireLines is data with its lines ending in CRLF, and whether it can be sent
// so: ASCII without NUL and bare carriage returns, lines of at most 998 octets.
func wireLines(data []byte) ([]byte, bool) {
	length := 0
	for i, c := range data {
		switch {
		case c == 0 || c >= 0x80:
			return nil, false
		case c == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return nil, false
		case c == '\n':
			length = 0
		case c != '\r':
			if length++; length > maxLine {
				return nil, false
			}
		}
	}
	return crlf(data), true
}

// crlf is data with every line end CRLF.
func crlf(data []byte) []byte {
	if bytes.Count(data, []byte{'\n'}) == bytes.Count(data, []byte("\r\n")) {
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/20)
	for i, c := range data {
		if c == '\n' && (i == 0 || data[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}

func hasHighBytes(data []byte) bool {
	return bytes.ContainsFunc(data, func(r rune) bool { return r >= utf8.RuneSelf })
}

// quotedLines is text in the quoted-printable encoding (RFC 2045 6.7), where
// that is short and exact: not with bare carriage returns, and not with more
// than one byte in six to encode.
func quotedLines(text []byte) ([]byte, bool) {
	encoded := 0
	for i, c := range text {
		if c == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			return nil, false
		}
		if c >= 0x7f || c < ' ' && c != '\r' && c != '\n' && c != '\t' || c == '=' {
			encoded++
		}
	}
	if encoded > len(text)/6+20 {
		return nil, false
	}
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	if b.Len() > 0 && !bytes.HasSuffix(b.Bytes(), []byte("\r\n")) {
		b.WriteString("=\r\n") // the line ends here, the text's does not
	}
	return b.Bytes(), true
}

// base64Lines is data in the base64 encoding, in lines of 76 (RFC 2045 6.8).
func base64Lines(data []byte) []byte {
	const line = 57 // octets of a line
	out := make([]byte, 0, len(data)/line*78+80)
	for len(data) > 0 {
		n := min(len(data), line)
		out = base64.StdEncoding.AppendEncode(out, data[:n])
		out = append(out, '\r', '\n')
		data = data[n:]
	}
	return out
}
