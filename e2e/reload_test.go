//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestReload: a broken file changes nothing and says why, a good one takes
// effect, and what failed before is not told again.
func TestReload(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	account := s.account("box", box.Port(), "implicit", box, unlimited)
	base := []string{account, mailTo("ops", "ops@example.com"), s.watchProcess("a", "1s")}
	s.rules(base...)
	a := s.start(ctx)
	told := []letter{receive(ctx, t, box)}

	s.rules(append(base, "check \"process\" \"b\" {\n  pidfile = \"/run/b.pid\"\n  rule \"down\" {\n    when = !exist\n  }\n}\n")...)
	a.signal(syscall.SIGHUP)
	a.ready(ctx, 2)
	a.log.await(ctx, t, "configuration rejected, the old one stays in force", 1)
	if !contains(a.log.String(), `tocsin.hcl line`, "when = !exist", `Did you mean "exists"?`) {
		t.Errorf("the log does not say what is wrong: %s", a.log)
	}

	// The same mistake again is told no more.
	told = append(told, receive(ctx, t, box))
	if o := s.tocsin(ctx, "", "reload"); o.code != 78 || !contains(o.stderr, "tocsin.hcl line", "when = !exist", "rejected") {
		t.Errorf("got %+v", o)
	}
	a.ready(ctx, 3)

	s.rules(append(base, s.watchProcess("b", "1s"))...)
	a.signal(syscall.SIGHUP)
	a.ready(ctx, 4)
	a.log.await(ctx, t, `msg="configuration reloaded" checks=2`, 1)
	told = append(told, receive(ctx, t, box))
	// a is read again at least once until its recovery is told.
	startChild(t, s.path("a.pid"))
	told = append(told, receive(ctx, t, box))
	a.stop(ctx)

	for i, want := range []string{"process.a/down failed", "system.tocsin/configuration instance", "process.b/down failed", "process.a/down recovered"} {
		if got := told[i].header.Get("X-Tocsin-Rule") + " " + told[i].header.Get("X-Tocsin-State"); got != want {
			t.Errorf("mail %d: got %q, want %q", i, got, want)
		}
	}
	if n := len(box.Mails()); n != 4 {
		t.Errorf("got %d mails, want 4: what failed before was told again", n)
	}
	if n := strings.Count(a.manager.String(), "RELOADING=1\n"); n != 3 {
		t.Errorf("the manager heard %d times of a reload, want 3", n)
	}
}

// TestBadConfig: with a rule file that cannot be used nothing starts, and the
// reason is named.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	const server = "mailserver \"gmail\" {\n  provider = \"gmail\"\n  username = \"alice@gmail.com\"\n  password = %\n}\n"
	tests := []struct {
		name, rules string
		mode        os.FileMode // of the secret
		want        []string
	}{
		{"syntax", "check {", 0o600, []string{"tocsin.hcl line 7"}},
		{"unknown attribute", "check \"process\" \"a\" {\n  pidfil = \"/run/a.pid\"\n}\n", 0o600, []string{"pidfil", `Did you mean "pidfile"?`}},
		{"absent secret", strings.Replace(server, "%", `file("/nowhere/smtp.secret")`, 1), 0o600, []string{"/nowhere/smtp.secret"}},
		{"absent variable", strings.Replace(server, "%", `env("TOCSIN_E2E_ABSENT")`, 1), 0o600, []string{"TOCSIN_E2E_ABSENT"}},
		{"absent credential", strings.Replace(server, "%", `credential("smtp")`, 1), 0o600, []string{"LoadCredential=smtp:"}},
		{"open secret", strings.Replace(server, "%", `file("SECRET")`, 1), 0o644, []string{"Run: chmod o= SECRET"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := deadline(t, 30*time.Second)
			s := newStation(t)
			secret := s.path("smtp.secret")
			must(t, os.Chmod(secret, test.mode))
			s.rules(strings.ReplaceAll(test.rules, "SECRET", secret))
			a := s.launch(ctx)
			if code := a.wait(ctx); code != 78 {
				t.Errorf("got exit code %d, want 78", code)
			}
			for _, want := range test.want {
				if want = strings.ReplaceAll(want, "SECRET", secret); !strings.Contains(a.log.String(), want) {
					t.Errorf("got %q, want %q in it", a.log, want)
				}
			}
			if told := a.manager.String(); told != "" {
				t.Errorf("it told the manager %q", told)
			}
			if made, _ := filepath.Glob(s.state + "*"); len(made) > 0 {
				t.Errorf("it made %q", made)
			}
		})
	}
}

// TestReloadBesidePrograms: the process that reads the rule files first is not
// taken for what a check's program has left, where there are no control groups.
func TestReloadBesidePrograms(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	path := s.script("fleeting", fleeting)
	var checks []string
	for i := range 8 {
		checks = append(checks, s.runProgram(fmt.Sprintf("p%02d", i), path, "100ms", "20s"))
	}
	s.rules(checks...)
	a := s.start(ctx)
	poll(ctx, t, "the programs", func() bool { return s.runs("p07") > 1 })
	for i := range 20 {
		if o := s.tocsin(ctx, "", "reload"); o.code != 0 {
			t.Fatalf("reload %d: got %+v", i, o)
		}
	}
	a.stop(ctx)
}
