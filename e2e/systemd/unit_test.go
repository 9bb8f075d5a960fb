//go:build e2esystemd

package systemd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fails is what a unit runs that fails, works what one runs that does not.
const (
	fails = "/bin/sh -c 'echo the first line; echo the second line; echo the last line; exit 3'"
	works = "/bin/true"
)

// writeUnit writes a unit of the machine's own.
func (b *bench) writeUnit(ctx context.Context, name, text string) {
	b.t.Helper()
	must(b.t, os.WriteFile(filepath.Join(b.root, "etc/systemd/system", name), []byte(text), 0o644))
	b.ok(ctx, "systemctl", "daemon-reload")
}

func oneshot(unit, command string) string {
	return fmt.Sprintf("[Unit]\n%s\n[Service]\nType=oneshot\nExecStart=%s\n", unit, command)
}

// until waits until a property of a unit is a number that is n or more.
func (b *bench) until(ctx context.Context, what, unit, property string, n int) {
	b.t.Helper()
	poll(ctx, b.t, what, func() bool {
		got, err := strconv.Atoi(b.property(ctx, unit, property))
		return err == nil && got >= n
	})
}

// rules replaces the rule file.
func (b *bench) rules(ctx context.Context, hookBlocks string) {
	b.t.Helper()
	must(b.t, os.WriteFile(filepath.Join(b.root, "etc/tocsin/tocsin.hcl"), []byte(ruleFile(hookBlocks)), 0o644))
	b.ok(ctx, "systemctl", "restart", "tocsin")
}

// exited is when a unit's program has ended.
func (b *bench) exited(ctx context.Context, unit string) time.Time {
	b.t.Helper()
	path := "/org/freedesktop/systemd1/unit/" + strings.NewReplacer(".", "_2e", "-", "_2d").Replace(unit)
	out := b.ok(ctx, "busctl", "get-property", "org.freedesktop.systemd1", path, "org.freedesktop.systemd1.Service", "ExecMainExitTimestamp")
	usec, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(out), "t "), 10, 64)
	must(b.t, err)
	return time.UnixMicro(usec)
}

// start starts a unit, which fails.
func (b *bench) start(ctx context.Context, unit string) {
	b.t.Helper()
	if _, err := b.in(ctx, "systemctl", "start", unit); err == nil {
		b.t.Errorf("%s has not failed", unit)
	}
}

// quickly fails the test when the mail about a unit took too long from its
// end. The promise is a second; here other machines boot at the same time, on
// two processors, and a wait or a poll is what is looked for.
func (b *bench) quickly(ctx context.Context, unit string, l letter) {
	b.t.Helper()
	if l.file == "" {
		return // told already
	}
	took := l.at.Sub(b.exited(ctx, unit))
	b.t.Logf("%s: %s from its failure to the mail", unit, took.Round(time.Millisecond))
	if took < 0 || took > 3*time.Second {
		b.t.Errorf("%s: got %s from its failure to the mail, want at most 3s", unit, took)
	}
}

// TestUnits: a unit that fails is mailed at once and once, however the agent
// hears of it, and so is its recovery.
func TestUnits(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 4*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	for range rounds() {
		b.failAndRecover(ctx)
		b.crashLoop(ctx)
		b.onFailure(ctx)
	}
	b.finish(ctx)
}

// failAndRecover is the plain case.
func (b *bench) failAndRecover(ctx context.Context) {
	b.t.Helper()
	b.writeUnit(ctx, "boom.service", oneshot("", fails))
	b.start(ctx, "boom.service")
	got := b.expect(ctx, "boom.service", unitFailed("boom.service", "the last line", "3"))
	b.quickly(ctx, "boom.service", got[0])
	// Somebody has started it again, and it failed again: that is told again.
	b.start(ctx, "boom.service")
	b.expect(ctx, "boom.service failed again", unitFailed("boom.service", "the last line", "3"))
	b.writeUnit(ctx, "boom.service", oneshot("", works))
	b.ok(ctx, "systemctl", "start", "boom.service")
	b.expect(ctx, "boom.service works", unitRecovered("boom.service"))
}

// crashLoop is a service that the manager starts again until it gives up.
func (b *bench) crashLoop(ctx context.Context) {
	b.t.Helper()
	const unit = "loop.service"
	body := "[Unit]\nStartLimitIntervalSec=30s\nStartLimitBurst=4\n[Service]\nRestart=on-failure\nRestartSec=300ms\nExecStart="
	b.writeUnit(ctx, unit, body+fails+"\n")
	b.ok(ctx, "systemctl", "start", unit)
	poll(ctx, b.t, unit+" to have failed for good", func() bool { return b.property(ctx, unit, "ActiveState") == "failed" })
	b.expect(ctx, unit, unitFailed(unit, "the last line"), b.flip())
	b.writeUnit(ctx, unit, body+"/bin/sleep 1000\n")
	b.ok(ctx, "systemctl", "reset-failed", unit)
	b.ok(ctx, "systemctl", "start", unit)
	b.expect(ctx, unit+" works", unitRecovered(unit))
	b.ok(ctx, "systemctl", "stop", unit)
	b.expect(ctx, unit+" stopped", b.flip())
}

// onFailure is a unit that calls the agent itself.
func (b *bench) onFailure(ctx context.Context) {
	b.t.Helper()
	b.rules(ctx, unwatched)
	b.called(ctx, "alone.service")
	b.rules(ctx, watching)
	b.called(ctx, "both.service")
}

// called has a unit fail that tells the agent by OnFailure=.
func (b *bench) called(ctx context.Context, unit string) {
	b.t.Helper()
	b.writeUnit(ctx, unit, oneshot("OnFailure=tocsin-unit@%n.service", fails))
	b.start(ctx, unit)
	helper := "tocsin-unit@" + unit + ".service"
	poll(ctx, b.t, helper+" to have run", func() bool {
		return b.property(ctx, helper, "ExecMainExitTimestampMonotonic") != "0" && b.property(ctx, helper, "ActiveState") != "activating"
	})
	if result := b.property(ctx, helper, "Result"); result != "success" {
		b.t.Errorf("%s: got %s", helper, result)
	}
	got := b.expect(ctx, unit, unitFailed(unit, "the last line"), b.flip())
	b.quickly(ctx, unit, got[0])
	b.ok(ctx, "systemctl", "reset-failed", unit)
}
