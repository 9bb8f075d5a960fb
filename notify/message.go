package notify

import (
	"bytes"
	"cmp"
	"mime"
	"net/mail"
	"strings"
)

// subjectOf is what a listing says of a message of another program: its subject
// on one line, which is still to be made safe to print.
func subjectOf(data []byte) string {
	const (
		most   = 64 << 10 // of the header
		length = 120
	)
	m, err := mail.ReadMessage(bytes.NewReader(append(bytes.Clone(data[:min(len(data), most)]), "\r\n\r\n"...)))
	if err != nil {
		return unnamed
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		subject = m.Header.Get("Subject")
	}
	short := []rune(strings.Join(strings.Fields(subject), " "))
	return cmp.Or(string(short[:min(len(short), length)]), unnamed)
}

// unnamed is a message without a subject.
const unnamed = "(message)"
