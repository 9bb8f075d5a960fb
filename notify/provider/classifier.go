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
	{Code: 530, Enhanced: "5.7.57", Means: Auth},
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
	{Text: "dt:spm", Means: Content}, // 451: may go in two minutes
	{Text: "dt:sum", Means: Sender, Hint: "NetEase wants the From of the mail to be the account's address: leave from out"},
	{Text: "local user only", Means: Sender, Hint: "NetEase sends only from the account's address: leave from out"},
	{Text: "too much fail authentication", Means: Auth, Pause: Pause{For: time.Hour}},
}

var tencent = []Reply{
	{Text: "connection frequency limited", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "ip frequency limited", Means: Quota, Pause: Pause{For: 15 * time.Minute}},
	{Text: "frequency limited", Means: Quota}, // of the sender or the domain
	{Text: "mail content denied", Means: Content},
	{Text: "mailbox unavailable or access denied", Means: Later}, // a limit as well
	{At: "auth", Code: 535, Means: Auth, Pause: Pause{For: 30 * time.Minute}},
}

var alibaba = []Reply{
	{Code: 526, Means: Auth},
	{Code: 440, Means: Sender, Hint: "Alibaba wants the sender to be the account's address: leave from out"},
	{Text: "reject by behaviour spam", Means: Quota, Pause: Pause{For: time.Hour}},
	{Text: "reject by content spam", Means: Content},
	{Code: 505, Text: "rcpts", Means: Later},
}
