//go:build e2esystemd

package systemd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// buildPackages builds the Debian packages of a version and returns where they
// are.
func buildPackages(ctx context.Context, t *testing.T, dir, version string) string {
	t.Helper()
	return buildFormat(ctx, t, dir, version, "deb")
}

// buildFormat is buildPackages for another kind of package.
func buildFormat(ctx context.Context, t *testing.T, dir, version, format string) string {
	t.Helper()
	if os.Getenv("NFPM") == "" {
		skip(t, "no NFPM: run by make e2e-systemd")
	}
	out := filepath.Join(dir, "packages-"+version)
	cmd := exec.CommandContext(ctx, "../../packaging/build", out)
	cmd.Env = append(os.Environ(), "VERSION="+version, "FORMATS="+format, "ARCHES="+runtime.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the packages %s: %v: %s", version, err, said)
	}
	return out
}

// dpkg has the machine's dpkg do something with packages that are put into it.
func (b *bench) dpkg(ctx context.Context, option string, files ...string) string {
	b.t.Helper()
	args := []string{"env", "DEBIAN_FRONTEND=noninteractive", "dpkg", option}
	for _, file := range files {
		if !strings.HasSuffix(file, ".deb") {
			args = append(args, file)
			continue
		}
		found, _ := filepath.Glob(file)
		if len(found) != 1 {
			b.t.Fatalf("got the packages %q for %s, want one", found, file)
		}
		name := filepath.Base(found[0])
		putter(b.t, b.root)("root/"+name, readFile(b.t, found[0]), 0o644)
		args = append(args, "/root/"+name)
	}
	return b.ok(ctx, args...)
}

// absent fails the test for every path that there still is in the machine.
func (b *bench) absent(step string, paths ...string) {
	b.t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(filepath.Join(b.root, path)); err == nil {
			b.t.Errorf("%s: /%s is still there", step, path)
		}
	}
}

// stat is the mode, owner and group of a path in the machine.
func (b *bench) stat(ctx context.Context, path string) string {
	b.t.Helper()
	return strings.TrimSpace(b.ok(ctx, "stat", "--format=%a %U:%G", path))
}

// TestPackage installs the Debian packages in a machine that runs, upgrades,
// removes and purges them. What is noticed meanwhile is mailed, once.
func TestPackage(t *testing.T) {
	t.Parallel()
	if os.Getenv("NFPM") == "" {
		skip(t, "no NFPM: run by make e2e-systemd")
	}
	ctx := deadline(t, 8*time.Minute)
	b := newEmptyBench(ctx, t, directoryRoot)
	older, newer := buildPackages(ctx, t, b.dir, "1.0"), buildPackages(ctx, t, b.dir, "1.1")
	b.boot(ctx)
	b.freshPackage(ctx, older)
	b.upgradedPackage(ctx, newer)
	b.mailerPackage(ctx, newer)
	b.removedPackage(ctx, newer)
	b.purgedPackage(ctx)
}

// freshPackage: what was just installed watches, says that nobody hears of it,
// and mails as soon as it is told to whom.
func (b *bench) freshPackage(ctx context.Context, packages string) {
	b.t.Helper()
	b.dpkg(ctx, "--install", packages+"/tocsin_*.deb")
	b.active(ctx)
	for path, want := range map[string]string{
		"/etc/tocsin": "750 root:tocsin", "/etc/tocsin/tocsin.hcl": "640 root:tocsin", "/etc/tocsin/smtp.secret": "600 root:root",
		"/var/spool/tocsin/pickup": "1733 tocsin:tocsin", "/var/lib/tocsin": "700 tocsin:tocsin", "/usr/bin/tocsin": "755 root:root",
	} {
		if got := b.stat(ctx, path); got != want {
			b.t.Errorf("got %s of %s, want %s", got, path, want)
		}
	}
	b.ok(ctx, "systemctl", "is-enabled", "tocsin.service", markUnit)
	b.ok(ctx, "systemctl", "is-active", markUnit)
	if out, _ := b.in(ctx, "tocsin", "validate"); !contains(out, "Nobody will hear of it", "valid: watching") {
		b.t.Errorf("got %s", out)
	}
	if out, _ := b.in(ctx, "tocsin", "status"); !contains(out, "machine", "disk:/") {
		b.t.Errorf("status of a fresh machine:\n%s", out)
	}

	put := putter(b.t, b.root)
	put("etc/tocsin/ca.pem", string(b.post.ca), 0o644)
	put("etc/tocsin/smtp.secret", password+"\n", 0o600)
	must(b.t, os.WriteFile(filepath.Join(b.root, "etc/tocsin/tocsin.hcl"), []byte(ruleFile(watching)), 0o640)) // in place, as an editor may
	b.ok(ctx, "systemctl", "restart", "tocsin")
	b.active(ctx)
	b.expect(ctx, "what has waited", firstBoot())
	b.expect(ctx, "the first mail", b.flip())
}

