package templates

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wneessen/go-mail"

	"tocsin"
)

// ErrTooLarge is for a mail of a person that no provider would take.
var ErrTooLarge = errors.New("mail is too large")

// The limits of a person's own mail.
const (
	maxDraft       = 32 << 20 // body and attachments, before encoding
	maxAttachments = 100
	maxFileName    = 128
)

// Draft is a person's own mail, for tocsin send.
type Draft struct {
	ID      string // as Envelope.ID
	From    string // one mailbox
	To      []string
	Subject string
	// Body is plain text in UTF-8. Other bytes are taken for ISO 8859-1, as
	// old scripts write it.
	Body        string
	Attachments []Attachment
	Date        time.Time
}

// Attachment is a file that goes with a mail.
type Attachment struct {
	Name string // only its last element is used
	Data []byte
}

// Compose renders a draft. The result depends on the draft alone. The error
// wraps ErrEnvelope or ErrTooLarge.
func Compose(d Draft) (tocsin.Message, error) {
	if d.ID == "" {
		return tocsin.Message{}, fmt.Errorf("compose mail: %w: no id", ErrEnvelope)
	}
	s, err := parseSender(d.From, "", d.To, nil)
	if err != nil {
		return tocsin.Message{}, fmt.Errorf("compose mail: %w", err)
	}
	size := len(d.Body)
	for _, a := range d.Attachments {
		size += len(a.Data)
	}
	if size > maxDraft || len(d.Attachments) > maxAttachments {
		return tocsin.Message{}, fmt.Errorf("compose mail: %w: %d bytes in %d attachments and the text, at most %d in %d",
			ErrTooLarge, size, len(d.Attachments), maxDraft, maxAttachments)
	}
	l := letter{
		id: token(d.ID), date: d.Date, subject: visible(d.Subject, oneLine), sender: s,
		text: d.Body, charset: mail.CharsetUTF8, files: d.Attachments,
	}
	if !utf8.ValidString(d.Body) {
		l.charset = mail.CharsetISO88591
	}
	data, err := l.message()
	if err != nil {
		return tocsin.Message{}, fmt.Errorf("compose mail: %w", err)
	}
	return tocsin.Message{ID: l.messageID(), Data: data}, nil
}

// fileName is the attachment's name without its folders, short enough for one
// header line even when every byte is encoded.
func (a Attachment) fileName() string {
	name := visible(filepath.Base(a.Name), oneLine)
	if len(name) > maxFileName {
		extension := filepath.Ext(name)
		if len(extension) > 16 {
			extension = ""
		}
		name = cut(name, maxFileName-len(extension)) + extension
	}
	return name
}

// contentType knows a few types by itself: the system's table of types would
// make the same mail differ from host to host.
func (a Attachment) contentType() mail.ContentType {
	switch strings.ToLower(filepath.Ext(a.Name)) {
	case ".txt", ".log", ".conf", ".hcl":
		return "text/plain; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	case ".pdf":
		return "application/pdf"
	case ".gz":
		return "application/gzip"
	case ".zip":
		return "application/zip"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".svg":
		return "image/svg+xml"
	default:
		return "application/octet-stream"
	}
}
