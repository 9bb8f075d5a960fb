package templates

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// ErrEnvelope is for a mail that cannot be rendered because of what the
// configuration says, not because of an event: a bad address, a reserved
// header, no id. A wrapped error says which.
var ErrEnvelope = errors.New("bad envelope")

// maxMailboxes bounds To and Cc together.
const maxMailboxes = 500

// Envelope is what a mail needs besides its events.
type Envelope struct {
	// ID names the mail, normally 32 hex digits; never empty. Its Message-ID
	// is <ID@domain of From>, its MIME boundary is derived from it as well.
	ID string
	// From is the author, ReplyTo (may be empty) where answers go: each one
	// mailbox as Address takes it.
	From, ReplyTo string
	// To and Cc are mailboxes for the header. Together they may be empty,
	// when all recipients are blind ones.
	To, Cc []string
	// Headers are added to the mail; see Header.Check.
	Headers []Header
	// Template replaces the built-in subject, text and HTML where it is set.
	Template Template
	Style    Style
	// Queued is when the mail was queued. Zero, or at most a minute after
	// the newest event, is not mentioned.
	Queued time.Time
	// Silence says what held the events back until Until, if anything did; of
	// one that was ended early that is later than Composed.
	Silence string
	Until   time.Time
	// Composed is when the mail is made. Zero, or at most five minutes after
	// the newest event, is not mentioned.
	Composed time.Time

	trouble string // one more notice, of the rendering itself
}

// sender is the parsed address part of a mail's header.
type sender struct {
	from, replyTo *mail.Address
	to, cc        []*mail.Address
	domain        string
}

func parseSender(from, replyTo string, to, cc []string) (sender, error) {
	var s sender
	var err error
	if s.from, err = mailbox("from", from); err != nil {
		return sender{}, err
	}
	if replyTo != "" {
		if s.replyTo, err = mailbox("reply-to", replyTo); err != nil {
			return sender{}, err
		}
	}
	if n := len(to) + len(cc); n > maxMailboxes {
		return sender{}, fmt.Errorf("%w: %d mailboxes in to and cc, at most %d", ErrEnvelope, n, maxMailboxes)
	}
	if s.to, err = mailboxes("to", to); err != nil {
		return sender{}, err
	}
	if s.cc, err = mailboxes("cc", cc); err != nil {
		return sender{}, err
	}
	s.domain = s.from.Address[strings.LastIndexByte(s.from.Address, '@')+1:]
	return s, nil
}

func mailbox(field, text string) (*mail.Address, error) {
	name, addr, err := Address(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrEnvelope, field, err)
	}
	return &mail.Address{Name: name, Address: addr}, nil
}

func mailboxes(field string, texts []string) ([]*mail.Address, error) {
	parsed := make([]*mail.Address, 0, len(texts))
	for _, text := range texts {
		m, err := mailbox(field, text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, m)
	}
	return parsed, nil
}
