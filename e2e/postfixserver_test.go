//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// postfix is Debian's Postfix with everything of its own in one directory: it
// takes mail over TLS from who logs in, keeps it in a maildir, and sends
// nothing anywhere.
type postfix struct {
	t                 *testing.T
	dir               string
	submission, smtps int // ports on loopback
	ca                []byte
	read              map[string]bool // mails that next has returned
}

// postfixMain is main.cf. $dir stands for the directory.
const postfixMain = `compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file_prefixes = $dir
maillog_file = $dir/maillog
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
notify_classes =
default_transport = error:5.1.2 nothing leaves this machine
relay_transport = error:5.1.2 nothing leaves this machine
virtual_mailbox_domains = example.org
virtual_mailbox_base = $dir/mail
virtual_mailbox_maps = inline:{ops@example.org=ops/, dev@example.org=dev/, root@example.org=ops/, nobody@example.org=ops/, hidden@example.org=ops/}
virtual_minimum_uid = 100
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = $dir/etc/server.pem
smtpd_tls_key_file = $dir/etc/server.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = example.com
smtpd_sasl_security_options = noanonymous
cyrus_sasl_config_path = $dir/etc/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_error_sleep_time = 0
`

// postfixMaster is master.cf: no pickup, no smtp and no relay, nothing in a
// chroot.
const postfixMaster = `127.0.0.1:%d inet n - n - - smtpd
127.0.0.1:%d inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
proxymap  unix - - n - - proxymap
error     unix - - n - - error
retry     unix - - n - - error
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
`

// startPostfix sets a Postfix up and starts it; it is gone after the test.
func startPostfix(ctx context.Context, t *testing.T) *postfix {
	t.Helper()
	needRoot(t)
	for _, program := range []string{"postfix", "saslpasswd2"} {
		if _, err := exec.LookPath(program); err != nil {
			skip(t, "no "+program)
		}
	}
	// Not t.TempDir, which only its owner may enter: Postfix has users of its
	// own.
	dir, err := os.MkdirTemp("", "tocsin-postfix-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	p := &postfix{t: t, dir: dir, submission: freePort(t), smtps: freePort(t), read: make(map[string]bool)}
	for _, sub := range []string{"etc", "etc/sasl", "queue", "data", "mail"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	ca, server := certify(t)
	p.ca = ca
	must(t, os.WriteFile(filepath.Join(dir, "etc", "server.pem"), server, 0o600))
	p.write("etc/main.cf", strings.ReplaceAll(postfixMain, "$dir", dir))
	p.write("etc/master.cf", fmt.Sprintf(postfixMaster, p.submission, p.smtps))
	// Debian looks for it beside main.cf and nowhere else.
	p.write("etc/sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: "+dir+"/etc/sasl/db\nmech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256\n")
	p.addUser(ctx)
	owner, err := user.Lookup("postfix")
	must(t, err)
	uid, err := strconv.Atoi(owner.Uid)
	must(t, err)
	must(t, os.Chown(filepath.Join(dir, "data"), uid, -1))
	must(t, os.Chown(filepath.Join(dir, "etc", "sasl", "db"), uid, -1))
	must(t, os.Chown(filepath.Join(dir, "mail"), 65534, 65534))
	t.Cleanup(p.stop)
	p.run(ctx, "start")
	awaitListening(ctx, t, "Postfix", p.submission, p.smtps)
	return p
}

func (p *postfix) write(name, text string) {
	p.t.Helper()
	must(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644))
}

// addUser makes the account of the tests known to Cyrus SASL.
func (p *postfix) addUser(ctx context.Context) {
	p.t.Helper()
	name, realm, _ := strings.Cut(username, "@")
	cmd := exec.CommandContext(ctx, "saslpasswd2", "-p", "-c", "-f", filepath.Join(p.dir, "etc", "sasl", "db"), "-u", realm, name)
	cmd.Stdin = strings.NewReader(password)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("saslpasswd2: %v: %s", err, out)
	}
}

// run is postfix(1). What it starts keeps no pipe of ours open.
func (p *postfix) run(ctx context.Context, command string) {
	p.t.Helper()
	log, err := os.OpenFile(filepath.Join(p.dir, "postfix."+command), os.O_CREATE|os.O_RDWR, 0o600)
	must(p.t, err)
	defer log.Close()
	cmd := exec.CommandContext(ctx, "postfix", "-c", filepath.Join(p.dir, "etc"), command)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		p.t.Errorf("postfix %s: %v: %s", command, err, readFile(p.t, log.Name()))
	}
}

// stop ends Postfix and waits until none of its processes is left.
func (p *postfix) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if p.t.Failed() {
		log, _ := os.ReadFile(filepath.Join(p.dir, "maillog"))
		p.t.Logf("maillog:\n%s", tail(string(log), 40))
	}
	p.run(ctx, "stop")
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		left := p.processes()
		if len(left) == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			p.t.Errorf("processes %d are left of Postfix", left)
			for _, pid := range left {
				if process, err := os.FindProcess(pid); err == nil {
					_ = process.Kill()
				}
			}
			return
		}
	}
}

// processes are those that work in this Postfix's queue directory.
func (p *postfix) processes() []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, p.dir) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// next waits for a mail in the maildir that was not read before.
func (p *postfix) next(ctx context.Context) []byte {
	p.t.Helper()
	var found string
	poll(ctx, p.t, "a mail in the maildir", func() bool {
		files, _ := filepath.Glob(filepath.Join(p.dir, "mail", "ops", "new", "*"))
		for _, file := range files {
			if !p.read[file] {
				found = file
				return true
			}
		}
		return false
	})
	p.read[found] = true
	return []byte(readFile(p.t, found))
}

// awaitListening waits until a server listens on all its ports.
func awaitListening(ctx context.Context, t *testing.T, server string, ports ...int) {
	t.Helper()
	for _, port := range ports {
		poll(ctx, t, server+" to listen", func() bool {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
	}
}

// freePort finds a port of loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
