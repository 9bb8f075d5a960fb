//go:build e2esystemd

package systemd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInstalled: the units are as they should be, the agent starts with the
// machine, a rule that fails is mailed, and so is its recovery after the power
// was cut.
func TestInstalled(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 3*time.Minute)
	b := newBench(ctx, t, directoryRoot)
	b.firstBoot(ctx)
	if failed := b.ok(ctx, "systemctl", "--failed", "--plain", "--no-legend"); failed != "" {
		t.Errorf("units failed at boot:\n%s", failed)
	}
	b.analyze(ctx)
	b.expect(ctx, "pidfile removed", b.flip())
	b.powerCut()
	b.box.killed++
	b.boot(ctx)
	b.active(ctx)
	b.expect(ctx, "pidfile written after a power cut", crashed(), b.flip())
	b.finish(ctx)
}

// analyze has systemd judge the units. It says what is wrong with one on its
// stderr and calls that a success.
func (b *bench) analyze(ctx context.Context) {
	b.t.Helper()
	files, _ := filepath.Glob(filepath.Join(packaging, "*.service"))
	verify := []string{"systemd-analyze", "verify", "--man=no"}
	for _, file := range files {
		verify = append(verify, strings.Replace(filepath.Base(file), "@.", "@boom.service.", 1))
	}
	if out, err := b.in(ctx, verify...); err != nil || out != "" {
		b.t.Errorf("%s: %v\n%s", strings.Join(verify, " "), err, out)
	}
	out, err := b.in(ctx, "systemd-analyze", "security", "--no-pager", fmt.Sprintf("--threshold=%d", maxExposure), "tocsin.service")
	b.t.Log(tail(out, 1))
	if err != nil {
		b.t.Errorf("systemd-analyze security: %v, want an exposure of at most %.1f\n%s", err, maxExposure/10.0, out)
	}
}

// TestDiskPowerCut cuts the power of a machine whose disk loses what was not
// synced. Nothing that the agent has acknowledged is among it.
func TestDiskPowerCut(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 4*time.Minute)
	var d *disk
	b := newBench(ctx, t, func(ctx context.Context, t *testing.T, dir string) string {
		d = newDisk(ctx, t, dir)
		return d.mount
	})
	d.sync()
	b.firstBoot(ctx)
	for round := range rounds() {
		// An event is in the spool and nowhere else.
		b.gate.shut()
		before := b.flip()
		b.spooled(ctx)
		b.ok(ctx, "sh", "-c", "echo kept >/var/kept && sync /var/kept && echo lost >/var/lost")
		d.powerCut(ctx, b.machine)
		b.box.killed++
		checkDisk(t, b.root)
		b.gate.open(ctx)
		b.boot(ctx)
		b.active(ctx)
		b.expect(ctx, "power cut", crashed(), before, b.flip())

		// The boot before was not clean, and this one is.
		b.take(ctx, "reboot after a power cut", way{down: typed("systemctl reboot"), code: codeReboot, told: clean("reboot")})
		t.Logf("round %d done", round+1)
	}
	b.finish(ctx)
}

// checkDisk fails the test unless the power cut was one.
func checkDisk(t *testing.T, root string) {
	t.Helper()
	if got := readFile(t, filepath.Join(root, "var/kept")); got != "kept\n" {
		t.Errorf("what was synced reads %q", got)
	}
	if got, _ := os.ReadFile(filepath.Join(root, "var/lost")); strings.Contains(string(got), "lost") {
		t.Error("what was not synced has survived: this was no power cut")
	}
	must(t, os.RemoveAll(filepath.Join(root, "var/kept")))
	must(t, os.RemoveAll(filepath.Join(root, "var/lost")))
}
