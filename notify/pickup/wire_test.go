package pickup

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

// checkWire fails when data is not what the wire takes, or when its header is
// not what a mail needs: a strict reader is the judge.
func checkWire(t *testing.T, data []byte) *mail.Message {
	t.Helper()
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		t.Fatalf("does not end with a line end: %q", data[max(0, len(data)-20):])
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > maxLine || bytes.ContainsFunc(line, func(r rune) bool { return r == 0 || r == '\r' || r == '\n' || r >= 0x80 }) {
			t.Fatalf("not fit for the wire: a line of %d bytes, %.200q", len(line), line)
		}
	}
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if strings.TrimSpace(string(line)) == "" {
			t.Fatalf("a blank line in the header:\n%s", head)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, data)
	}
	for _, name := range []string{"Bcc", "Resent-Bcc", "Return-Path"} {
		if m.Header.Get(name) != "" {
			t.Fatalf("it has a field %s:\n%.2000s", name, data)
		}
	}
	for _, name := range []string{"From", "Date", "Message-Id"} {
		if len(m.Header[name]) != 1 {
			t.Fatalf("it has %d fields %s, want one:\n%.2000s", len(m.Header[name]), name, data)
		}
	}
	return m
}

// contents are the decoded leaves of a mail.
func contents(t *testing.T, header mail.Header, body io.Reader) [][]byte {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && strings.HasPrefix(kind, "multipart/") {
		var all [][]byte
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				return all
			}
			all = append(all, contents(t, mail.Header(part.Header), part)...)
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return [][]byte{data}
}

func TestBodiesArriveByteForByte(t *testing.T) {
	long := strings.Repeat("0123456789", 500)
	binary := make([]byte, 3000)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	multi := func(kind, parts string) string { return "Content-Type: multipart/" + kind + "; boundary=b\n\n" + parts }
	for name, tt := range map[string]struct {
		message string
		want    string // a decoded leaf
		coding  string
	}{
		"ASCII":                 {"\nline\n.\n..\n", "line\r\n.\r\n..\r\n", ""},
		"no line end":           {"\nlast", "last\r\n", ""},
		"UTF-8":                 {"\nGrüße\n", "Grüße\r\n", "quoted-printable"},
		"UTF-8, no line end":    {"\nGrüße", "Grüße", "quoted-printable"},
		"mostly Chinese":        {"\n" + strings.Repeat("測試測試測試", 20) + "\n", strings.Repeat("測試測試測試", 20) + "\r\n", "base64"},
		"ISO 8859-1":            {"\nGr\xfc\xdfe aus alter Zeit, als ein Byte ein Zeichen war\n", "Gr\xfc\xdfe aus alter Zeit, als ein Byte ein Zeichen war\r\n", "quoted-printable"},
		"a long line":           {"\n" + long + "\n", long + "\r\n", "quoted-printable"},
		"blanks at line ends":   {"\nä \t\nb \n", "ä \t\r\nb \r\n", "quoted-printable"},
		"a bare CR":             {"\na\rb\n", "a\rb\r\n", "base64"},
		"CR CR LF":              {"\na\r\r\n", "a\r\r\n", "base64"},
		"a NUL":                 {"\na\x00b\n", "a\x00b\r\n", "quoted-printable"},
		"an attachment":         {"Content-Type: application/gzip\nContent-Transfer-Encoding: binary\n\n" + string(binary), string(binary), "base64"},
		"encoded already":       {"Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\nGr=C3=BC=\n=C3=9Fe\n", "Grüße\r\n", "quoted-printable"},
		"says ASCII and is not": {"Content-Type: text/html; charset=us-ascii\n\n<p>ä\n", "<p>ä\r\n", "quoted-printable"},
		"a part in UTF-8":       {multi("mixed", "--b\n\nplain\n--b\nContent-Type: text/html\nX-A: ä\n\n<b>ü</b>\n--b--\n"), "<b>ü</b>", "multi"},
		"the part beside it":    {multi("mixed", "--b\n\nplain\n--b\nContent-Type: text/html\n\n<b>ü</b>\n--b--\n"), "plain", "multi"},
		"nested": {
			multi("mixed", "pre\n--b\nContent-Type: multipart/alternative; boundary=\"c d\"\n\n--c d\n\nü\n--c d\nContent-Type: image/png\n\n\x89PNG\r\n\x1a\n\x00\n--c d--\n\n--b--\npost"),
			"\x89PNG\r\n\x1a\n\x00", "multi",
		},
	} {
		out := rewriteAs(t, Drop{To: []string{"x@example.org"}, Message: []byte(tt.message)}, testConfig())
		m := checkWire(t, out.Data)
		got := contents(t, m.Header, m.Body)
		if out.Wrapped != nil || !slices.ContainsFunc(got, func(leaf []byte) bool { return string(leaf) == tt.want }) {
			t.Errorf("%s: wrapped %v, got %.300q, want %.300q", name, out.Wrapped, got, tt.want)
		}
		if coding := m.Header.Get("Content-Transfer-Encoding"); tt.coding != "multi" && coding != tt.coding {
			t.Errorf("%s: got the encoding %q, want %q", name, coding, tt.coding)
		}
		if (m.Header.Get("Content-Type") != "") != (m.Header.Get("Mime-Version") == "1.0") {
			t.Errorf("%s: got %v", name, m.Header)
		}
	}
}

