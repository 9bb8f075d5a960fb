package provider

import "time"

// What the replies of the providers with several presets mean. Rows are in the
// order in which they are tried.

var google = []Reply{
	{At: "ehlo", Code: 421, Means: Wait, Hint: fullNameHint},
	{Text: "peak smtp relay limit", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "smtp relay limit", Means: Quota},
	{Code: 550, Enhanced: "5.4.5", Means: Quota},
	{Code: 550, Enhanced: "5.7.1", Text: "daily", Means: Quota},
	{At: "rcpt", Code: 450, Enhanced: "4.2.1", Means: Later},
	{At: "auth", Code: 534, Means: Auth, Hint: "Google wants an app password, not the account's own: turn on 2-step verification and make one at https://myaccount.google.com/apppasswords, or use an oauth block"},
	// From memory.
	{Text: "mail relay denied", Means: Auth, Hint: "the relay does not know this machine: allow its address, or set username and password, in the Admin console (Gmail, Routing, SMTP relay service)"},
	{At: "auth", Code: 454, Text: "too many login attempts", Means: Wait, Pause: Pause{For: 15 * time.Minute}},
}

var microsoft = []Reply{
	{Text: "submissionquotaexceeded", Means: Quota},
	{Enhanced: "5.7.233", Means: Quota, Hint: "the tenant has reached its limit for external recipients"},
	{Code: 554, Enhanced: "5.2.2", Means: Quota, Hint: "the account's own mailbox is full: empty its Sent Items"},
	{Code: 432, Means: Wait, Pause: Pause{For: time.Minute}},
	{Text: "sender thread limit", Means: Wait, Pause: Pause{For: time.Minute}},
	{Enhanced: "5.7.139", Means: Auth, Hint: "the tenant refuses logins with a password: enable authenticated SMTP for the mailbox and check security defaults and policies, or use an oauth block"},
	{Enhanced: "5.7.30", Means: Auth, Hint: "Microsoft takes no password any more for this tenant: use an oauth block"},
	{Code: 530, Enhanced: "5.7.57", Means: Auth, Hint: "the server wants a login: set username and an oauth block, or a password where the tenant still takes one"},
	// These two are from memory.
	{Enhanced: "5.1.8", Means: Auth, Hint: "Microsoft has blocked the account from sending: an administrator unblocks it (Defender portal, Restricted entities)"},
	{Enhanced: "5.7.60", Means: Sender, Hint: "the account may not send as this address: set from, or grant it Send As"},
	{Code: 451, Enhanced: "5.7.3", Means: Auth, Hint: "the server wants STARTTLS: tls = \"starttls\", port = 587"},
	{Text: "sendasdenied", Means: Sender, Hint: "the account may not send as this address: set from, or grant it Send As"},
}

var netEase = []Reply{
	{Text: "mi:sfq", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "mi:dmc", Means: Wait}, // too many over one connection: the next takes it
	{Text: "mi:stc", Means: Quota},
	{Text: "rp:drc", Means: Wait},
	{Text: "rp:rcl", Means: Later},
	{Text: "rp:qrc", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "rp:trc", Means: Quota},
	{Text: "hl:icc", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "hl:ifc", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "hl:ihu", Means: Quota, Pause: Pause{For: time.Hour}},
	{Text: "dt:spm", Means: Content, Hint: contentHint}, // 451: may go in two minutes
	{Text: "dt:sum", Means: Sender, Hint: "NetEase wants the From of the mail to be the account's address: leave from out"},
	{Text: "local user only", Means: Sender, Hint: "NetEase sends only from the account's address: leave from out"},
	{Text: "too much fail authentication", Means: Auth, Pause: Pause{For: time.Hour}},
}

var tencent = []Reply{
	{Text: "connection frequency limited", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "ip frequency limited", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "frequency limited", Means: Quota}, // of the sender or the domain
	{Text: "mail content denied", Means: Content, Hint: contentHint},
	{Text: "mailbox unavailable or access denied", Means: Later}, // a limit as well
	{
		At: "auth", Code: 535, Text: "system busy", Means: Auth, Pause: Pause{For: 30 * time.Minute},
		Hint: "QQ guards against guessed passwords: for a while it refuses the right authorization code as well. Check that it is one, then wait",
	},
	{At: "auth", Code: 535, Means: Auth, Pause: Pause{For: 30 * time.Minute}},
}

var alibaba = []Reply{
	{Code: 526, Means: Auth},
	{Code: 440, Means: Sender, Hint: "Alibaba wants the sender to be the account's address: leave from out"},
	{Text: "reject by behaviour spam", Means: Quota, Pause: Pause{For: time.Hour}},
	{Text: "reject by content spam", Means: Content, Hint: contentHint},
	{Code: 505, Text: "rcpts", Means: Later},
}
