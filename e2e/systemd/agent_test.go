//go:build e2esystemd

package systemd

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAgent starts, stops, replaces and kills the agent of a machine that
// stays up.
func TestAgent(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 3*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	for range rounds() {
		// So that a soak does not run into StartLimitBurst=.
		b.ok(ctx, "systemctl", "reset-failed", "tocsin")
		b.ok(ctx, "systemctl", "restart", "tocsin")
		b.expect(ctx, "restart", b.flip())

		installBinary(ctx, t, b.root, os.Getenv("TOCSIN_BIN"))
		b.ok(ctx, "systemctl", "restart", "tocsin")
		b.expect(ctx, "upgrade", b.flip())

		b.ok(ctx, "systemctl", "stop", "tocsin")
		b.expect(ctx, "stop", agentStopped())
		b.ok(ctx, "systemctl", "start", "tocsin")
		b.expect(ctx, "start", agentStarted(), b.flip())

		b.ok(ctx, "systemctl", "kill", "--signal=KILL", "tocsin")
		b.box.killed++
		b.restarted(ctx, 1) // a start by hand counts anew
		b.expect(ctx, "kill -9", agentKilled(), b.flip())
	}
	b.finish(ctx)
}

// restarted waits until the manager has started the agent by itself n times.
func (b *bench) restarted(ctx context.Context, n int) {
	b.t.Helper()
	b.until(ctx, "the agent to be started again", "tocsin", "NRestarts", n)
	b.active(ctx)
}

// property is a property of a unit.
func (b *bench) property(ctx context.Context, unit, name string) string {
	b.t.Helper()
	return strings.TrimSpace(b.ok(ctx, "systemctl", "show", "--property="+name, "--value", unit))
}

// TestWatchdog: an agent that hangs is ended and started again, and says so.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 4*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	limit, err := time.ParseDuration(b.property(ctx, "tocsin", "WatchdogUSec")) // such as "30s"
	must(t, err)
	began := time.Now()
	b.ok(ctx, "systemctl", "kill", "--signal=USR2", "tocsin") // see cmd/tocsin/fault.go
	result := "success"
	poll(ctx, t, "the agent to be ended", func() bool {
		if now := b.property(ctx, "tocsin", "Result"); now != "success" {
			result = now
		}
		return result != "success" || b.property(ctx, "tocsin", "NRestarts") != "0"
	})
	if result == "signal" {
		t.Fatal("the program was not built with -tags fault")
	}
	took := time.Since(began)
	b.box.killed++
	b.restarted(ctx, 1)
	t.Logf("an agent that hangs was ended after %s, WatchdogSec is %s", round(took), limit)
	if took > limit+time.Second {
		t.Errorf("got %s, want at most %s", took, limit)
	}
	b.expect(ctx, "hung", agentHung(), b.flip())
	b.finish(ctx)
}