// TestWhatCannotBeEncodedIsAttached: as it was, but for its blind recipients.
func TestWhatCannotBeEncodedIsAttached(t *testing.T) {
	fields := "From: Jane <jane@corp.example>\r\nTo: x@example.org\r\nSubject: Grüße\r\nIn-Reply-To: <1@b>\r\n"
	for name, tt := range map[string]struct{ message, reason string }{
		"signed":                    {fields + "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nü\r\n--b--\r\n", "its signature"},
		"no end":                    {fields + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nü\r\n", "not told apart"},
		"no boundary":               {fields + "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nü\r\n--b--\r\n", "not told apart"},
		"a type that is none":       {fields + "Content-Type: ///\r\n\r\nü\r\n", "Content-Type"},
		"an encoding it has not":    {fields + "Content-Transfer-Encoding: base64\r\n\r\nü\r\n", `encoding is "base64"`},
		"another message":           {fields + "Content-Type: message/rfc822\r\n\r\nSubject: ü\r\n\r\n", "another message"},
		"a part without a header":   {fields + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Ä: 1\r\n\r\nü\r\n--b--\r\n", "without an end"},
		"text before the parts":     {fields + "Content-Type: multipart/mixed; boundary=b\r\n\r\nü\r\n--b\r\n\r\nü\r\n--b--\r\n", "outside of its parts"},
		"a header without end":      {fields + strings.Repeat("X: y\r\n", 2000) + "\r\nü\r\n", "1000 fields"},
		"a header that is too much": {fields + "X: " + strings.Repeat("y\r\n ", 100_000) + "\r\n\r\nü\r\n", "256 KiB"},
		"a word too long":           {fields + "Received: " + strings.Repeat("y", 2000) + "\r\n\r\nü\r\n", "Received"},
	} {
		out := rewriteAs(t, Drop{To: []string{"x@example.org"}, Message: []byte("Bcc: a@example.org,\r\n b@example.org\r\n" + tt.message)}, testConfig())
		m := checkWire(t, out.Data)
		leaves := contents(t, m.Header, m.Body)
		if out.Wrapped == nil || !strings.Contains(out.Wrapped.Error(), tt.reason) || len(leaves) != 2 ||
			string(leaves[1]) != tt.message || !strings.Contains(string(leaves[0]), out.Wrapped.Error()) {
			t.Errorf("%s: wrapped %v, got %.300q", name, out.Wrapped, leaves)
			continue
		}
		if strings.HasPrefix(name, "a header") {
			continue // it was not read
		}
		if subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); subject != "Grüße" || err != nil ||
			m.Header.Get("Reply-To") != "jane@corp.example" || m.Header.Get("In-Reply-To") != "<1@b>" || m.Header.Get("To") != "x@example.org" {
			t.Errorf("%s: got the header %v", name, m.Header)
		}
	}
}
