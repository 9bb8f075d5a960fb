//go:build e2esystemd

package systemd

import (
	"fmt"
	"strings"
)

// The hook blocks of the machines. unwatched is for a machine whose units are
// told of by tocsin-unit@.service alone.
const (
	watching  = unwatched + "hook \"unit\" {}\n"
	unwatched = "hook \"boot\" {}\nhook \"shutdown\" {}\n"
)

// ruleFile is the rule file of every machine. The pidfile is there and names
// PID 1 until a test removes it.
func ruleFile(hookBlocks string) string {
	return fmt.Sprintf(`agent {
  host     = "bench.example.org"
  interval = "10s"
}
mailserver "box" {
  host     = %q
  port     = %s
  tls      = "starttls"
  username = %q
  password = credential("smtp")
  ca_file  = "/etc/tocsin/ca.pem"
  retry    = ["1s"]
  limit {
    recipients_per_day      = 100000
    messages_per_minute     = 10000
    messages_per_connection = 10000
  }
}
mail "ops" {
  to = ["ops@example.org"]
}
check "process" "worker" {
  pidfile  = %q
  interval = "1s"
  rule "down" {
    when     = !exists
    severity = "warning"
  }
}
%s`, mailName, mailPort, username, pidfile, hookBlocks)
}

const pidfile = "/etc/worker.pid"

// lateLine begins the line of a mail that was made long after what it tells,
// or of one that the machine went down before.
const lateLine = "Sent late"

// want is a mail that has to come, or one that may.
type want struct {
	state   string   // X-Tocsin-State
	subject string   // how the subject begins
	words   []string // in the subject or the text
	check   string   // X-Tocsin-Check; empty is any
	late    lateness
	may     bool // it may be missing, once
}

// lateness is whether a mail says that it is late.
type lateness int

// A mail that was sent before the machine was down is not late.
const (
	inTime lateness = iota
	late
	anytime
)

func (w want) fits(l letter) bool {
	return l.state == w.state && strings.HasPrefix(l.subject, w.subject) && contains(l.subject+"\n"+l.text, w.words...) &&
		(w.check == "" || l.check == w.check) && (w.late == anytime || l.late == (w.late == late))
}

func (w want) String() string {
	return fmt.Sprintf("%s %q %q check=%q late=%d may=%t", w.state, w.subject, w.words, w.check, w.late, w.may)
}

// wentDown is the mail about a machine that goes down, such as "reboot" or
// "forced reboot".
func wentDown(kind string, l lateness) want {
	return want{state: "shutdown", subject: "[bench] Shutdown: " + kind, late: l}
}

// cameUp is the mail about a machine that came up after it went down in order.
func cameUp(kind string) want {
	return want{state: "boot", subject: "[bench] Boot: clean " + kind, late: anytime}
}

// crashed is the mail about a machine that came up after it did not.
func crashed() want { return want{state: "boot", subject: "[bench] Boot: NOT CLEAN", late: anytime} }

// firstBoot is the mail of the first start of all, about which nothing is known.
func firstBoot() want {
	return want{state: "boot", subject: "[bench] Boot: first start", late: anytime}
}

// What is told about the agent itself.
func agentStopped() want {
	return want{state: "instance", words: []string{"Instance changed"}}
}

func agentStarted() want {
	return want{state: "instance", words: []string{"Instance changed"}, late: anytime, may: true}
}

func agentKilled() want {
	return want{state: "instance", words: []string{"without a word", "killed"}, late: anytime}
}

func agentHung() want {
	return want{state: "instance", words: []string{"watchdog"}, late: anytime}
}

// What is told about units.
func unitFailed(unit string, words ...string) want {
	return want{state: "failed", check: "unit." + unit, words: words, late: anytime}
}

func unitRecovered(unit string) want {
	return want{state: "recovered", check: "unit." + unit, late: anytime}
}

// The rule of the rule file.
func workerDown() want { return want{state: "failed", subject: "[bench] worker: down", late: anytime} }

func workerUp() want { return want{state: "recovered", subject: "[bench] worker: down", late: anytime} }

// maxExposure is the worst rating of the unit by systemd-analyze security,
// times ten.
const maxExposure = 20
