package config

import (
	"fmt"
	"time"

	"tocsin/internal/engine"
)

// programDoc is whom a program runs as and what it may use.
func programDoc(timeout time.Duration) []AttributeDoc {
	return []AttributeDoc{
		{"timeout", "duration", text(timeout), atMost(maxHookTimeout), "how long the program may take; then it is ended with everything it started"},
		{"user", "text", "the agent's", "", "whom the program runs as"},
		{"group", "text", "the agent's", "", "the group it runs as"},
		{"memory", "bytes", "half of the unit's", fmt.Sprintf("from %d", leastProgramMemory), "what it may use with everything it started, such as `64 * MiB`"},
		{"processes", "number", "256", upTo(1, mostProgramProcesses), "how many it may have"},
	}
}

func hookDoc() []AttributeDoc {
	return append([]AttributeDoc{
		{"notify", "references", "the routes decide", "", "`[mail.ops]`"},
		{"template", "reference", "the mail block's", "", "`template.NAME`"},
		{"exec", "list of texts", "none", fmt.Sprintf("at most %d, an absolute path first", maxExec), "a program and its arguments; no shell. It gets the variables of a template as `TOCSIN_SERVICE`, `TOCSIN_EVENT`, … and nothing else of the agent's environment. What it prints is in the mail. It, the directories above it and the links that lead to it belong to root, to the agent's user or to `user`, and nobody else may write to them"},
		{"wait", "duration", text(defaultWait), atMost(maxWait), "of `shutdown`: how long the agent tries to send before it lets the machine go down. A program gets half of it"},
		{"match", "list of texts", "every unit", fmt.Sprintf("at most %d", maxPatterns), "of `unit`: patterns of unit names, such as `[\"nginx.service\", \"backup-*\"]`"},
		{"except", "list of texts", "none", fmt.Sprintf("at most %d", maxPatterns), "of `unit`: those that are left out"},
		{"severity", "text", `"warning"`, `"info", "warning" or "critical"`, "of `unit`"},
	}, programDoc(defaultHookTimeout)...)
}

func checkDoc() []AttributeDoc {
	return []AttributeDoc{
		{"interval", "duration", "the agent's", "at least " + text(leastInterval), "how often it is read"},
		{"timeout", "duration", "the agent's", "", "how long one reading may take"},
		{"every", "schedule", "none", fmt.Sprintf("at most %d lines", maxLines), "the minutes in which it is read, in place of `interval`, such as `\"0 8 * * mon-fri\"`"},
		{"not_every", "schedule", "none", fmt.Sprintf("at most %d lines", maxLines), "the minutes in which it is not read"},
		{"time_zone", "text", "the agent's", "", "where the clock of both hangs"},
		{"groups", "list of texts", "none", fmt.Sprintf("at most %d words", maxGroups), "for routes, `tocsin status -g GROUP` and silences"},
		{"labels", "names and texts", "the agent's", fmt.Sprintf("at most %d, each of at most %d bytes", maxLabels, maxLabelBytes), "its events carry them, and routes ask for them: `{ team = \"db\" }`"},
		{"onreboot", "text", "the agent's", `"laststate", "start" or "nostart"`, "what becomes of it with a boot"},
		{"depends_on", "references", "none", "", "the checks without which this one cannot be fine: `[filesystem.data, process[\"my db\"]]`"},
	}
}

func actionDoc() []AttributeDoc {
	const where = "a program with its arguments; without a slash it is looked for where programs are. There is no shell: for one, write `[\"/bin/sh\", \"-c\", \"…\"]`"
	return []AttributeDoc{
		{"start", "list of texts", "of a `unit`: systemd", "", "how the service is started: " + where},
		{"stop", "list of texts", "of a `unit`: systemd", "", "how it is stopped"},
		{"restart", "list of texts", "`stop` and `start`; of a `unit`: systemd", "", "how it is restarted"},
		{"action_timeout", "duration", text(defaultActionTimeout), atMost(maxHookTimeout), "how long each of them may take, and then how long the process may take to come or go"},
		{"action_user", "text", "the agent's", "", "whom they run as"},
		{"action_group", "text", "the agent's", "", "the group they run as"},
		{"mode", "text", `"active"`, `"active" or "passive"`, "passive: the rules only tell, whatever their `do` is, but for `\"exec\"` and `\"unmonitor\"`; people may still act"},
		{"restarts", "number", fmt.Sprint(defaultRestarts), upTo(1, maxRestarts), "how often the rules may act on the service within `restarts_within`. Then they give up: the check is no longer read, and a critical event says so"},
		{"restarts_within", "duration", text(defaultWithin), atMost(maxWithin), "the time that `restarts` is for"},
	}
}

func ruleDoc() []AttributeDoc {
	return append([]AttributeDoc{
		{"when", "condition", required, "", "what a failure is"},
		{"for", "duration", "at once", "", "how long `when` must hold without a break"},
		{"clear", "condition", "`when` is false", "", "the condition of the recovery, for hysteresis"},
		{"clear_for", "duration", "at once", "", "how long the recovery must hold"},
		{"delay", "duration", "none", atMost(engine.MaxDelay), "in place of `clear_for`: how long a recovery must hold, growing while the rule flaps"},
		{"times", "number", "none", upTo(leastTimes, maxTimes), "with `within`, instead of `for`: fails when `when` held in that many readings; those that are less than half an interval apart, for what the kernel told, count once"},
		{"within", "duration", "none", "", "the time that `times` is for"},
		{"severity", "text", `"warning"`, `"info", "warning" or "critical"`, "how much it matters"},
		{"event", "text", "by metric", fmt.Sprintf("one line of at most %d bytes", maxEvent), "`$EVENT` of the failure; that of the recovery follows from it: \"X failed\" becomes \"X succeeded\", any other \"X recovered\", and Monit's names keep their pairs"},
		{"message", "text", "the condition with its values", fmt.Sprintf("at most %d bytes", maxMessage), "`$DESCRIPTION`, with variables"},
		{"reminder", "duration", "the route's", "", "how often a failure that lasts is told again"},
		{"evidence", "list of texts", "none", `"top_cpu", "top_memory", "journal" and "disk"`, "what of that moment the mail of the failure shows"},
		{"do", "text", `"alert"`, `"alert", "restart", "start", "stop", "unmonitor" or "exec"`, "what is done about a failure, beside telling it"},
		{"exec", "list of texts", "none", fmt.Sprintf("at most %d", maxExec), "the program of `do = \"exec\"`, with its arguments; no shell"},
		{"repeat", "duration", "once", "", "how often it runs again while the failure lasts"},
	}, programDoc(defaultHookTimeout)...)
}
