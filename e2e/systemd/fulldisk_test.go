//go:build e2esystemd

package systemd

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPackageOnFullDisk: a disk that is full during an upgrade leaves the old
// version running, in what step ever it is noticed; with room again the upgrade goes through. The
// same of an installation, which leaves nothing that runs.
func TestPackageOnFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getenv("NFPM") == "" {
		skip(t, "no NFPM: run by make e2e-systemd")
	}
	ctx := deadline(t, 8*time.Minute)
	var d *disk
	b := newEmptyBench(ctx, t, func(ctx context.Context, t *testing.T, dir string) string {
		d = newDisk(ctx, t, dir)
		return d.mount
	})
	older, newer := buildPackages(ctx, t, b.dir, "1.0"), buildPackages(ctx, t, b.dir, "1.1")
	b.boot(ctx)
	for _, packages := range []string{older, newer} {
		b.keep(ctx, packages)
	}

	// Nothing of it is there, and nothing runs.
	b.fill(ctx, 3<<20)
	out, err := b.in(ctx, "dpkg", "--install", "/root/1.0.deb")
	t.Logf("an installation without room: %v\n%s", err, tail(out, 4))
	if err == nil || !strings.Contains(out, "No space left on device") {
		t.Error("the installation went through")
	}
	if out, _ := b.in(ctx, "systemctl", "is-active", "tocsin"); strings.TrimSpace(out) == "active" {
		t.Error("an agent runs after an installation that failed")
	}
	b.room(ctx)
	b.ok(ctx, "dpkg", "--install", "/root/1.0.deb")
	b.active(ctx)
	before := b.property(ctx, "tocsin", "MainPID")

	// From no room for the files to none for what the scripts write.
	for _, left := range []int{0, 3 << 20, 12 << 20} {
		b.fill(ctx, left)
		out, err := b.in(ctx, "dpkg", "--install", "/root/1.1.deb")
		t.Logf("an upgrade with %d KiB left: %v\n%s", left>>10, err, tail(out, 6))
		if pid := b.property(ctx, "tocsin", "MainPID"); err != nil && pid != before {
			t.Errorf("%d KiB left: agent %s runs, want the old one, %s", left>>10, pid, before)
		}
		if out, _ := b.in(ctx, "systemctl", "is-active", "tocsin"); strings.TrimSpace(out) != "active" {
			t.Errorf("%d KiB left: got %q, want an agent that runs", left>>10, out)
		}
		b.room(ctx)
		if err == nil {
			t.Errorf("%d KiB left: the upgrade went through", left>>10)
		}
	}

	// The files have room, what the agent writes has none.
	b.ok(ctx, "sh", "-c", "mount -t tmpfs -o size=32k tmpfs /var/lib/tocsin")
	out = b.ok(ctx, "dpkg", "--install", "/root/1.1.deb")
	t.Logf("an upgrade without room for the state:\n%s", tail(out, 3))
	if pid := b.property(ctx, "tocsin", "MainPID"); pid != before || !contains(out, "the old agent runs on", "no room in /var/lib/tocsin") {
		t.Errorf("agent %s runs, want the old one, %s:\n%s", pid, before, out)
	}
	b.ok(ctx, "umount", "/var/lib/tocsin")
	// Nor is it replaced by one that cannot load its rule file.
	b.ok(ctx, "sh", "-c", "echo 'agent { hots = 1 }' >/etc/tocsin/bad.hcl")
	if out = b.ok(ctx, "dpkg", "--install", "/root/1.1.deb"); b.property(ctx, "tocsin", "MainPID") != before || !contains(out, "cannot load the rule files") {
		t.Errorf("an upgrade with a bad rule file:\n%s", out)
	}
	b.ok(ctx, "rm", "/etc/tocsin/bad.hcl")

	b.ok(ctx, "dpkg", "--install", "/root/1.1.deb")
	b.active(ctx)
	if got := strings.TrimSpace(b.ok(ctx, "tocsin", "version")); got != "tocsin 1.1" {
		t.Errorf("got %q", got)
	}
	if after := b.property(ctx, "tocsin", "MainPID"); after == before {
		t.Error("the old agent still runs after an upgrade that went through")
	}
}

// keep puts the package of a directory into the machine, as /root/VERSION.deb.
func (b *bench) keep(ctx context.Context, packages string) {
	b.t.Helper()
	_, version, _ := strings.Cut(packages, "packages-")
	run(ctx, b.t, "sh", "-c", "cp "+packages+"/tocsin_*.deb "+b.root+"/root/"+version+".deb")
}

// fill takes all of the machine's disk but some bytes.
func (b *bench) fill(ctx context.Context, left int) {
	b.t.Helper()
	// What a running machine writes meanwhile is less than a block of the balance.
	b.ok(ctx, "sh", "-c", `
		dd if=/dev/zero of=/balance bs=1M count=`+strconv.Itoa(left>>20)+` status=none
		dd if=/dev/zero of=/ballast bs=1M status=none 2>/dev/null
		dd if=/dev/zero of=/ballast2 bs=4k status=none 2>/dev/null
		rm -f /balance; sync /`)
}

// room gives the disk back.
func (b *bench) room(ctx context.Context) {
	b.t.Helper()
	b.ok(ctx, "sh", "-c", "rm -f /ballast /ballast2; sync /")
}
