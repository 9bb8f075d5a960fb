//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestEvent: scripts tell what the agent cannot notice, while it runs and while
// it does not, and what is told twice is told once.
func TestEvent(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	hooks := "hook \"boot\" {}\nhook \"shutdown\" {\n  wait = \"8s\"\n}\nhook \"unit\" {}\n"
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), s.watchProcess("worker", "1s"), hooks)
	startChild(t, s.path("worker.pid"))
	state := func(want string) letter {
		t.Helper()
		got := receive(ctx, t, box)
		if got.header.Get("X-Tocsin-State") != want {
			t.Fatalf("got a mail of the state %s, want %s:\n%s", got.header.Get("X-Tocsin-State"), want, got.text)
		}
		return got
	}

	a := s.start(ctx)
	monitored := []string{
		"MONITOR_UNIT=backup.service", "MONITOR_SERVICE_RESULT=exit-code", "MONITOR_EXIT_CODE=exited", "MONITOR_EXIT_STATUS=3",
		"MONITOR_INVOCATION_ID=0123456789abcdef0123456789abcdef",
	}
	for range 2 {
		cmd := s.command(ctx, "event", "unit", "backup.service")
		cmd.Env = append(cmd.Env, monitored...)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "for the running agent") {
			t.Fatalf("event unit: %v: %s", err, out)
		}
	}
	unit := state("failed")
	if !contains(unit.text, "failed with result exit-code, exit status 3", "backup.service (unit)") {
		t.Errorf("the mail does not say what failed:\n%s", unit.text)
	}
	if o := s.tocsin(ctx, "", "event", "boot"); o.code != 0 || !strings.Contains(o.stderr, "the running agent tells it") {
		t.Errorf("got %q", o.stderr)
	}
	// It returns when the mail is gone, and the agent's own end tells no more.
	s.ok(ctx, "event", "shutdown", "--kind", "poweroff")
	if down := state("shutdown"); !strings.HasSuffix(down.header.Get("Subject"), "] Shutdown: poweroff") {
		t.Errorf("got the subject %q", down.header.Get("Subject"))
	}
	a.stop(ctx)

	// Without an agent: what it has told is not told again.
	if o := s.tocsin(ctx, "", "event", "shutdown", "--kind", "reboot"); o.code != 0 || !strings.Contains(o.stderr, "told already") {
		t.Errorf("got %d and %q", o.code, o.stderr)
	}

	// Another boot, in which no agent runs: the command delivers by itself.
	record := filepath.Join(s.state, "agent.json")
	text := readFile(t, record)
	key := text[strings.Index(text, `"key": "`)+8:]
	key = key[:strings.IndexByte(key, '"')]
	must(t, os.WriteFile(record, []byte(strings.ReplaceAll(text, key, "00000000000000000000000000000000-1")), 0o600))
	for range 2 {
		s.ok(ctx, "event", "boot")
	}
	if up := state("boot"); !strings.Contains(up.header.Get("Subject"), "] Boot: clean poweroff") {
		t.Errorf("got the subject %q", up.header.Get("Subject"))
	}
	if all := letters(t, box); len(all) != 3 {
		t.Errorf("got %d mails, want 3", len(all))
	}
}
