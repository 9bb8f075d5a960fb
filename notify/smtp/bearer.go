package smtp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	gosmtp "github.com/wneessen/go-mail/smtp"
)

// The mechanisms that take an access token: Google's and Microsoft's own, and
// that of RFC 7628.
const (
	mechXOAuth2     = "XOAUTH2"
	mechOAuthBearer = "OAUTHBEARER"
)

// The limits of RFC 4954 4: a command with its initial response is a line of
// 512 octets, an answer to a challenge one of 12288, each with its CRLF.
const (
	maxCommand = 510
	maxAnswer  = 12286
)

// bearer logs in with an access token.
type bearer struct {
	mechanism string
	initial   []byte
	hide      func(string) string // takes secrets out
	sent      bool
	refusal   *tokenRefusal
}

// newBearer makes the message of RFC 7628 3.1, or Google's shorter one.
func newBearer(mechanism string, s Server, hide func(string) string) *bearer {
	text := "user=" + s.Username + "\x01auth=Bearer " + s.token.Reveal() + "\x01\x01"
	if mechanism == mechOAuthBearer {
		// RFC 5801 4: "," and "=" are written out.
		user := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.Username)
		text = "n,a=" + user + ",\x01host=" + s.Host + "\x01port=" + strconv.Itoa(s.Port) +
			"\x01auth=Bearer " + s.token.Reveal() + "\x01\x01"
	}
	return &bearer{mechanism: mechanism, initial: []byte(text), hide: hide}
}

// Start gives the message with the command when the line is not too long for
// that; else the server asks for it. See gosmtp.Auth.
func (b *bearer) Start(*gosmtp.ServerInfo) (mechanism string, initial []byte, err error) {
	long := base64.StdEncoding.EncodedLen(len(b.initial))
	if long > maxAnswer {
		return "", nil, fmt.Errorf("the access token is too long: its login has %d bytes, a server takes %d", long, maxAnswer)
	}
	if len("AUTH ")+len(b.mechanism)+1+long > maxCommand {
		return b.mechanism, nil, nil
	}
	b.sent = true
	return b.mechanism, b.initial, nil
}

// Next answers a challenge. After the message the only one is an error, which
// the refusal follows when it was answered: with a single 0x01 (RFC 7628
// 3.2.3) or, for XOAUTH2, with an empty line. See gosmtp.Auth.
func (b *bearer) Next(challenge []byte, more bool) ([]byte, error) {
	switch {
	case !more && b.refusal != nil:
		return nil, fmt.Errorf("%w: the server refused the access token and then took it", ErrProtocol)
	case !more:
		return nil, nil
	case !b.sent:
		b.sent = true
		return b.initial, nil
	case b.refusal != nil:
		return nil, fmt.Errorf("%w: the server asks on after it has refused the access token", ErrProtocol)
	}
	b.refusal = newTokenRefusal(challenge, b.hide)
	if b.mechanism == mechOAuthBearer {
		return []byte{0x01}, nil
	}
	return []byte{}, nil
}

// tokenRefusal is what a server says of an access token that it does not take
// (RFC 7628 3.2.2). It is printable.
type tokenRefusal struct{ status, scope string }

// maxRefusal bounds what is kept of each part of a refusal.
const maxRefusal = 256

func newTokenRefusal(challenge []byte, hide func(string) string) *tokenRefusal {
	var parts struct {
		Status any    `json:"status"` // Google's is "400" or 400
		Scope  string `json:"scope"`
	}
	if err := json.Unmarshal(challenge, &parts); err != nil || parts.Status == nil {
		return &tokenRefusal{status: "unknown"}
	}
	return &tokenRefusal{safe(hide(fmt.Sprint(parts.Status)), maxRefusal), safe(hide(parts.Scope), maxRefusal)}
}

// Error reads `access token refused: status 400, scope https://mail.google.com/`.
func (r *tokenRefusal) Error() string {
	text := "access token refused: status " + r.status
	if r.scope != "" {
		text += ", scope " + r.scope
	}
	return text
}

// Hint says what a person does about it.
func (r *tokenRefusal) Hint() string {
	if strings.Contains(r.status, "scope") {
		return "the access token is not for sending mail: ask for the scope that the error names, and have the account's owner consent to it"
	}
	return "the token endpoint gave an access token that the mail server does not take: check that username is the mailbox that gave its consent, that the scope is the provider's for SMTP, and that SMTP is enabled for the mailbox"
}
