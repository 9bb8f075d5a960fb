package smtp

import (
	"errors"
	"fmt"
	"strings"

	"tocsin/notify/provider"
)

// The decisions that errors of this package carry, for errors.Is.
var (
	// ErrMalformed is for a message or address that is not fit for the wire.
	// Nothing of it was sent.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge is for a message over the server's SIZE (RFC 1870).
	// Nothing of it was sent.
	ErrTooLarge = errors.New("message is too large for the server")
	// ErrProtocol is for a server that does not speak SMTP as it should.
	ErrProtocol = errors.New("protocol error")
	// ErrInjected is for plain text where TLS should begin: somebody may be
	// talking into the connection (CVE-2011-0411).
	ErrInjected = errors.New("plain text after STARTTLS, a possible attack")
	// ErrMechanism is for a server and an account that have no mechanism of
	// authentication in common.
	ErrMechanism = errors.New("no common authentication mechanism")
	// ErrClosed is for a session that is not reusable any more.
	ErrClosed = errors.New("session is closed")
)

// Phase is the step of a conversation.
type Phase string

// The phases, in the order of a conversation.
const (
	PhaseToken     Phase = "token" // an access token, before the connection
	PhaseResolve   Phase = "dns"   // in a Trace, and of direct delivery
	PhaseConnect   Phase = "connect"
	PhaseTLS       Phase = "tls"
	PhaseGreeting  Phase = "greeting"
	PhaseHello     Phase = "ehlo"
	PhaseStartTLS  Phase = "starttls"
	PhaseAuth      Phase = "auth"
	PhaseMail      Phase = "mail"
	PhaseRecipient Phase = "rcpt"
	PhaseData      Phase = "data"
	PhaseDot       Phase = "dot" // the body and the reply to it
	PhaseReset     Phase = "rset"
	PhaseQuit      Phase = "quit"
)

// Phases lists those at which a server can say something, in their order.
func Phases() []Phase {
	return []Phase{
		PhaseConnect, PhaseTLS, PhaseGreeting, PhaseHello, PhaseStartTLS, PhaseAuth,
		PhaseMail, PhaseRecipient, PhaseData, PhaseDot, PhaseReset, PhaseQuit,
	}
}

// Scope says what a failure is about, and so what must wait. The zero value is
// Account: when in doubt no message is blamed.
type Scope uint8

// The scopes.
const (
	Account   Scope = iota // every message of the account
	Message                // this message, for all its recipients
	Recipient              // this message, for this recipient
)

var scopeNames = [...]string{"account", "message", "recipient"}

// String is the scope's word in logs and in the spool.
func (s Scope) String() string { return word(scopeNames[:], int(s)) }

// Class says what kind of a failure it is. The zero value is Transient: what
// is not known is temporary.
type Class uint8

// The classes.
const (
	Transient    Class = iota // may work the next time
	AuthBroken                // the account is refused until a person acts; never a reason to give up mail
	QuotaReached              // the provider's limit; works again later
	TLSBroken                 // no trustworthy encryption
	Protocol                  // the server does not speak SMTP as it should
	Permanent                 // refused for good; only with the scopes Message and Recipient
)

var classNames = [...]string{"transient", "auth-broken", "quota-reached", "tls-broken", "protocol", "permanent"}

// String is the class's word in logs and in the spool.
func (c Class) String() string { return word(classNames[:], int(c)) }

func word(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

// Failure is the error of a conversation. All errors of Dial and Send are a
// *Failure.
type Failure struct {
	Scope Scope
	Class Class
	Phase Phase
	// Reply is the server's, the zero Reply when there was none.
	Reply Reply
	// Pause is how long the provider wants the account left alone, the zero
	// Pause when nothing is known. Only with the scope Account.
	Pause provider.Pause
	// Err is the cause where it is not a reply.
	Err error
	// Ambiguous says that the server may have taken the message: the
	// conversation broke between the final dot and the reply to it.
	Ambiguous bool
}

// Error reads "auth: 535 5.7.8 bad credentials". It is safe to print and holds
// no secret.
func (f *Failure) Error() string {
	parts := []string{string(f.Phase)}
	if f.Err != nil {
		parts = append(parts, safe(f.Err.Error(), maxText))
	}
	if f.Reply.Code != 0 {
		parts = append(parts, f.Reply.String())
	}
	text := strings.Join(parts, ": ")
	if f.Ambiguous {
		text += " (the server may have taken the message)"
	}
	return text
}

// Unwrap is the cause.
func (f *Failure) Unwrap() error { return f.Err }
