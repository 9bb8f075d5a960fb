package config

import (
	"fmt"
	"time"

	"tocsin/notify/pickup"
)

// BlockDoc describes a block of the rule language. Language has all of them; a
// test holds it to what the loader takes.
type BlockDoc struct {
	// Name is how it is written, such as `check "KIND" "NAME"`, and Within the
	// block around it, empty at the top of a file.
	Name, Within string
	Doc          string // one sentence
	Attributes   []AttributeDoc
}

// AttributeDoc describes an attribute. Default is as it is written in a rule
// file, "required", or words; empty is that there is none. Allowed is empty where
// the type says all. Doc is one line, with code in backquotes.
type AttributeDoc struct {
	Name, Type, Default, Allowed, Doc string
}

// Language describes every block and attribute, in the order of the documents.
// The attributes of a kind of check are those of checks.Kinds.
func Language() []BlockDoc {
	return []BlockDoc{
		{"top level", "", "What stands outside of all blocks", []AttributeDoc{
			{versionName, "number", "", upTo(1, Version), "for which version of the language the file is written; it stands before everything but comments"},
		}},
		{"agent", "", "The agent as a whole, and what holds for every check; at most one, and it may be left out", agentDoc()},
		{`mailserver "NAME"`, "", "An SMTP account. Several are tried in the order of the file", mailServerDoc()},
		{"limit", "mailserver", "What the server gets at most. A preset brings its own; what a provider publishes may only be made smaller", limitDoc()},
		{"oauth", "mailserver", "A login with access tokens in place of a password", oauthDoc()},
		{`mail "NAME"`, "", "People who get mail", mailDoc()},
		{`recipient "ADDRESS"`, "mail", "What one address of the mail block gets", filterDoc()},
		{"fallback", "mail", "Who is told instead of what could not be sent", []AttributeDoc{
			{"after", "duration", text(defaultFallback), between(leastFallback, maxFallback), "how long it may not have been sent"},
			{"notify", "references", required, "", "`[mail.pager]`"},
		}},
		{`template "NAME"`, "", "The words of mails; a part that is left out is the built-in one", []AttributeDoc{
			{"subject", "text", "the built-in one", "one line", "with variables"},
			{"text", "text", "the built-in one", "", "with variables"},
			{"html", "text", "the built-in one", fmt.Sprintf("%d templates may have one", maxHTMLs), "a text of Go's html/template"},
		}},
		{"route", "", "Which event goes to whom. The first that matches takes an event", routeDoc()},
		{"escalate", "route", fmt.Sprintf("Who else is told of a failure that lasts; at most %d of them", maxEscalations), []AttributeDoc{
			{"after", "duration", required, atMost(maxEscalation), "how long it has lasted, and nobody has acknowledged it"},
			{"notify", "references", required, "", "`[mail.boss]`"},
		}},
		{`hook "EVENT"`, "", "What the machine itself does: `boot`, `shutdown` or `unit`", hookDoc()},
		{`maintenance "NAME"`, "", "A time that comes back in which nobody is told", maintenanceDoc()},
		{`heartbeat "NAME"`, "", "Tells a service on another machine, again and again, that the agent is well", heartbeatDoc()},
		{"aliases", "", "Where the mail of local users goes", []AttributeDoc{
			{"NAME", "list of texts", "", fmt.Sprintf("at most %d names", maxAliases), "addresses and other local names, such as `[\"ops@example.com\", \"bob\"]`; `default` is for every name without one"},
		}},
		{"pickup", "", "How the mail of other programs is taken in", pickupDoc()},
		{`check "KIND" "NAME"`, "", "One watched thing; its kind has attributes of its own", append(checkDoc(), actionDoc()...)},
		{`rule "NAME"`, "check", "A condition, and what a failure is", ruleDoc()},
	}
}

// required is the default of an attribute that has none.
const required = "required"

// text is a duration as a rule file has it.
func text(d time.Duration) string { return fmt.Sprintf("%q", durationText(d)) }

func atMost(d time.Duration) string { return "at most " + text(d) }

func between(least, most time.Duration) string { return text(least) + " to " + text(most) }

