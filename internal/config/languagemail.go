package config

import (
	"fmt"

	"tocsin/notify/quota"
)

func mailServerDoc() []AttributeDoc {
	return []AttributeDoc{
		{"provider", "text", `"generic"`, "", "a preset, such as `\"gmail\"`: sets host, port, TLS and limits"},
		{"host", "text", "of the preset", "", "name or address of the server"},
		{"direct", "true or false", "false", "", "no account: straight to the mail servers of the recipients' domains, with `hostname`, `source_address`, `timeout`, `retry`, `limit` and `tls = \"starttls\"` only"},
		{"port", "number", "465, 587 with STARTTLS, 25 without TLS", upTo(1, 65535), "of the server"},
		{"tls", "text", "implicit for 465, else starttls", `"implicit", "starttls" or "none"`, "from the start, by STARTTLS and never without it, or not at all"},
		{"insecure", "true or false", "false", "", "allows `tls = \"none\"` to a server that is not this machine; a password still needs TLS"},
		{"username", "text", "no login", "", "with `password`, or a block `oauth`"},
		{"password", "secret", "no login", "", "`file(…)`, `credential(…)` or `env(…)`"},
		{"auth", "text", `"auto"`, `"auto", "plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256", "scram-sha-1-plus", "scram-sha-256-plus", "xoauth2", "oauthbearer" or "none"`, "how to log in; the two of OAuth with a block `oauth`"},
		{"ca_file", "text", "the system's", "a file", "certificates (PEM) that the server's is verified with"},
		{"fingerprint", "text", "none", "SHA-256", "of the public key of the server's certificate; replaces the verification"},
		{"hostname", "text", "the FQDN, else the domain of the username", "a host name", "our name in EHLO"},
		{"source_address", "text", "any", "a local IP address", "to send from"},
		{"timeout", "duration", `"30s"`, "", "for the dial and each command"},
		{"retry", "list of durations", "15 s to 30 min, growing", `each "1s" to "1d"`, "waits between tries; the last one repeats"},
	}
}

func limitDoc() []AttributeDoc {
	what := map[string]string{
		"recipients_per_day": "within 24 hours, sliding", "recipients_per_message": "of one mail",
		"messages_per_connection": "before a new one is made", "connections": "at a time",
	}
	var all []AttributeDoc
	for _, field := range limitFields(&quota.Limit{}) {
		doc := what[field.name]
		if doc == "" {
			doc = "sliding"
		}
		all = append(all, AttributeDoc{field.name, "number", "of the preset", upTo(1, maxLimit), doc})
	}
	return all
}

func oauthDoc() []AttributeDoc {
	return []AttributeDoc{
		{"client_id", "text", required, "", "the application's, unless there is a `command`"},
		{"client_secret", "secret", "none", "", "the application's; a public client has none"},
		{"refresh_token", "secret", "none", "", "the user's consent; without it the application logs in as itself (client credentials)"},
		{"tenant", "text", `"common"`, "", "Microsoft 365: the directory's ID or domain; needed without `refresh_token`"},
		{"token_url", "text", "of the preset", "`https://`", "the token endpoint"},
		{"scope", "text", "of the preset", "", "what the token is for"},
		{"command", "list of texts", "none", "an absolute path first", "instead of all of these: a program and its arguments, which prints the access token"},
	}
}

func filterDoc() []AttributeDoc {
	return []AttributeDoc{
		{"only", "list of texts", "every event", "words for events", "admits what one of its words is for"},
		{"not", "list of texts", "none", "words for events", "refuses what one of its words is for"},
	}
}

func mailDoc() []AttributeDoc {
	boxes := fmt.Sprintf("at most %d in all", maxRecipients)
	return append([]AttributeDoc{
		{"to", "list of texts", "", boxes, "`\"you@example.com\"` or `\"Your Name <you@example.com>\"`; with `cc` and `bcc` at least one address"},
		{"cc", "list of texts", "none", boxes, "copies"},
		{"bcc", "list of texts", "none", boxes, "blind copies"},
		{"from", "text", "the username of the first server if it is an address, else `tocsin@HOST`", "", "with the domain of `masquerade`, where that is set, in place of the host"},
		{"reply_to", "text", "none", "", "an address"},
		{"servers", "references", "all, in the order of the file", "", "`[mailserver.gmail, mailserver.relay]`; without it not those that `route_domains` names or that are `direct`"},
		{"template", "reference", "the built-in one", "", "`template.NAME`"},
		{"headers", "names and texts", "none", fmt.Sprintf("at most %d", maxHeaders), "further headers: `{ \"X-Team\" = \"ops\" }`"},
		{"format", "text", `"html"`, `"html" or "text"`, "a complete text and the same as HTML beside it, or the text alone"},
		{"subject_state", "true or false", "false", "", "the state in the built-in subjects, `[web-1] FAILED nginx: down`"},
	}, filterDoc()...)
}
