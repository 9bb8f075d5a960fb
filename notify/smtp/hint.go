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
		return replyHint(f)
	case Protocol:
		return "what answers is no mail server as it should be: check host and port, and whether a firewall or virus scanner on the way talks into the conversation"
	case Permanent:
		return replyHint(f)
	}
	return ""
}

// replyHint is what a person does about a mail or a recipient that was refused.
func replyHint(f *Failure) string {
	detail := f.Reply.Enhanced
	if len(detail) > 2 {
		detail = detail[2:]
	}
	switch {
	case f.Reply.Code == 0:
		return ""
	case f.Scope == Recipient && detail == "2.2":
		return "the recipient's mailbox is full: only its owner can mend that"
	case f.Scope == Recipient && f.Class == Permanent:
		return "check the address in the mail block"
	case f.Scope == Recipient:
		return "nothing to do for now: many servers let a new sender wait (greylisting)"
	case detail == "1.7" || detail == "1.8" || f.Reply.Code == 553 || f.Phase == PhaseMail:
		return "check the sender: set from in the mail block to an address that the account may send as"
	case f.Reply.Code == 552 || detail == "3.4" || detail == "2.3":
		return "the mail is too large for this server"
	case strings.HasPrefix(detail, "7.") || f.Reply.Code == 554:
		return "the server's policy refuses the mail: check that from is the account's own address and its domain has SPF and DKIM, and see the address in the reply, if there is one"
	}
	return ""
}