func upTo(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func agentDoc() []AttributeDoc {
	return []AttributeDoc{
		{"host", "text", "the FQDN", "a host name", "`$HOST`, the name of this machine in mails; by default the host name, completed from `/etc/hosts`"},
		{"interval", "duration", text(defaultInterval), "at least " + text(leastInterval), "how often a check is read, unless it says otherwise"},
		{"timeout", "duration", text(defaultTimeout), "", "how long one reading may take"},
		{"start_delay", "duration", "none", atMost(maxStartDelay), "how long after the agent's start no check is read; for services that come up slowly"},
		{"time_zone", "text", "the host's", "as `timedatectl list-timezones`", "where the clock of schedules hangs, such as `\"Europe/Berlin\"`"},
		{"state_dir", "text", fmt.Sprintf("%q", defaultStateDir), "an absolute path", "the spool, the quota and the state of the rules"},
		{"socket", "text", fmt.Sprintf("%q", DefaultSocket), "an absolute path", "for the command line; with `state_dir` set, `control.sock` in it"},
		{"look", "text", `"group"`, `"group" or "everybody"`, "who may ask through the socket how things are: root, the agent's user and members of its group, who may also act, or everybody on the machine; a change needs a restart"},
		{"defaults", "true or false", "true", "", "without a check block the built-in checks are in force; `false`: nothing is watched but what the file says"},
		{"events", "true or false", "true", "", "the kernel is listened to: what it tells, such as the end of a watched process, is read at once; `false` leaves the intervals alone"},
		{"onreboot", "text", `"laststate"`, `"laststate", "start" or "nostart"`, "what becomes of checks with a boot"},
		{"log_level", "text", `"info"`, `"debug", "info", "warn" or "error"`, "how much the agent logs"},
		{"labels", "names and texts", "none", fmt.Sprintf("at most %d", maxLabels), "labels of every check that does not have them otherwise, such as `{ site = \"berlin\" }`"},
		{"route_domains", "domains and references", "none", fmt.Sprintf("at most %d", maxDomains), "mail servers for the mail to some domains: `{ \"example.com\" = mailserver.lan }`"},
		{"mail_log", "text", "none", "an absolute path", "a mail log: a line for each step with a mail server"},
		{"mail_log_fields", "list of texts", "all", "", "the fields of the mail log, in their order"},
	}
}

func routeDoc() []AttributeDoc {
	return []AttributeDoc{
		{"when", "condition", "every event", "", "on `event.severity`, `event.kind`, `event.check`, `event.rule`, `event.type`, `event.name`, `event.host`, `event.metric` (the rule's first) and `event.labels.NAME`, all of them texts, and the list `event.groups`"},
		{"during", "schedule", "always", "", "the minutes in which the route takes events, such as `\"* 8-17 * * mon-fri\"`"},
		{"not_during", "schedule", "never", "", "the minutes in which it does not"},
		{"time_zone", "text", "the agent's", "", "where the clock of `during` hangs"},
		{"notify", "references", required, "", "`[mail.ops]`"},
		{"reminder", "duration", "never", "", "how often a failure that lasts is told again"},
		{"group", "duration", "none", atMost(day), "how long an event waits for others to share its mail"},
		{"continue", "true or false", "false", "", "later routes are tried as well"},
	}
}

func maintenanceDoc() []AttributeDoc {
	return []AttributeDoc{
		{"every", "schedule", required, "", "the minutes in which it begins"},
		{"duration", "duration", required, between(leastMaintenance, maxMaintenance), "how long it lasts; it has to be over before it begins again"},
		{"time_zone", "text", "the agent's", "", "where the clock of `every` hangs"},
		{"checks", "references", "everything", "", "what it is about, as `[process.nginx]`; without it, `kinds` and `groups` also boots, shutdowns and units"},
		{"kinds", "list of texts", "everything", "", "as `[\"filesystem\"]`"},
		{"groups", "list of texts", "everything", "", "as `[\"web\"]`"},
		{"reason", "text", "none", "", "for the mail at the end"},
	}
}

func heartbeatDoc() []AttributeDoc {
	return []AttributeDoc{
		{"url", "secret", required, "`https://` or `http://`", "where to; no log and no output shows it"},
		{"fail_url", "secret", "none", "`https://` or `http://`", "where to instead while the agent is not well, such as the same with `/fail`"},
		{"method", "text", `"GET"`, `"GET" or "POST"`, "POST sends a line of status, or why the agent is not well"},
		{"every", "duration", text(defaultBeat), between(leastBeat, day), "time between two; up to a tenth sooner, so that many agents do not come at once"},
		{"timeout", "duration", text(beatTimeout), "at most `every`", "how long one may take"},
		{"mail_age", "duration", text(beatMailAge), "", "how long mail may wait that does not work"},
	}
}

func pickupDoc() []AttributeDoc {
	return []AttributeDoc{
		{"dir", "text", fmt.Sprintf("%q", pickup.DefaultDir), "an absolute path", "the drop directory. An agent with another `state_dir`, or with `--state`, has none unless this says one; tell `tocsin sendmail` by the variable `TOCSIN_PICKUP`. Beside it are `quarantine/` and `max_size`"},
		{"max_size", "bytes", "10 * MiB", fmt.Sprintf("%d to %d * MiB", leastMessage, pickup.MostMaxSize>>20), "the largest message; encoded it has up to three times its bytes"},
		{"messages_per_hour", "number", fmt.Sprint(defaultMessagesPerHour), upTo(1, maxMessagesPerHour), "recipients of one user's mails; ten times that for root"},
		{"keep_from", "true or false", "false", "", "leave `From` and `Sender` as they are, for a relay that takes any"},
		{"masquerade", "text", "none", "a domain", "the domain that senders of this machine get, in place of the mail block's address"},
	}
}
