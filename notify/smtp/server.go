// Package smtp is Tocsin's own SMTP submission client (RFC 5321, RFC 6409): a
// session is dialed, secured and authenticated once and then takes messages,
// with a verdict for each recipient.
package smtp

import (
	"crypto/x509"
	"time"
)

// TLSMode says how a session is secured.
type TLSMode uint8

// The modes. The zero value, TLSImplicit, is the safest (RFC 8314).
const (
	TLSImplicit TLSMode = iota // from the first byte, port 465
	TLSStartTLS                // mandatory STARTTLS, port 587 (RFC 3207)
	TLSNone                    // in clear, only for loopback or when insisted on
	// TLSOpportunistic is STARTTLS where it is offered, with any certificate
	// (RFC 7435), else in clear. It is for direct delivery alone and refused
	// with a login.
	TLSOpportunistic
)

// Secret is a password. It prints as "[redacted]" wherever it goes by
// mistake; Reveal is the only way to its text.
type Secret struct{ text string }

// NewSecret keeps text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the secret's text.
func (s Secret) Reveal() string { return s.text }

// String hides the secret from %v and %s.
func (Secret) String() string { return "[redacted]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[redacted]" }

// MarshalText hides the secret from JSON and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Server is one SMTP account: where it is, how it is secured and who we are.
type Server struct {
	Name string // its label in the rule file
	// Provider selects the reply rules of Classify; empty means only the
	// general ones.
	Provider string
	Host     string // name or IP address
	// Address is where Host is; empty means that Host is looked up.
	Address string
	Port    int
	TLS     TLSMode
	// Username is empty for a server without authentication.
	Username string
	Password Secret
	// OAuth is instead of the password: access tokens, which only a Dialer
	// with Tokens can get.
	OAuth Grant
	// Auth is "auto" or one mechanism: "plain", "login", "cram-md5",
	// "scram-sha-1", "scram-sha-256", "scram-sha-1-plus",
	// "scram-sha-256-plus", "none"; with OAuth "xoauth2" or "oauthbearer".
	// Empty means auto.
	Auth string
	// Roots verifies the server's certificate; nil means the system's roots.
	Roots *x509.CertPool
	// Fingerprint, when set, is the SHA-256 of the certificate's
	// SubjectPublicKeyInfo in hex. It replaces the check against Roots: the
	// key is pinned, the name and the chain no longer matter.
	Fingerprint string
	// Hello is our name in EHLO: an FQDN or an address literal, never
	// localhost (RFC 5321 4.1.1.1).
	Hello string
	// Source is the local address to dial from; empty means any.
	Source string
	// Timeout bounds the dial and each command; 0 means 30 s. The reply to
	// the final dot gets more (RFC 5321 4.5.3.2.6), see DotTimeout.
	Timeout time.Duration
	// DotTimeout bounds the wait for the reply to the final dot; 0 means ten
	// minutes. A shorter one makes duplicates: it gives up on mails that the
	// server has taken.
	DotTimeout time.Duration

	// Direct says that there is no server: mail goes to those of its
	// recipients' domains. Dial refuses it; see package mx.
	Direct bool

	token Secret // the access token of one login
}
