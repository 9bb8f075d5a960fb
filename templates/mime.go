package templates

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"tocsin"
)

// letter is a mail before it is bytes.
type letter struct {
	id      string // as token makes it
	date    time.Time
	subject string
	sender  sender
	headers []Header // values are any text
	text    string   // lines end with LF
	html    string   // empty: the text is all there is
	charset mail.Charset
	files   []Attachment
}

// message renders the letter. go-mail sorts the fields and builds the MIME
// tree; we give it every field that it would otherwise make up from the clock,
// the host or chance (Date, Message-ID, boundary, types by file name), and
// values that need no encoding any more.
func (l letter) message() ([]byte, error) {
	m := mail.NewMsg(
		mail.WithCharset(l.charset),
		mail.WithEncoding(mail.EncodingQP),
		mail.WithBoundary(l.boundary()),
		mail.WithNoDefaultUserAgent(),
	)
	m.SetAddrHeaderFromMailAddress(mail.HeaderFrom, l.sender.from)
	if l.sender.replyTo != nil {
		m.SetAddrHeaderFromMailAddress(mail.HeaderReplyTo, l.sender.replyTo)
	}
	if len(l.sender.to) > 0 {
		m.SetAddrHeaderFromMailAddress(mail.HeaderTo, l.sender.to...)
	}
	if len(l.sender.cc) > 0 {
		m.SetAddrHeaderFromMailAddress(mail.HeaderCc, l.sender.cc...)
	}
	m.SetGenHeader(mail.HeaderDate, mailDate(l.date))
	m.SetGenHeader(mail.HeaderMessageID, "<"+l.messageID()+">")
	m.SetGenHeader(mail.HeaderSubject, headerText(cut(l.subject, maxSubject)))
	for _, h := range l.headers {
		m.SetGenHeader(mail.Header(h.Name), headerText(h.Value))
	}
	m.SetBodyString(mail.TypeTextPlain, l.text)
	if l.html != "" {
		m.AddAlternativeString(mail.TypeTextHTML, l.html)
	}
	for _, f := range l.files {
		err := m.AttachReader(f.fileName(), bytes.NewReader(f.Data), mail.WithFileContentType(f.contentType()))
		if err != nil {
			return nil, fmt.Errorf("attach %q: %w", f.Name, err)
		}
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	// A mail ends with a line end, whatever the encoder made of the last
	// line (RFC 5321 4.1.1.4).
	if !bytes.HasSuffix(b.Bytes(), []byte("\r\n")) {
		b.WriteString("\r\n")
	}
	return b.Bytes(), nil
}

func (l letter) messageID() string { return l.id + "@" + l.sender.domain }

// boundary separates the parts of the mail (RFC 2046 5.1.1). It depends on what
// they hold, so that none of them can hold it. A letter has files or an HTML
// part, never both: go-mail uses one boundary for all it nests.
func (l letter) boundary() string { return "tocsin-" + tocsin.Identify(l.id, l.text, l.html) }

// token makes an id fit for a Message-ID or a MIME boundary. Ids that already
// do, such as all of our own, stay as they are; others are hashed, so that
// different ids stay different.
func token(id string) string {
	const longest = 60 // a boundary has at most 70 octets (RFC 2046 5.1.1)
	if id != "" && len(id) <= longest && strings.Trim(id, letterDigitHyphen) == "" {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// mailDate is a date as in a Date field (RFC 5322 3.3), in the time's own zone.
func mailDate(t time.Time) string { return inRange(t).Format(time.RFC1123Z) }

// localTime is a date for people, in the time's own zone.
func localTime(t time.Time) string { return inRange(t).Format(timeLayout) }

const timeLayout = "2006-01-02 15:04:05 -0700"

// inRange keeps a broken clock from making years that no date can hold.
func inRange(t time.Time) time.Time {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}
