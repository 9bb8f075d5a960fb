//go:build e2esystemd

package systemd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRPM has rpm install, upgrade and erase the package in a machine that runs.
// That machine is a Debian one, which knows nothing of what the package asks for
// by name; its scripts find what they need.
func TestRPM(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 8*time.Minute)
	b := newEmptyBench(ctx, t, directoryRoot)
	older, newer := buildFormat(ctx, t, b.dir, "1.0", "rpm"), buildFormat(ctx, t, b.dir, "1.1", "rpm")
	b.boot(ctx)

	b.rpm(ctx, "--install", older)
	for path, want := range map[string]string{
		"/etc/tocsin": "750 root:tocsin", "/etc/tocsin/tocsin.hcl": "640 root:tocsin", "/etc/tocsin/smtp.secret": "600 root:root",
		"/var/spool/tocsin/pickup": "1733 tocsin:tocsin", "/usr/bin/tocsin": "755 root:root",
	} {
		if got := b.stat(ctx, path); got != want {
			t.Errorf("got %s of %s, want %s", got, path, want)
		}
	}
	// Debian has no presets, and without any everything is enabled (systemd.preset(5)).
	b.ok(ctx, "systemctl", "is-enabled", "tocsin.service", markUnit)
	put := putter(t, b.root)
	put("etc/tocsin/ca.pem", string(b.post.ca), 0o644)
	put("etc/tocsin/smtp.secret", password+"\n", 0o600)
	must(t, os.WriteFile(filepath.Join(b.root, "etc/tocsin/tocsin.hcl"), []byte(ruleFile(watching)), 0o640)) // in place, as an editor may
	b.ok(ctx, "systemctl", "start", "tocsin-bootmark", "tocsin")
	b.active(ctx)
	b.expect(ctx, "installed", firstBoot(), b.flip())

	b.gate.shut() // so that the new agent finds what the old one could not send
	meanwhile := b.flip()
	b.spooled(ctx)
	b.rpm(ctx, "--upgrade", newer)
	b.active(ctx)
	b.gate.open(ctx)
	b.expect(ctx, "upgrade", meanwhile)
	if got := strings.TrimSpace(b.ok(ctx, "tocsin", "version")); got != "tocsin 1.1" {
		t.Errorf("upgrade: got %q", got)
	}
	if got := readFile(t, filepath.Join(b.root, "etc/tocsin/tocsin.hcl")); got != ruleFile(watching) {
		t.Errorf("upgrade: the rule file is another one:\n%s", got)
	}

	b.gate.shut()
	b.flip()
	b.spooled(ctx)
	b.ok(ctx, "rpm", "--erase", "--nodeps", "tocsin")
	b.absent("erase", "usr/bin/tocsin", "usr/lib/systemd/system/tocsin.service", "etc/systemd/system/multi-user.target.wants/tocsin.service")
	if out, _ := b.in(ctx, "systemctl", "is-active", "tocsin"); strings.TrimSpace(out) == "active" {
		t.Error("erase: the agent still runs")
	}
	if got := readFile(t, filepath.Join(b.root, "etc/tocsin/tocsin.hcl.rpmsave")); got != ruleFile(watching) {
		t.Errorf("erase: the rule file that was kept is another one:\n%s", got)
	}
	b.spooled(ctx) // what waits to be sent is nobody's to throw away
}

// rpm has the machine's rpm do something with the package in a directory.
func (b *bench) rpm(ctx context.Context, option, dir string) {
	b.t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, "tocsin-*.rpm"))
	if len(found) != 1 {
		b.t.Fatalf("got the packages %q, want one", found)
	}
	name := filepath.Base(found[0])
	putter(b.t, b.root)("root/"+name, readFile(b.t, found[0]), 0o644)
	for line := range strings.Lines(b.ok(ctx, "rpm", option, "--nodeps", "/root/"+name)) {
		// Debian's says that it is Debian's, and systemd-sysusers what it does.
		if !strings.HasPrefix(line, "rpm: ") && !strings.HasPrefix(line, "Creating ") {
			b.t.Errorf("rpm %s says: %s", option, line)
		}
	}
}
