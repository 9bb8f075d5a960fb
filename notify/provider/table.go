package provider

import (
	"time"

	"tocsin/notify/quota"
)

// table holds the presets in the order they are listed in. What a row says of
// limits is below what the provider publishes, by a reserve for what else the
// account sends. Counts of a day are of a sliding one. A comment marks what no
// published page says. "generic" is the last.
var table = [...]Preset{
	{
		Name: "gmail", Aliases: []string{"gmail.com", "googlemail"}, Title: "Gmail",
		Host: "smtp.gmail.com", Endpoints: []Endpoint{{465, true}, {587, false}},
		Login: AppPassword, Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}, OAuth: googleOAuth, From: FromOwn, MaxSize: 35_882_577, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 450, MessagesPerMinute: 20, RecipientsPerMessage: 50, MessagesPerConnection: 50, Connections: 1},
		Published: "500 recipients a day, 100 a message over SMTP; who is over it is blocked for up to 24 hours",
		Replies:   google,
		Hint:      "Gmail wants an app password, not the account's own: turn on 2-step verification and make one at https://myaccount.google.com/apppasswords; or log in without a password: an oauth block",
		Sources:   []string{"support.google.com/a/answer/166852", "support.google.com/a/answer/3726730"},
	},
	{
		Name: "google-workspace", Aliases: []string{"workspace", "gsuite"}, Title: "Google Workspace",
		Host: "smtp.gmail.com", Endpoints: []Endpoint{{465, true}, {587, false}},
		Login: AppPassword, Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}, OAuth: googleOAuth, From: FromOwn, MaxSize: 35_882_577, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 1800, MessagesPerMinute: 30, RecipientsPerMessage: 50, MessagesPerConnection: 50, Connections: 2},
		Published: "2,000 messages a day (500 on trial), 10,000 recipients, 3,000 of them external, 100 a message over SMTP",
		Replies:   google,
		Hint:      "Google wants an app password, not the account's own: turn on 2-step verification and make one at https://myaccount.google.com/apppasswords; the domain's administrator may have switched them off; then an oauth block logs in without a password",
		Sources:   []string{"support.google.com/a/answer/166852"},
	},
	{
		Name: "google-relay", Title: "Google Workspace SMTP relay",
		Host: "smtp-relay.gmail.com", Endpoints: []Endpoint{{465, true}, {587, false}},
		Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"}, // as smtp.gmail.com has them
		OAuth:      googleOAuth, From: FromOwn, FullName: true, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 8000, MessagesPerMinute: 60, RecipientsPerMessage: 100, MessagesPerConnection: 100, Connections: 2},
		Published: "10,000 recipients a user and day, 100 and more a transaction",
		Replies:   google,
		Hint:      "the relay knows this machine by its address or by a login: allow either in the Admin console (Gmail, Routing, SMTP relay service)",
		Note:      "The name in EHLO must be a full one.",
		Sources:   []string{"github.com/louislam/uptime-kuma/issues/4790"},
	},
	{
		Name: "microsoft365", Aliases: []string{"office365", "o365", "exchange-online"}, Title: "Microsoft 365",
		Host: "smtp.office365.com", Endpoints: []Endpoint{{587, false}},
		Login: Password, Mechanisms: []string{"LOGIN", "XOAUTH2"}, OAuth: microsoftOAuth, From: FromOwn, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 9000, MessagesPerMinute: 25, RecipientsPerMessage: 100, MessagesPerConnection: 50, Connections: 1},
		Published: "10,000 recipients a day, 30 messages a minute, 500 recipients a message, 3 connections; 100 external recipients a day from onmicrosoft.com",
		Replies:   microsoft,
		Hint:      "enable authenticated SMTP for the mailbox in the admin center; with security defaults or 2-step verification, and by default from the end of December 2026, a password is refused: use an oauth block instead",
		Note:      "Logins with a password are off by default for tenants from the end of December 2026: an oauth block logs in without one.",
		Sources:   []string{"learn.microsoft.com smtp-submission-improvements", "learn.microsoft.com outbound-spam-sending-limits", "github.com/prometheus/alertmanager/issues/3244", "github.com/prometheus/alertmanager/issues/4342"},
	},
	{
		Name: "outlook.com", Aliases: []string{"outlook", "hotmail", "live.com"}, Title: "Outlook.com",
		Host: "smtp-mail.outlook.com", Endpoints: []Endpoint{{587, false}},
		Login: AppPassword, Mechanisms: []string{"LOGIN", "XOAUTH2"}, OAuth: consumerOAuth, From: FromOwn, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 250, MessagesPerMinute: 10, RecipientsPerMessage: 20, MessagesPerConnection: 20, Connections: 1},
		Published: "5,000 recipients a day and 500 a message for subscribers; fewer, about 300, for free accounts",
		Replies:   microsoft,
		Hint:      "Outlook.com takes no password since September 2024; an app password may work or not. Use an oauth block instead",
		Note:      "Meant for OAuth2 only. Whether app passwords still work is told both ways.",
		Sources:   []string{"support.microsoft.com 279ee200", "patriotmail (page)"},
	},
	{
		Name: "yahoo", Aliases: []string{"yahoo.com", "ymail"}, Title: "Yahoo Mail",
		Host: "smtp.mail.yahoo.com", Endpoints: []Endpoint{{465, true}},
		Login: AppPassword, From: FromOwn, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 450, MessagesPerMinute: 10, RecipientsPerMessage: 50, MessagesPerConnection: 15, Connections: 1},
		Published: "500 a day, counted by recipient, 100 recipients a message; closes after 20 messages without a word",
		Replies:   []Reply{{Code: 421, Text: "[tss", Means: Wait, Pause: Pause{For: 15 * time.Minute}}},
		Hint:      "Yahoo wants an app password, not the account's own: Account security, Generate app password",
		Sources:   []string{"help.yahoo.com SLN17518", "help.yahoo.com SLN3433", "smtpfieldmanual (page)"},
	},
	{
		Name: "icloud", Aliases: []string{"icloud.com", "me.com", "apple"}, Title: "iCloud Mail",
		Host: "smtp.mail.me.com", Endpoints: []Endpoint{{587, false}},
		Login: AppPassword, From: FromOwn, MaxSize: 20_000_000, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 180, MessagesPerMinute: 10, RecipientsPerMessage: 50, MessagesPerConnection: 20, Connections: 1},
		Published: "1,000 messages and 1,000 recipients a day, 500 recipients and 20 MB a message; an older page says 200, 1,000 and 100",
		Replies:   []Reply{{Text: "exceeded your daily sending limit", Means: Quota}, {Text: "sending limit", Means: Quota}},
		Hint:      "iCloud wants an app-specific password: make one at https://account.apple.com, Sign-In and Security",
		Sources:   []string{"support.apple.com HT202305", "support.apple.com HT4863", "ladedu (page)"},
	},
	{
		Name: "zoho", Aliases: []string{"zoho.com"}, Title: "Zoho Mail",
		Host: "smtp.zoho.com", Endpoints: []Endpoint{{465, true}, {587, false}},
		Login: AppPassword, Mechanisms: []string{"LOGIN"}, From: FromOwn, Fixed: true,
		Limit:     quota.Limit{RecipientsPerHour: 40, MessagesPerMinute: 2, RecipientsPerMessage: 20, MessagesPerConnection: 20, Connections: 1},
		Published: "50 to 500 external recipients an hour by reputation, 150 a message (free: 100); a block lasts up to an hour",
		Replies: []Reply{
			{Enhanced: "5.4.6", Means: Quota},
			{Text: "unusual sending activity", Means: Quota},
			{Text: "sender address blocked", Means: Auth, Hint: "Zoho has blocked the account from sending: sign in on the web and unblock it"},
			{Code: 553, Text: "relaying disallowed", Means: Sender, Hint: "Zoho sends only from addresses of the account: set from in the mail block"},
		},
		Full:    Pause{For: time.Hour},
		Hint:    "Zoho wants an app password when 2-step verification is on; an account outside the US has a server of its own: host = \"smtp.zoho.eu\"",
		Note:    "Automated mail is against its policy; Zoho has ZeptoMail for that. The regional hosts .eu and .in are from memory.",
		Sources: []string{"github.com/api-evangelist/zoho-mail (rates and limits)", "help.zoho.com", "fcron issue 15"},
	},
	{
		Name: "163", Aliases: []string{"163.com", "netease"}, Title: "NetEase 163 Mail",
		Host: "smtp.163.com", Endpoints: []Endpoint{{465, true}, {994, true}},
		Login: AuthCode, Mechanisms: []string{"PLAIN", "LOGIN"}, From: FromAccount, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 100, MessagesPerMinute: 2, RecipientsPerMessage: 10, MessagesPerConnection: 5, Connections: 1},
		Published: "nothing in figures; there are windows of 15 minutes and of a day, connections count as well",
		Replies:   netEase, Full: Pause{Day: true}, Hint: netEaseHint, Note: netEaseNote, Sources: netEaseSources,
	},
	{
		Name: "126", Aliases: []string{"126.com"}, Title: "NetEase 126 Mail",
		Host: "smtp.126.com", Endpoints: []Endpoint{{465, true}, {994, true}},
		Login: AuthCode, Mechanisms: []string{"PLAIN", "LOGIN"}, From: FromAccount, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 100, MessagesPerMinute: 2, RecipientsPerMessage: 10, MessagesPerConnection: 5, Connections: 1},
		Published: "nothing in figures; there are windows of 15 minutes and of a day, connections count as well",
		Replies:   netEase, Full: Pause{Day: true}, Hint: netEaseHint, Note: netEaseNote, Sources: netEaseSources,
	},
	{
		Name: "yeah", Aliases: []string{"yeah.net"}, Title: "NetEase yeah.net Mail",
		Host: "smtp.yeah.net", Endpoints: []Endpoint{{465, true}, {994, true}}, // the host is from memory
		Login: AuthCode, Mechanisms: []string{"PLAIN", "LOGIN"}, From: FromAccount, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 100, MessagesPerMinute: 2, RecipientsPerMessage: 10, MessagesPerConnection: 5, Connections: 1},
		Published: "nothing in figures; there are windows of 15 minutes and of a day, connections count as well",
		Replies:   netEase, Full: Pause{Day: true}, Hint: netEaseHint, Note: netEaseNote, Sources: netEaseSources,
	},
	{
		Name: "qq", Aliases: []string{"qq.com", "foxmail", "foxmail.com"}, Title: "QQ Mail, Foxmail",
		Host: "smtp.qq.com", Endpoints: []Endpoint{{465, true}, {587, false}},
		Login: AuthCode, Mechanisms: []string{"LOGIN", "PLAIN"}, From: FromOwn, MaxSize: 73_400_320, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 100, MessagesPerMinute: 2, RecipientsPerMessage: 10, MessagesPerConnection: 10, Connections: 1},
		Published: "secret by intention: a minute's, an hour's and a day's limit a sender",
		Replies:   tencent, Full: Pause{Day: true},
		Hint:    "QQ Mail wants an authorization code, not the password: Settings, Account, switch SMTP on and generate one; after a refused login the right one is refused too for a while",
		Sources: []string{"QQ Mail help 122/166 to 175", "github.com/wneessen/go-mail/issues/156", "SmsForwarder issue 507", "qqbot issue 221"},
	},
	{
		Name: "tencent-exmail", Aliases: []string{"exmail", "exmail.qq.com"}, Title: "Tencent Exmail",
		Host: "smtp.exmail.qq.com", Endpoints: []Endpoint{{465, true}},
		Login: Password, From: FromOwn,
		Limit:     quota.Limit{RecipientsPerDay: 200, MessagesPerMinute: 5, RecipientsPerMessage: 20, MessagesPerConnection: 10, Connections: 1},
		Published: "a day's limit that the domain shares and that changes; internal recipients and those who answered are free",
		Replies:   tencent, Full: Pause{Day: true},
		Hint:    "Tencent Exmail wants the client password when secure login is on: Settings, Client, and SMTP must be switched on there",
		Sources: []string{"resellers' copies of the help page"},
	},
	{
		Name: "tencent-ses", Title: "Tencent Cloud SES",
		Host: "smtp.qcloudmail.com", Endpoints: []Endpoint{{465, true}},
		Login: SMTPPassword, From: FromOwn, MaxSize: 4_000_000,
		Limit:     quota.Limit{RecipientsPerDay: 450, MessagesPerMinute: 60, RecipientsPerMessage: 20, MessagesPerConnection: 20, Connections: 2},
		Published: "new accounts 500 a day, 20 a second, 10 mails an hour from one sender to one recipient, 4 MB",
		Hint:      "the password is the sender address's own SMTP password, set in the console under Email addresses",
		Note:      "The host is Hong Kong's; others are gz-smtp.qcloudmail.com and sg-smtp.qcloudmail.com. For one recipient set messages_per_hour = 9.",
		Sources:   []string{"www.tencentcloud.com/document/product/1084/44458", "www.tencentcloud.com/document/product/1084/39649", "www.tencentcloud.com/document/product/1084/44457"},
	},
	{
		Name: "aliyun-directmail", Aliases: []string{"directmail"}, Title: "Alibaba Cloud DirectMail",
		Host: "smtpdm.aliyun.com", Endpoints: []Endpoint{{465, true}}, // the host is from memory
		Login: SMTPPassword, From: FromAccount, MaxSize: 15_000_000,
		Limit:     quota.Limit{RecipientsPerDay: 180, MessagesPerMinute: 20, RecipientsPerMessage: 50, MessagesPerConnection: 50, Connections: 2},
		Published: "2,000 a day at first, 200 a day for nothing, 100 recipients a message over SMTP, 15 MB with its encoding",
		Replies:   alibaba,
		Hint:      "the password is the sender address's own SMTP password, set in the DirectMail console",
		Sources:   []string{"help.aliyun.com direct-mail limits", "sh-aliyun (page)"},
	},
	{
		Name: "alimail", Aliases: []string{"aliyun-qiye"}, Title: "Alibaba Mail",
		Host: "smtp.qiye.aliyun.com", Endpoints: []Endpoint{{465, true}},
		Login: Password, From: FromOwn,
		Limit:   quota.Limit{RecipientsPerDay: 200, MessagesPerMinute: 5, RecipientsPerMessage: 20, MessagesPerConnection: 20, Connections: 1},
		Replies: alibaba,
		Hint:    "Alibaba Mail wants the client password (third-party client security password) when that is on",
		Sources: []string{"help.aliyun.com 36687"},
	},
	{
		Name: "ses", Aliases: []string{"amazon-ses", "aws-ses"}, Title: "Amazon SES",
		Example: "email-smtp.REGION.amazonaws.com", Endpoints: []Endpoint{{465, true}, {2465, true}, {587, false}, {2587, false}, {25, false}},
		Login: SMTPPassword, Mechanisms: []string{"PLAIN", "LOGIN"}, From: FromVerified, MaxSize: 40_000_000,
		Limit:     quota.Limit{RecipientsPerDay: 180, RecipientsPerSecond: 1, RecipientsPerMessage: 50, MessagesPerConnection: 100, Connections: 2},
		Published: "sandbox 200 recipients a day, 1 a second, verified ones only; in production by account; 50 a message, 40 MB",
		Replies: []Reply{
			{Text: "daily message quota exceeded", Means: Quota},
			{Text: "maximum sending rate exceeded", Means: Wait},
			{Text: "too many concurrent smtp connections", Means: Wait, Hint: "other programs use the same SES account at the same time; nothing is lost"},
			{Text: "maximum message count per session", Means: Wait, Hint: "the next connection takes the mail; to avoid it set limit { messages_per_connection }"},
			{Text: "not verified", Means: Sender, Hint: "verify the sender in the SES console, and in the sandbox every recipient too"},
		},
		Hint:    "SES has SMTP credentials of its own, made in the SES console for each region; the access key of an IAM user is none",
		Note:    "Set limit to the figures of the account when it is out of the sandbox.",
		Sources: []string{"docs.aws.amazon.com manage-sending-quotas-errors", "docs.aws.amazon.com quotas", "docs.aws.amazon.com smtp-response-codes", "github.com/knadh/listmonk/issues/2683"},
	},
	{
		Name: "sendgrid", Aliases: []string{"twilio"}, Title: "Twilio SendGrid",
		Host: "smtp.sendgrid.net", Endpoints: []Endpoint{{465, true}, {587, false}, {2525, false}, {25, false}},
		Login: APIKey, Username: "apikey", From: FromOwn,
		Limit:     quota.Limit{RecipientsPerDay: 300, MessagesPerMinute: 100, RecipientsPerMessage: 100, MessagesPerConnection: 500, Connections: 2},
		Published: "5,000 messages a connection, 10,000 connections, credits by plan",
		Replies:   []Reply{{Text: "maximum credits", Means: Quota, Hint: "the credits of the plan are used up; mail waits until they renew"}},
		Hint:      "the username is the word apikey, the password an API key that may send mail",
		Note:      "Set limit to the credits of the plan.",
		Sources:   []string{"docs.sendgrid.com integrating-with-the-smtp-api", "Adobe knowledge base"},
	},
	{
		Name: "mailgun", Title: "Mailgun",
		Host: "smtp.mailgun.org", Endpoints: []Endpoint{{465, true}, {587, false}, {2525, false}},
		Login: SMTPPassword, From: FromOwn,
		Limit:     quota.Limit{RecipientsPerDay: 300, MessagesPerMinute: 60, RecipientsPerMessage: 100, MessagesPerConnection: 100, Connections: 2},
		Published: "an hourly cap on probation; a limit that the account sets itself switches sending off",
		Hint:      "the login is one of the domain's SMTP credentials, not the account's; domains in the EU need host = \"smtp.eu.mailgun.org\"",
		Note:      "Set limit to the figures of the plan.",
		Sources:   []string{"help.mailgun.com 115001124753", "help.mailgun.com 4402611589915"},
	},
	{
		Name: "postmark", Title: "Postmark",
		Host: "smtp.postmarkapp.com", Endpoints: []Endpoint{{587, false}, {2525, false}, {25, false}},
		Login: Token, From: FromOwn, MaxSize: 10_000_000,
		Limit:     quota.Limit{RecipientsPerDay: 300, MessagesPerMinute: 60, RecipientsPerMessage: 50, MessagesPerConnection: 100, Connections: 2},
		Published: "no rate in figures; 10 connections, 50 recipients and 10 MB a message, 100 mails a month for nothing",
		Hint:      "the username and the password are both the server's API token", // from memory
		Note:      "Set limit to the figures of the plan.",
		Sources:   []string{"github.com/api-evangelist/postmark (rate limits)"},
	},
	{
		Name: "fastmail", Aliases: []string{"fastmail.com"}, Title: "Fastmail",
		Host: "smtp.fastmail.com", Endpoints: []Endpoint{{465, true}, {587, false}},
		Login: AppPassword, From: FromOwn, FullName: true,
		Limit:   quota.Limit{RecipientsPerDay: 500, MessagesPerMinute: 10, RecipientsPerMessage: 50, MessagesPerConnection: 50, Connections: 1}, // a guess
		Replies: []Reply{{At: "ehlo", Code: 504, Means: Wait, Hint: fullNameHint}},
		Hint:    "Fastmail wants an app password: Settings, Privacy and Security, Manage app passwords",
		Sources: []string{"www.fastmail.help limits.html", "github.com/marlam/msmtp/issues/51"},
	},
	{
		Name: "yandex", Aliases: []string{"yandex.com", "yandex.ru"}, Title: "Yandex Mail",
		Host: "smtp.yandex.com", Endpoints: []Endpoint{{465, true}},
		Login: AppPassword, From: FromOwn, Fixed: true,
		Limit:     quota.Limit{RecipientsPerDay: 450, MessagesPerMinute: 5, RecipientsPerMessage: 30, MessagesPerConnection: 20, Connections: 1},
		Published: "500 recipients a day, 35 a message over SMTP; a block lasts 24 hours, and each try within makes it 24 hours again",
		Replies: []Reply{
			{Text: "sending-limits", Means: Quota},
			{Text: "not owned by", Means: Sender, Hint: "Yandex sends only from the address of the account: set from in the mail block"},
			{Code: 554, Enhanced: "5.7.1", Text: "suspicion of spam", Means: Content},
		},
		Full:    Pause{For: 24 * time.Hour, Firm: true},
		Hint:    "Yandex wants an app password for mail, and mail programs must be allowed in the settings of the mailbox",
		Note:    "A paused account is not probed, not even by tocsin queue retry.",
		Sources: []string{"yandex.com/support/mail send-many-letters", "github.com/marlam/msmtp/issues/69"},
	},
	{
		Name: "generic", Title: "any other server",
		Example: "smtp.example.com", Endpoints: []Endpoint{{465, true}, {587, false}}, From: FromAny,
		Limit:   quota.Limit{RecipientsPerDay: 300, MessagesPerMinute: 10, RecipientsPerMessage: 20, MessagesPerConnection: 20, Connections: 1},
		Sources: []string{"no provider's figures: what nearly every server takes"},
	},
}

const (
	contentHint  = "the provider took the mail for spam: mails with the same subject and text do that; a template of your own makes them differ"
	fullNameHint = "the server wants a full name in EHLO: set hostname = \"web-1.example.com\" in the mailserver block"
	netEaseHint  = "NetEase wants the authorization code, not the password: Settings, POP3/SMTP/IMAP, switch SMTP on and generate one"
	netEaseNote  = "Mails of identical content are taken for spam. The window of a day is thought to end at midnight in China."
)

var netEaseSources = []string{"NetEase's list of replies", "selfteaching-python-camp issue 5556", "zabbix_mail issue 1", "feilong issue 375"}
