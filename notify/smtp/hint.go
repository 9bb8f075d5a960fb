package smtp

import "errors"

// Hint says in words what a person can do about an error of Dial or Send,
// empty when nothing is known beyond the error itself.
func Hint(err error, provider string) string {
	var f *Failure
	if !errors.As(err, &f) {
		return ""
	}
	switch f.Class {
	case AuthBroken:
		if provider == "gmail" {
			return "Gmail wants an app password, not the account's own: turn on 2-step verification and make one at https://myaccount.google.com/apppasswords"
		}
		return "check username and password; many providers want an app password or an authorization code in place of the account's own password"
	case QuotaReached:
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
