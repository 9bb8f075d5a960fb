package config

import (
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
)

// provider is a preset for the mail servers of one provider.
type provider struct {
	name string
	host string // empty when the rule file must say it
	port int
	tls  smtp.TLSMode
	// limit is what the account may be asked to take. With fixed it is the
	// provider's own limit, less a reserve, and may only be tightened.
	limit quota.Limit
	fixed bool
	// auth says that nothing is sent without a login.
	auth bool
	// source says where the numbers are from.
	source string
}

// providers is the table of presets.
func providers() []provider {
	return []provider{
		{
			name: "gmail", host: "smtp.gmail.com", port: 465, tls: smtp.TLSImplicit, auth: true, fixed: true,
			limit: quota.Limit{
				RecipientsPerDay: 450, MessagesPerMinute: 20, RecipientsPerMessage: 50,
				MessagesPerConnection: 50, Connections: 1,
			},
			// Published: 500 recipients in a rolling day, 100 a message over SMTP.
			source: "support.google.com/a/answer/166852, support.google.com/a/answer/3726730",
		},
		{
			name: "generic", port: 465, tls: smtp.TLSImplicit,
			limit: quota.Limit{
				RecipientsPerDay: 300, MessagesPerMinute: 10, RecipientsPerMessage: 20,
				MessagesPerConnection: 20, Connections: 1,
			},
			source: "no provider's number: what nearly every server takes",
		},
	}
}

func providerNames() []string {
	var names []string
	for _, p := range providers() {
		names = append(names, p.name)
	}
	return names
}

func findProvider(name string) provider {
	all := providers()
	for _, p := range all {
		if p.name == name {
			return p
		}
	}
	return all[len(all)-1]
}

// laterProviders are presets that a coming version will have.
func laterProviders() []string {
	return []string{
		"google-workspace", "google-relay", "microsoft365", "outlook.com", "yahoo", "icloud", "zoho", "netease", "qq",
		"tencent-exmail", "tencent-ses", "aliyun-directmail", "alimail", "ses", "sendgrid", "mailgun", "postmark", "fastmail", "yandex",
	}
}
