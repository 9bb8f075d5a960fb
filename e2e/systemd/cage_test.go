//go:build e2esystemd

package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostile is a program that never ends and leaves its session.
const hostile = `#!/bin/sh
trap '' TERM HUP
(setsid env -i /usr/bin/sleep 31415 </dev/null >/dev/null 2>&1 &) &
wait
exec sleep 27182
`

// hostileCheck runs it. The rule never fails: it is about no mail.
const hostileCheck = `check "program" "hostile" {
  path     = "/usr/local/bin/hostile"
  interval = "3s"
  timeout  = "2s"
  rule "status" {
    when = exit == 77
  }
}
`

// TestCage: in the sandbox of the unit each program has a control group of its
// own, may write to no other, and nothing of it is left at its timeout, after
// the agent was killed, and when the unit has stopped.
func TestCage(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 3*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	must(t, os.WriteFile(filepath.Join(b.root, "usr/local/bin/hostile"), []byte(hostile), 0o755))
	must(t, os.WriteFile(filepath.Join(b.root, "etc/tocsin/tocsin.hcl"), []byte(ruleFile(watching)+hostileCheck), 0o644))
	b.firstBoot(ctx)
	running := func() int {
		out, _ := b.in(ctx, "pgrep", "-c", "-f", "^(/usr/bin/)?sleep (31415|27182)") // 1 is none
		n := 0
		for _, digit := range strings.TrimSpace(out) {
			n = n*10 + int(digit-'0')
		}
		return n
	}
	group := func(pattern string) string {
		out, _ := b.in(ctx, "sh", "-c", "for p in $(pgrep -f '"+pattern+"'); do sed -n 's/^0:://p' /proc/$p/cgroup; done")
		return strings.TrimSpace(out)
	}
	caged := func() bool {
		got := group("^/usr/bin/sleep 31415")
		return strings.Contains(got, "/system.slice/tocsin.service/programs.") && !strings.Contains(got, "\n")
	}
	poll(ctx, t, "a daemon in a control group", caged)
	if got := group("^/usr/bin/tocsin run"); got != "/system.slice/tocsin.service/agent" {
		t.Errorf("got the agent in %q", got)
	}
	poll(ctx, t, "the end of all of it", func() bool { return running() == 0 })

	// Of the control groups the agent may write to its own alone.
	pid := strings.TrimSpace(b.ok(ctx, "systemctl", "show", "--property=MainPID", "--value", "tocsin"))
	out, err := b.in(ctx, "nsenter", "--target="+pid, "--mount", "sh", "-c",
		"find /sys/fs/cgroup -maxdepth 4 -name cgroup.procs | while read -r f; do test -w $f && echo $f; done; true")
	if err != nil || out == "" {
		t.Errorf("got %q and %v, want the groups of the unit", out, err)
	}
	for path := range strings.FieldsSeq(out) {
		if !strings.Contains(path, "/system.slice/tocsin.service/") {
			t.Errorf("the agent may write to %s", path)
		}
	}

	poll(ctx, t, "another daemon", caged)
	b.ok(ctx, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", "tocsin")
	b.expect(ctx, "the agent killed", agentKilled())
	b.active(ctx)
	poll(ctx, t, "a daemon of the next agent, and no other", caged)
	b.ok(ctx, "systemctl", "stop", "tocsin")
	if n := running(); n != 0 {
		t.Errorf("got %d processes after the unit has stopped, want none", n)
	}
	b.expect(ctx, "the agent stopped", agentStopped(), agentStarted())
	if out, _ := b.in(ctx, "systemctl", "--failed", "--plain", "--no-legend"); out != "" {
		t.Errorf("units failed:\n%s", out)
	}
}
