//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// sendmailPath is what Debian's programs call.
const sendmailPath = "/usr/sbin/sendmail"

// inPlace runs a shell script in a mount namespace of its own, in which the
// program stands in place of /usr/sbin/sendmail: the machine keeps its own.
func (p *public) inPlace(ctx context.Context, script string, args ...string) *exec.Cmd {
	p.t.Helper()
	if _, err := os.Stat(sendmailPath); err != nil {
		skip(p.t, "nothing to mount over: "+err.Error())
	}
	script = "set -e\nmount --bind \"$0\" " + sendmailPath + "\n" + script
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--propagation", "private", "sh", "-c", script, p.program("sendmail")}, args...)...)
	cmd.Env = append(os.Environ(), "TOCSIN_PICKUP="+p.pickup)
	cmd.Dir = "/"
	// With its children, when the test is over.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// needProgram skips a test without a program of Debian's.
func needProgram(t *testing.T, path string) {
	t.Helper()
	needRoot(t)
	if _, err := os.Stat(path); err != nil {
		skip(t, "no "+path)
	}
}

// mailed is a Postfix, an agent that sends through it, and the drop directory
// before it.
func mailed(ctx context.Context, t *testing.T) (*postfix, *public, *agent) {
	t.Helper()
	p := startPostfix(ctx, t)
	s, pub := newStation(t), newPublic(t)
	pub.open()
	s.write("ca.pem", string(p.ca))
	s.rules(s.server("submission", p.submission, "starttls", unlimited), mailTo("ops", "ops@example.org"), pub.block(""))
	return p, pub, s.start(ctx)
}

// TestCron: Debian's cron runs jobs of two users, and what they print arrives.
func TestCron(t *testing.T) {
	t.Parallel()
	needProgram(t, "/usr/sbin/cron")
	ctx := deadline(t, time.Minute)
	p, pub, a := mailed(ctx, t)
	defer a.stop(ctx)
	tabs := filepath.Join(pub.dir, "crontabs")
	must(t, os.MkdirAll(filepath.Join(pub.dir, "cron.d"), 0o755))
	must(t, os.Mkdir(tabs, 0o755))
	must(t, os.WriteFile(filepath.Join(pub.dir, "crontab"), nil, 0o644))
	for user, uid := range map[string]int{"root": 0, "nobody": nobody} {
		tab := filepath.Join(tabs, user)
		must(t, os.WriteFile(tab, fmt.Appendf(nil, "MAILTO=root,%s@example.org\nCONTENT_TYPE=\"text/plain; charset=UTF-8\"\nCONTENT_TRANSFER_ENCODING=8bit\n@reboot echo Grüße von %s; echo .\n", user, user), 0o600))
		must(t, os.Chown(tab, uid, -1))
	}
	cron := pub.inPlace(ctx, `mount -t tmpfs tmpfs /run
mount --bind "$1/cron.d" /etc/cron.d
mount --bind "$1/crontab" /etc/crontab
mount --bind "$1/crontabs" /var/spool/cron/crontabs
exec cron -f -L 0`, pub.dir)
	var said bytes.Buffer
	cron.Stdout, cron.Stderr = &said, &said
	must(t, cron.Start())
	defer func() {
		_ = cron.Cancel()
		_ = cron.Wait()
		if t.Failed() {
			t.Logf("cron said:\n%s", said.String())
		}
	}()
	got := map[string]int{}
	for range 4 { // two jobs, two recipients each
		m := parse(t, postbox.Mail{Data: p.next(ctx)})
		who := "root"
		if strings.Contains(m.text, "nobody") {
			who = "nobody"
		}
		got[who]++
		if m.text != "Grüße von "+who+"\n.\n" || !strings.HasPrefix(m.subject, "Cron <"+who+"@") ||
			m.header.Get("From") != `"Cron Daemon (`+who+` on web-1)" <`+username+`>` || m.header.Get("X-Original-From") != "root (Cron Daemon)" ||
			m.header.Get("To") != "root@web-1.example.com, "+who+"@example.org" || m.header.Get("X-Cron-Env") == "" {
			t.Errorf("got\n%s", m.raw)
		}
	}
	if got["root"] != 2 || got["nobody"] != 2 {
		t.Errorf("got the mails %v", got)
	}
}

// TestMdadm: the mail of mdadm --monitor, by the very command and text that the
// installed program holds: without an array it sends none by itself.
func TestMdadm(t *testing.T) {
	t.Parallel()
	needProgram(t, "/usr/sbin/mdadm")
	ctx := deadline(t, time.Minute)
	program := readFile(t, "/usr/sbin/mdadm")
	const command, from = "/usr/sbin/sendmail -t", "From: %s monitoring <root@%s>"
	if !contains(program, command+"\x00", from, "Subject: %s event on %s:%s", "This is an automatically generated mail message from %s") {
		t.Fatal("mdadm mails in another way than this test")
	}
	p, pub, a := mailed(ctx, t)
	defer a.stop(ctx)
	text := "This is an automatically generated mail message from mdadm\nrunning on web-1\n\nA TestMessage event had been detected on md device /dev/md0.\n\n" +
		"Faithfully yours, etc.\n\nP.S. The /proc/mdstat file currently contains the following:\n\nPersonalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0]\n"
	cmd := pub.inPlace(ctx, "exec "+command)
	cmd.Stdin = strings.NewReader("From: mdadm monitoring <root@web-1>\nTo: root\nSubject: TestMessage event on /dev/md0:web-1\n\n" + text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	m := parse(t, postbox.Mail{Data: p.next(ctx)})
	if m.subject != "TestMessage event on /dev/md0:web-1" || m.text != text || m.header.Get("From") != `"mdadm monitoring (root on web-1)" <`+username+`>` ||
		m.header.Get("X-Original-From") != "mdadm monitoring <root@web-1>" {
		t.Errorf("got\n%s", m.raw)
	}
}

// TestSmartd: Debian's runner of smartd, its mail script and mail(1).
func TestSmartd(t *testing.T) {
	t.Parallel()
	const runner = "/usr/share/smartmontools/smartd-runner"
	needProgram(t, runner)
	needProgram(t, "/usr/bin/mail")
	ctx := deadline(t, time.Minute)
	p, pub, a := mailed(ctx, t)
	defer a.stop(ctx)
	subject := "SMART error (EmailTest) detected on host: web-1"
	text := "This message was generated by the smartd daemon running on:\n\n   host name:  web-1\n   DNS domain: example.com\n\n" +
		"The following warning/error was logged by the smartd daemon:\n\nTEST EMAIL from smartd for device: /dev/sda [SAT]\n\n" +
		"Device info:\nSamsung SSD 860 EVO 500GB, S/N:S3Z1NB0K, 32 °C\n"
	cmd := pub.inPlace(ctx, "exec "+runner+` -s "$1" root`, subject)
	cmd.Env = append(cmd.Env, "SMARTD_MAILER="+runner, "SMARTD_FAILTYPE=EmailTest", "SMARTD_DEVICE=/dev/sda", "SMARTD_DEVICETYPE=sat", "SMARTD_ADDRESS=root", "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	m := parse(t, postbox.Mail{Data: p.next(ctx)})
	if m.subject != subject || m.text != text || m.header.Get("From") != `"root on web-1" <`+username+`>` {
		t.Errorf("got\n%s", m.raw)
	}
}
