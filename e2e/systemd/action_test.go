//go:build e2esystemd

package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// actingChecks are of units: one that the agent may restart, one that it may
// not, and one that systemd restarts itself.
const actingChecks = `check "unit" "napper" {
  unit = "napper.service"
  stop = ["systemctl", "stop", "napper"]
  rule "down" {
    when     = failed
    severity = "critical"
    do       = "restart"
  }
}
check "unit" "foreign" {
  unit     = "foreign.service"
  restarts = 1
  rule "down" {
    when = failed
    do   = "restart"
  }
}
check "unit" "loop" {
  unit    = "loop.service"
  restart = ["systemctl", "restart", "loop"]
  rule "down" {
    when = state == "activating"
    do   = "restart"
  }
}
`

// TestActions: the agent's user restarts the unit that polkit lets it restart,
// and no other; with one that systemd is about to restart it does not meddle.
func TestActions(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 4*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	must(t, os.WriteFile(filepath.Join(b.root, "etc/tocsin/tocsin.hcl"), []byte(ruleFile("hook \"boot\" {}\nhook \"shutdown\" {}\n")+actingChecks), 0o644))
	rules := readFile(t, filepath.Join(b.root, "usr/share/polkit-1/rules.d/tocsin.rules"))
	named := strings.Replace(rules, "var units = [];", `var units = ["napper.service", "loop.service"];`, 1)
	if named == rules {
		t.Fatal("the polkit rules have no list of units")
	}
	must(t, os.MkdirAll(filepath.Join(b.root, "etc/polkit-1/rules.d"), 0o755))
	must(t, os.WriteFile(filepath.Join(b.root, "etc/polkit-1/rules.d/tocsin.rules"), []byte(named), 0o644))
	for _, name := range []string{"napper.service", "foreign.service"} {
		must(t, os.WriteFile(filepath.Join(b.root, "etc/systemd/system", name), []byte("[Service]\nExecStart=/bin/sleep 1000\n"), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(b.root, "etc/systemd/system/loop.service"), []byte("[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=5s\n"), 0o644))
	b.firstBoot(ctx)

	b.ok(ctx, "systemctl", "start", "napper", "foreign", "loop")
	b.ok(ctx, "systemctl", "kill", "--signal=KILL", "napper")
	b.expect(
		ctx, "a unit that is restarted",
		want{state: "failed", check: "unit.napper", words: []string{"Action:    restart"}},
		want{state: "action", check: "unit.napper", words: []string{"Execution succeeded"}},
		want{state: "recovered", check: "unit.napper"},
	)
	if got := b.property(ctx, "napper.service", "ActiveState"); got != "active" {
		t.Errorf("got the unit %s", got)
	}
	b.ok(ctx, "systemctl", "kill", "--signal=KILL", "loop")
	b.expect(
		ctx, "a unit that systemd restarts",
		want{state: "failed", check: "unit.loop"},
		want{state: "action", check: "unit.loop", words: []string{"Action not done", "left alone: systemd is at it: activating (auto-restart)"}},
		want{state: "recovered", check: "unit.loop"},
	)
	b.ok(ctx, "systemctl", "kill", "--signal=KILL", "foreign")
	b.expect(
		ctx, "a unit that nobody lets the agent restart",
		want{state: "failed", check: "unit.foreign"},
		want{state: "action", check: "unit.foreign", words: []string{"Execution failed", "not permitted"}},
		want{state: "action", check: "unit.foreign", words: []string{"Timeout", "no longer monitored"}},
	)
	b.ok(ctx, "tocsin", "restart", "napper")
	if out, err := b.in(ctx, "tocsin", "restart", "foreign"); err == nil || !strings.Contains(out, "not permitted") {
		t.Errorf("got %v, %s", err, out)
	}
	b.ok(ctx, "tocsin", "stop", "napper")
	if got := b.property(ctx, "napper.service", "ActiveState"); got != "inactive" {
		t.Errorf("got the unit %s", got)
	}
	b.ok(ctx, "systemctl", "stop", "foreign", "loop")
	b.finish(ctx)
}
