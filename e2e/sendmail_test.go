//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/postbox"
	"tocsin/internal/testprogram"
)

// public is what every user of a machine sees of an agent: the program under
// the names of the mail programs, and the drop directory.
type public struct {
	t      *testing.T
	dir    string
	pickup string
}

func newPublic(t *testing.T) *public {
	t.Helper()
	dir, err := os.MkdirTemp("", "tocsin-public-") //nolint:usetesting // t.TempDir is for its owner alone
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	p := &public{t: t, dir: dir, pickup: filepath.Join(dir, "spool", "pickup")}
	must(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	program, err := os.ReadFile(os.Getenv("TOCSIN_BIN"))
	must(t, err)
	must(t, testprogram.Write(p.program("sendmail"), program, 0o755))
	must(t, os.Symlink("sendmail", p.program("mailq")))
	must(t, os.Symlink("sendmail", p.program("newaliases")))
	return p
}

func (p *public) program(name string) string { return filepath.Join(p.dir, "bin", name) }

// block is the part of a rule file that takes the mail of other programs.
func (p *public) block(more string) string {
	return fmt.Sprintf("pickup {\n  dir = %q\n  %s\n}\naliases {\n  root = [\"ops@example.org\"]\n}\n", p.pickup, more)
}

// open makes the drop directory as the package does.
func (p *public) open() {
	p.t.Helper()
	must(p.t, os.MkdirAll(p.pickup, 0o755))
	must(p.t, os.Chmod(p.pickup, os.ModeSticky|0o733))
}

// as runs one of the programs as a user.
func (p *public) as(ctx context.Context, uid uint32, stdin, name string, args ...string) outcome {
	p.t.Helper()
	cmd := exec.CommandContext(ctx, p.program(name), args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TOCSIN_PICKUP=" + p.pickup}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// left are the names in the drop directory.
func (p *public) left() []string {
	p.t.Helper()
	entries, err := os.ReadDir(p.pickup)
	must(p.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// nobody is a user who may read nothing.
const nobody = 65534

// TestSendmail: anybody's mail is taken while the agent is down, and is
// delivered by a real server as it was meant.
func TestSendmail(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	p := startPostfix(ctx, t)
	s, pub := newStation(t), newPublic(t)
	pub.open()
	s.write("ca.pem", string(p.ca))
	s.rules(s.server("submission", p.submission, "starttls", unlimited), mailTo("ops", "ops@example.org"), pub.block(""))
	must(t, os.Chmod(s.dir, 0o700)) // the rule file and the secret are out of reach
	body := "Grüße\n.\n" + strings.Repeat("long ", 500) + "\n"
	o := pub.as(ctx, nobody, "From: Jane <jane@corp.example>\nTo: root\nBcc: hidden@example.org\nSubject: down\n\n"+body, "sendmail", "-ti", "-f", "jane@corp.example")
	if o.code != 0 || o.stdout+o.stderr != "" || len(pub.left()) != 1 {
		t.Fatalf("got %+v and %q, want it kept in silence", o, pub.left())
	}
	var st syscall.Stat_t
	must(t, syscall.Stat(filepath.Join(pub.pickup, pub.left()[0]), &st))
	if st.Uid != nobody || st.Mode&0o777 != 0o600 {
		t.Errorf("got a file of %d with mode %o", st.Uid, st.Mode)
	}
	a := s.start(ctx)
	for range 2 { // to ops and to hidden
		m := parse(t, postbox.Mail{Data: p.next(ctx)})
		h := m.header
		if m.subject != "down" || m.text != body || h.Get("From") != `"Jane (nobody on web-1)" <`+username+`>` || h.Get("Reply-To") != "jane@corp.example" ||
			h.Get("X-Original-From") != "Jane <jane@corp.example>" || h.Get("Bcc") != "" || h.Get("To") != "root@web-1.example.com" ||
			h.Get("Return-Path") != "<"+username+">" || h.Get("Message-ID") == "" || h.Get("Date") == "" {
			t.Errorf("got\n%s", m.raw)
		}
	}
	a.log.await(ctx, t, `user_id=65534`, 1)
	// A file by hand, and one that is none.
	must(t, os.WriteFile(filepath.Join(pub.pickup, "report.eml"), []byte("To: ops@example.org\r\nSubject: by hand\r\n\r\ntext\r\n"), 0o644))
	must(t, os.Symlink(s.path("smtp.secret"), filepath.Join(pub.pickup, "link")))
	subjects := map[string]bool{}
	for range 2 {
		subjects[parse(t, postbox.Mail{Data: p.next(ctx)}).subject] = true
	}
	if !subjects["by hand"] || !subjects["[web-1] pickup: hostile file"] {
		t.Errorf("got the subjects %v", subjects)
	}
	a.stop(ctx)
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Badmail+l.Corrupt+len(pub.left()) != 0 {
		t.Errorf("left: %+v, %q", l, pub.left())
	}
	if kept, _ := filepath.Glob(filepath.Join(pub.dir, "spool", "quarantine", "*")); len(kept) != 1 {
		t.Errorf("got %q in the quarantine, want the reason alone, not the link", kept)
	}
}

// TestSendmailRefuses: with the codes that cron and others go by, and nothing
// is left of what was refused.
func TestSendmailRefuses(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx := deadline(t, 30*time.Second)
	pub := newPublic(t)
	mail := "To: ops@example.org\n\nbody\n"
	if o := pub.as(ctx, nobody, mail, "sendmail", "-t"); o.code != 75 || !strings.Contains(o.stderr, "systemd-tmpfiles --create tocsin.conf") {
		t.Errorf("no directory: got %+v, want exit code 75", o)
	}
	must(t, os.MkdirAll(pub.pickup, 0o700))
	if o := pub.as(ctx, nobody, mail, "sendmail", "-t"); o.code != 75 || !strings.Contains(o.stderr, "mode 1733") {
		t.Errorf("no right: got %+v, want exit code 75", o)
	}
	pub.open()
	for _, tt := range []struct {
		code  int
		stdin string
		args  []string
	}{
		{64, mail, nil},
		{64, mail, []string{"-bs"}},
		{65, "Subject: x\n\n", []string{"-t"}},
		{65, mail, []string{"a@example.org\nRCPT TO:<b@example.org>"}},
		{65, mail, []string{"-f", "a@example.org\r\n", "root"}},
		{65, "To: <a@example.org> <b@example.org>\n\n", []string{"-t"}},
		{69, "\n" + strings.Repeat("x", 25<<20), []string{"root"}},
	} {
		if o := pub.as(ctx, nobody, tt.stdin, "sendmail", tt.args...); o.code != tt.code || o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("%q: got %+v, want exit code %d and one line", tt.args, o, tt.code)
		}
	}
	if o := pub.as(ctx, nobody, "", "newaliases"); o.code != 0 || o.stdout+o.stderr != "" {
		t.Errorf("newaliases: got %+v", o)
	}
	if o := pub.as(ctx, nobody, "", "mailq"); o.code != 0 || !strings.Contains(o.stdout, "shown to root") {
		t.Errorf("mailq: got %+v", o)
	}
	if left := pub.left(); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
}

// TestSendmailFullDisk: the caller keeps its mail, and nothing is left of it.
func TestSendmailFullDisk(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx := deadline(t, 30*time.Second)
	pub := newPublic(t)
	must(t, os.Mkdir(filepath.Join(pub.dir, "spool"), 0o755))
	if err := unix.Mount("tmpfs", filepath.Join(pub.dir, "spool"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=256k,mode=0755"); err != nil {
		skip(t, "mount: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(filepath.Join(pub.dir, "spool"), unix.MNT_DETACH) })
	pub.open()
	large := "\n" + strings.Repeat("x", 300<<10)
	if o := pub.as(ctx, nobody, large, "sendmail", "root"); o.code != 75 || !strings.Contains(o.stderr, "no space left on device") {
		t.Errorf("got %+v, want exit code 75", o)
	}
	if left := pub.left(); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
	if o := pub.as(ctx, nobody, "\nsmall\n", "sendmail", "root"); o.code != 0 {
		t.Errorf("a small one: got %+v", o)
	}
}

// TestSendmailKilled: whenever the agent is killed, each mail that was taken is
// delivered, and once but for what the kill may have doubled with the same
// Message-ID.
func TestSendmailKilled(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx := deadline(t, time.Minute)
	s, pub := newStation(t), newPublic(t)
	pub.open()
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.org"), pub.block("messages_per_hour = 100000"))
	const rounds, each = 5, 12
	for round := range rounds {
		a := s.start(ctx)
		for i := range each {
			if o := pub.as(ctx, nobody, fmt.Sprintf("Subject: %d.%d\n\n", round, i), "sendmail", "root"); o.code != 0 {
				t.Fatalf("got %+v", o)
			}
		}
		a.kill()
	}
	a := s.start(ctx)
	poll(ctx, t, "every mail to be taken", func() bool { return len(pub.left()) == 0 && len(s.listing().Items)+len(s.listing().Letters) == 0 })
	a.stop(ctx)
	ids := map[string]string{}
	for _, m := range letters(t, box) {
		if id, ok := ids[m.subject]; ok && id != m.id {
			t.Errorf("mail %s went as %s and %s", m.subject, id, m.id)
		}
		ids[m.subject] = m.id
	}
	if len(ids) != rounds*each {
		t.Errorf("got %d mails, want %d", len(ids), rounds*each)
	}
}

// TestSendmailAgentOfItsOwnUser: the agent needs one capability to take the
// files of every user, and owns the directory that they are removed from.
func TestSendmailAgentOfItsOwnUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx := deadline(t, 30*time.Second)
	const own = 61234
	s, pub := newStation(t), newPublic(t)
	pub.open()
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.org"), pub.block(""))
	must(t, os.Mkdir(s.state, 0o700))
	for _, path := range []string{s.state, s.path("tocsin.hcl"), s.path("smtp.secret"), s.path("ca.pem"), filepath.Join(pub.dir, "spool"), pub.pickup} {
		must(t, os.Chown(path, own, own))
	}
	start := func(caps ...uintptr) *exec.Cmd {
		cmd := s.command(ctx, "run")
		cmd.Path = pub.program("sendmail")
		cmd.Args[0] = "tocsin"
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: own, Gid: own}, AmbientCaps: caps}
		must(t, cmd.Start())
		return cmd
	}
	must(t, os.Chmod(filepath.Dir(s.dir), 0o755)) // an agent without the capability has to find its files
	must(t, os.Chmod(s.dir, 0o755))
	if o := pub.as(ctx, nobody, "Subject: theirs\n\n", "sendmail", "root"); o.code != 0 {
		t.Fatalf("got %+v", o)
	}
	// Without the capability the mail waits, and the agent says why.
	weak := start()
	if m := receive(ctx, t, box); m.subject != "[web-1] pickup: unreadable" || !strings.Contains(m.text, "CAP_DAC_READ_SEARCH") || len(pub.left()) != 1 {
		t.Errorf("got %q and %q:\n%s", m.subject, pub.left(), m.text)
	}
	must(t, weak.Process.Signal(syscall.SIGTERM))
	must(t, weak.Wait())
	strong := start(unix.CAP_DAC_READ_SEARCH)
	if m := receive(ctx, t, box); m.subject != "theirs" || !strings.Contains(m.header.Get("Received"), "userid 65534") && !strings.Contains(string(m.raw), "userid 65534") {
		t.Errorf("got\n%s", m.raw)
	}
	// What is no mail goes, whosever it is; a directory only under another name.
	must(t, syscall.Mkfifo(filepath.Join(pub.pickup, "fifo"), 0o600))
	must(t, os.Mkdir(filepath.Join(pub.pickup, "dir"), 0o700))
	poll(ctx, t, "the hostile files to go", func() bool {
		left := pub.left()
		return len(left) == 1 && strings.HasPrefix(left[0], ".quarantine-") && strings.HasSuffix(left[0], "-dir")
	})
	must(t, strong.Process.Signal(syscall.SIGTERM))
	must(t, strong.Wait())
}