// upgradedPackage: an upgrade replaces the agent that runs, keeps the rule file
// that somebody has written, and loses nothing that happens meanwhile.
func (b *bench) upgradedPackage(ctx context.Context, packages string) {
	b.t.Helper()
	before := b.property(ctx, "tocsin", "MainPID")
	mark := b.property(ctx, markUnit, "ActiveEnterTimestampMonotonic")
	b.gate.shut() // so that the new agent finds what the old one could not send
	meanwhile := b.flip()
	b.spooled(ctx)
	b.dpkg(ctx, "--install", packages+"/tocsin_*.deb")
	b.active(ctx)
	b.gate.open(ctx)
	b.expect(ctx, "upgrade", meanwhile)
	if after := b.property(ctx, "tocsin", "MainPID"); after == before {
		b.t.Error("upgrade: the old agent still runs")
	}
	if again := b.property(ctx, markUnit, "ActiveEnterTimestampMonotonic"); again != mark {
		b.t.Error("upgrade: the mark of the boot was made anew")
	}
	if got := strings.TrimSpace(b.ok(ctx, "tocsin", "version")); got != "tocsin 1.1" {
		b.t.Errorf("upgrade: got %q", got)
	}
	if got := readFile(b.t, filepath.Join(b.root, "etc/tocsin/tocsin.hcl")); got != ruleFile(watching) {
		b.t.Errorf("upgrade: the rule file is another one:\n%s", got)
	}
	b.expect(ctx, "after the upgrade", b.flip())
}

// mailerPackage: with tocsin-mta cron finds a mailer.
func (b *bench) mailerPackage(ctx context.Context, packages string) {
	b.t.Helper()
	b.dpkg(ctx, "--install", packages+"/tocsin-mta_*.deb")
	for name, want := range map[string]string{"/usr/sbin/sendmail": "/usr/bin/tocsin", "/usr/lib/sendmail": "/usr/bin/tocsin", "/usr/bin/mailq": "/usr/bin/tocsin", "/usr/bin/newaliases": "/usr/bin/tocsin"} {
		if got := strings.TrimSpace(b.ok(ctx, "readlink", "--canonicalize", name)); got != want {
			b.t.Errorf("got %s -> %s, want %s", name, got, want)
		}
	}
	if got := strings.TrimSpace(b.ok(ctx, "dpkg-query", "--show", "--showformat=${Provides}/${Conflicts}/${Replaces}", "tocsin-mta")); got != strings.Repeat("mail-transport-agent/", 2)+"mail-transport-agent" {
		b.t.Errorf("got %s", got)
	}
	b.ok(ctx, "mailq")
	// A job for when cron starts, so that nobody waits for a full minute.
	putter(b.t, b.root)("etc/cron.d/bench", "@reboot nobody echo what the job printed\n", 0o644)
	must(b.t, os.Remove(filepath.Join(b.root, "etc/systemd/system/cron.service")))
	b.ok(ctx, "systemctl", "daemon-reload")
	b.ok(ctx, "systemctl", "start", "cron")
	b.expect(ctx, "cron's mail", want{subject: "Cron <nobody@bench> echo what the job printed", words: []string{"what the job printed"}, late: anytime})
}

// removedPackage: a package that is removed keeps what waits to be sent, and the
// one that is installed again sends it.
func (b *bench) removedPackage(ctx context.Context, packages string) {
	b.t.Helper()
	b.gate.shut()
	waiting := b.flip()
	b.spooled(ctx)
	b.dpkg(ctx, "--remove", "tocsin-mta", "tocsin")
	b.absent("remove", "usr/bin/tocsin", "usr/sbin/sendmail", "usr/lib/systemd/system/tocsin.service")
	if out, _ := b.in(ctx, "systemctl", "is-active", "tocsin"); strings.TrimSpace(out) == "active" {
		b.t.Error("remove: the agent still runs")
	}
	b.spooled(ctx)
	b.gate.open(ctx)
	b.dpkg(ctx, "--install", packages+"/tocsin_*.deb")
	b.active(ctx)
	stopped := agentStopped()
	stopped.late = anytime
	b.expect(ctx, "installed again", waiting, stopped, agentStarted())
}

// purgedPackage: of a package that is purged nothing is left but what somebody
// has put there.
func (b *bench) purgedPackage(ctx context.Context) {
	b.t.Helper()
	b.dpkg(ctx, "--purge", "tocsin", "tocsin-mta")
	b.absent("purge", "etc/tocsin/tocsin.hcl", "etc/tocsin/smtp.secret", "var/lib/tocsin", "var/lib/tocsin-boot", "var/spool/tocsin", "run/tocsin",
		"usr/share/doc/tocsin", "etc/systemd/system/multi-user.target.wants/tocsin.service", "etc/systemd/system/sysinit.target.wants/"+markUnit)
	if left := readFile(b.t, filepath.Join(b.root, "etc/tocsin/ca.pem")); left != string(b.post.ca) {
		b.t.Error("purge: somebody's own file is gone")
	}
	b.expect(ctx, "purge", agentStopped())
}
