package smtp

import (
	"errors"
	"strings"

	"tocsin/notify/provider"
)

// hinter is an error that knows what to do about itself.
type hinter interface {
	error
	Hint() string
}

// Hint says in words what a person can do about an error of Dial or Send,
// empty when nothing is known beyond the error itself. Name is that of a
// preset.
func Hint(err error, name string) string {
	var f *Failure
	if !errors.As(err, &f) {
		return ""
	}
	if known, ok := errors.AsType[hinter](f.Err); ok && known.Hint() != "" {
		return known.Hint()
	}
	preset, _ := provider.Find(name)
	if row, ok := preset.Match(string(f.Phase), f.Reply.Code, f.Reply.Enhanced, strings.ToLower(f.Reply.Text)); ok && f.Reply.Code != 0 && row.Hint != "" {
		return row.Hint
	}
	switch f.Class {
	case AuthBroken:
		if preset.Hint != "" {
			return preset.Hint
		}
		return "check username and password; many providers want an app password or an authorization code in place of the account's own password"
	case QuotaReached:
		if f.Pause.Firm {
			return "the provider's sending limit is reached and every try makes the block longer; the mail waits and goes when it ends, nothing is lost"
		}
		return "the provider's sending limit is reached; the mail waits and goes when it frees, nothing is lost"
	case TLSBroken:
		return "check host, port and tls (465 is implicit, 587 is starttls); for a private certificate set ca_file or fingerprint"
	case Transient:
		if f.Phase == PhaseConnect {
			return "check host and port, and that neither a firewall nor the hosting provider blocks outgoing mail"
		}
	case Protocol, Permanent:
	}
	return ""
}
