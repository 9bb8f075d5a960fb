//go:build e2esystemd

package systemd

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// readmeMark stands in README.md before the commands of an installation.
const readmeMark = "<!-- e2e/systemd/readme_test.go runs these lines"

// readmeCommands are the lines of the marked block, without their comments.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	_, rest, found := strings.Cut(readFile(t, "../../README.md"), readmeMark)
	_, rest, fenced := strings.Cut(rest, "```sh\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !fenced || !closed {
		t.Fatalf("README.md has no block behind %q", readmeMark)
	}
	var commands []string
	for line := range strings.Lines(block) {
		command, _, _ := strings.Cut(line, " #")
		if command = strings.TrimSpace(command); command != "" {
			commands = append(commands, command)
		}
	}
	return commands
}

// readmePlaces is what in README.md stands for what everybody has of their own, and
// what it is here. Each must be there.
func readmePlaces() *strings.Replacer {
	return strings.NewReplacer(
		"./tocsin_*_amd64.deb", "/root/tocsin_*_"+runtime.GOARCH+".deb", // where it was downloaded
		"--provider gmail", "--host "+mailName+" --port "+mailPort, // the account's server
		"--username alice@gmail.com", "--username "+username, // the account
		"--to alice@gmail.com", "--to ops@example.org", // who gets mail
	)
}

// typedIn is what a person types while the commands run: the secret.
const typedIn = password + "\n"

// mostTime is how long it may take from the first command to the first alert.
const mostTime = 2 * time.Minute

// TestReadme: who does what README.md says has the first mail and the first alert
// in two minutes; nothing that happened before is lost, and the secret is nowhere
// in clear.
func TestReadme(t *testing.T) {
	t.Parallel()
	if os.Getenv("NFPM") == "" {
		skip(t, "no NFPM: run by make e2e-systemd")
	}
	ctx := deadline(t, 6*time.Minute)
	b := newEmptyBench(ctx, t, directoryRoot)
	packages := buildPackages(ctx, t, b.dir, "1.0")
	found, _ := filepath.Glob(packages + "/tocsin_*.deb")
	put := putter(t, b.root)
	put("root/"+filepath.Base(found[0]), readFile(t, found[0]), 0o644)
	put("etc/ssl/certs/ca-certificates.crt", string(b.post.ca), 0o644) // the server has a public certificate
	b.boot(ctx)

	began := time.Now()
	for i, command := range readmeCommands(t) {
		command = readmePlaces().Replace(command)
		cmd := b.command(ctx, "sh", "-c", "cd /root && "+command)
		cmd.Env = append(cmd.Env, "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdin = strings.NewReader(typedIn)
		out, err := cmd.CombinedOutput()
		t.Logf("%s after %s\n%s", command, round(time.Since(began)), out)
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if i == 0 {
			b.installedAndUnconfigured(ctx)
		}
	}
	first := []want{firstBoot(), {state: "test", late: anytime}, {subject: "from a job", late: anytime}}
	b.expect(ctx, "the first mails", first...)
	t.Logf("the first mail after %s", round(time.Since(began)))
	_, _ = b.in(ctx, "systemd-run", "--unit=boom", "--wait", "false") // it fails
	b.expect(ctx, "the first alert", unitFailed("boom.service"))
	took := time.Since(began)
	b.ok(ctx, "systemctl", "start", "tocsin-unit@boom.service.service") // it has the secret too, and tells nothing twice
	t.Logf("the first alert after %s", round(took))
	if took > mostTime {
		t.Errorf("got %s to the first alert, want at most %s", took, mostTime)
	}

	for path, want := range map[string]string{
		"/etc/tocsin/mail.hcl": "640 root:tocsin", "/etc/tocsin/smtp.cred": "600 root:root", "/etc/tocsin/smtp.secret": "600 root:root",
		"/etc/systemd/system/tocsin.service.d/tocsin-init.conf": "644 root:root",
	} {
		if got := b.stat(ctx, path); got != want {
			t.Errorf("got %s of %s, want %s", got, path, want)
		}
	}
	if strings.Contains(readTree(filepath.Join(b.root, "etc"))+readTree(b.state()), password) {
		t.Error("the secret is in a file in clear")
	}
	if out := b.ok(ctx, "systemd-run", "--pipe", "--wait", "-p", "LoadCredentialEncrypted=smtp:/etc/tocsin/smtp.cred", "tocsin", "test-mail"); !strings.Contains(out, "ok: taken for every recipient") {
		t.Errorf("got %s", out)
	}
	b.expect(ctx, "test-mail by hand", want{state: "test", late: anytime})
	// The next boot can read the secret, too.
	typed("systemctl reboot")(ctx, b)
	if code := b.waitEnd(ctx); code != codeReboot {
		t.Errorf("got code %d of the machine", code)
	}
	b.boot(ctx)
	b.active(ctx)
	b.expect(ctx, "reboot", clean("reboot")...)
	b.lostSecret(ctx)
	b.purgeConfigured(ctx)
}

// lostSecret: an agent whose secret cannot be decrypted does not start, and soon
// systemd tries no more; doctor says what helps, and it helps at once.
func (b *bench) lostSecret(ctx context.Context) {
	b.t.Helper()
	b.ok(ctx, "sh", "-c", "echo of another machine | base64 >/etc/tocsin/smtp.cred")
	for range 12 { // StartLimitBurst= and more
		if _, err := b.in(ctx, "systemctl", "restart", "tocsin"); err == nil {
			b.t.Fatal("the agent started without its secret")
		}
	}
	if out, _ := b.in(ctx, "tocsin", "doctor", "--offline"); !contains(out, "it is not running", "where that is a credential, tocsin init sets the secret anew") {
		b.t.Errorf("doctor:\n%s", out)
	}
	out := b.ok(ctx, "sh", "-c", "printf '"+password+"' | tocsin init --host "+mailName+" --port "+mailPort+" --username "+username+" --to ops@example.org --secret-file - --no-test")
	if !contains(out, "mail.hcl, which is the same", "the agent was restarted, and is ready") {
		b.t.Errorf("init:\n%s", out)
	}
	b.active(ctx)
	b.expect(ctx, "the secret anew", agentStarted())
}

// installedAndUnconfigured: it is said everywhere that nobody is mailed, and what
// happens waits.
func (b *bench) installedAndUnconfigured(ctx context.Context) {
	b.t.Helper()
	b.active(ctx)
	const missing = "no mail server is configured yet"
	if out, _ := b.in(ctx, "tocsin", "status"); !contains(out, missing, "tocsin init", "machine") {
		b.t.Errorf("status:\n%s", out)
	}
	if out, _ := b.in(ctx, "tocsin", "doctor", "--offline"); !contains(out, missing, "tocsin init") {
		b.t.Errorf("doctor:\n%s", out)
	}
	if out := b.ok(ctx, "journalctl", "--no-pager", "--identifier=tocsin", "--priority=warning"); !contains(out, missing, "tocsin init") {
		b.t.Errorf("journal:\n%s", out)
	}
	b.ok(ctx, "sh", "-c", "printf 'Subject: from a job\\n\\nhello\\n' | tocsin sendmail ops@example.org")
	b.spooled(ctx)
}

// purgeConfigured: a purge takes what init has made.
func (b *bench) purgeConfigured(ctx context.Context) {
	b.t.Helper()
	b.dpkg(ctx, "--purge", "tocsin")
	b.absent("purge", "etc/tocsin", "etc/systemd/system/tocsin.service.d", "etc/systemd/system/tocsin-unit@.service.d", "var/lib/tocsin")
	b.expect(ctx, "purge", agentStopped())
}
