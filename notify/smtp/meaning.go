package smtp

import "strings"

// meaningOf is what the standards say of a reply: of its enhanced code (RFC
// 3463 and the registry of those that came later), else of its code (RFC 5321
// 4.2.3, RFC 4954 6).
func meaningOf(r Reply) string {
	if _, detail, ok := strings.Cut(r.Enhanced, "."); ok {
		if text := enhancedMeanings()[detail]; text != "" {
			return text
		}
	}
	if text := codeMeanings()[r.Code]; text != "" {
		return text
	}
	switch {
	case r.Code < 300:
		return "done"
	case r.Code < 400:
		return "go on"
	case r.Code < 500:
		return "a refusal for now"
	default:
		return "a refusal for good"
	}
}

func codeMeanings() map[int]string {
	return map[int]string{
		220: "the server is ready", 221: "the server closes the connection", 235: "the login is taken", 250: "done",
		251: "the recipient is elsewhere, the server passes the mail on", 252: "the recipient cannot be verified, the server tries",
		334: "the server asks for the next part of the login", 354: "the server waits for the message",
		421: "the server is not available and closes the connection",
		432: "a password transition is needed, or there are too many connections at once (Exchange Online)",
		440: "the sender is not that of the login (Alibaba)",
		450: "the mailbox is not available for now: busy, greylisted, or receiving too much",
		451: "a local error of the server: it tries to say later",
		452: "not enough storage, or too many recipients in one mail",
		454: "the login or TLS is not available for now, or there were too many logins",
		455: "the server cannot do with the parameters for now",
		500: "a syntax error: the server does not know the command", 501: "a syntax error in the parameters",
		502: "the command is not implemented", 503: "the commands came in a wrong order, as the server sees it",
		504: "a parameter is not implemented", 521: "the server takes no mail at all",
		523: "the encryption is too weak for this login", 526: "the login failed (Alibaba)",
		530: "a login, or TLS before it, is required", 534: "the login's mechanism is too weak: the provider wants another kind of password",
		535: "username or password are not taken", 538: "this login needs encryption",
		541: "the recipient's server refused it as spam", 550: "the mailbox is not available: no such user, or a policy, or a limit",
		551: "the user is not here", 552: "the message or the mailbox is too large", 553: "an address is not allowed, mostly the sender's",
		554: "the transaction failed: mostly a policy, spam, or a limit", 555: "the parameters of MAIL or RCPT are not known",
		556: "the recipient's domain takes no mail",
	}
}

func enhancedMeanings() map[string]string {
	return map[string]string{
		"1.0": "something about an address", "1.1": "there is no such mailbox", "1.2": "there is no such domain", "1.3": "the recipient's address is malformed",
		"1.4": "the recipient's address is ambiguous", "1.6": "the mailbox has moved", "1.7": "the sender's address is malformed",
		"1.8": "the sender's domain or mailbox is not taken", "1.9": "the message was passed on to a server that cannot take it", "1.10": "the recipient's domain takes no mail",
		"2.0": "something about the mailbox", "2.1": "the mailbox is disabled or takes no mail", "2.2": "the mailbox is full", "2.3": "the message is too long for the mailbox",
		"2.4": "a mailing list could not be expanded", "3.0": "something about the mail system", "3.1": "the mail system is full", "3.2": "the system takes no messages",
		"3.3": "the system cannot do what was asked", "3.4": "the message is too big for the system", "3.5": "the system is set up wrongly",
		"4.0": "something about the network", "4.1": "the host does not answer", "4.2": "the connection is bad", "4.3": "a directory server failed", "4.4": "there is no route to the domain",
		"4.5": "the system is congested (Gmail: the day's limit)", "4.6": "a routing loop", "4.7": "the delivery took too long",
		"5.0": "something about the protocol", "5.1": "an invalid command, or in a wrong order", "5.2": "a syntax error", "5.3": "too many recipients", "5.4": "invalid parameters", "5.6": "the login exchange is too long",
		"6.0": "something about the content", "6.1": "the kind of content is not supported", "6.6": "the message's content is not available",
		"7.0": "a matter of policy or security", "7.1": "not authorized: a policy of the server", "7.3": "a security conversion is not possible", "7.4": "the security feature is not supported",
		"7.5": "cryptographic failure", "7.7": "the message was changed", "7.8": "username or password are not taken", "7.9": "the login's mechanism is too weak", "7.10": "encryption is needed",
		"7.11": "this login needs encryption", "7.12": "a password transition is needed", "7.13": "the account is disabled", "7.14": "a trust relationship is needed",
		"7.20": "no DKIM signature passed", "7.23": "SPF failed", "7.25": "the address has no reverse name", "7.26": "several checks of the sender failed", "7.27": "the sender's address takes no mail itself",
		"7.28": "too much mail of this sender or address", "7.30": "logins with a password are switched off", "7.57": "the client did not log in", "7.60": "the account may not send as this sender",
		"7.139": "logins with a password are switched off for this mailbox or tenant", "7.232": "the tenant's limit is reached", "7.233": "the tenant's limit of external recipients is reached",
	}
}
