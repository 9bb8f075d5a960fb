//go:build e2esystemd

package systemd

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// victimCheck watches a unit at an interval that is of no use here.
const victimCheck = `check "unit" "victim" {
  unit     = "victim.service"
  interval = "30s"
  rule "down" {
    when     = failed
    severity = "critical"
  }
}
`

// TestNoticedUnit says how long it takes from the end of a unit's program, as
// systemd has it, to its mail stored by Postfix, over TLS with a login. How
// long does not fail it, beyond what an event of the bus rules out.
func TestNoticedUnit(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 4*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	must(t, os.WriteFile(filepath.Join(b.root, "etc/tocsin/tocsin.hcl"), []byte(ruleFile("hook \"boot\" {}\nhook \"shutdown\" {}\n")+victimCheck), 0o644))
	must(t, os.WriteFile(filepath.Join(b.root, "etc/systemd/system/victim.service"), []byte("[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 1000\n"), 0o644))
	b.firstBoot(ctx)
	b.ok(ctx, "systemctl", "start", "victim")
	var took []time.Duration
	for range 5 * rounds() {
		b.ok(ctx, "systemctl", "kill", "--signal=KILL", "victim")
		down := b.expect(ctx, "a unit that is killed", want{state: "failed", check: "unit.victim"})
		took = append(took, down[0].at.Sub(b.exited(ctx, "victim.service")))
		b.ok(ctx, "systemctl", "start", "victim")
		b.expect(ctx, "a unit that runs again", want{state: "recovered", check: "unit.victim"})
	}
	slices.Sort(took)
	t.Logf("from the end of a unit's program to its mail stored, interval 30 s: median %s, longest %s of %d",
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), len(took))
	if took[0] < 0 || took[len(took)/2] > 5*time.Second {
		t.Errorf("got %s", took)
	}
	b.finish(ctx)
}
