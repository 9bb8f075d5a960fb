//go:build e2esystemd

package systemd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
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

// The account of the machines. The password is a canary: it may be found
// nowhere but in its own file.
const (
	username = "alice@example.com"
	password = "canary-5f1c-correct-horse"
)

// postfix is Debian's Postfix with everything of its own in one directory: it
// takes mail over STARTTLS from who logs in, keeps it in a maildir, and sends
// nothing anywhere.
type postfix struct {
	t    *testing.T
	dir  string
	port int // on loopback
	ca   []byte
}

// postfixMain is main.cf. $dir stands for the directory.
const postfixMain = `compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file_prefixes = $dir
maillog_file = $dir/maillog
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.bench.test
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
virtual_mailbox_maps = static:box/
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

// startPostfix sets a Postfix up in dir, which its users may enter, and starts
// it; it is gone after the test.
func startPostfix(ctx context.Context, t *testing.T, dir string) *postfix {
	t.Helper()
	p := &postfix{t: t, dir: dir, port: freePort(t)}
	for _, sub := range []string{"", "etc", "etc/sasl", "queue", "data", "mail"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	p.certify()
	p.write("etc/main.cf", strings.ReplaceAll(postfixMain, "$dir", dir))
	p.write("etc/master.cf", fmt.Sprintf(postfixMaster, p.port))
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
	p.start(ctx)
	return p
}

// start starts Postfix and waits until it listens.
func (p *postfix) start(ctx context.Context) {
	p.t.Helper()
	p.run(ctx, "start")
	poll(ctx, p.t, "Postfix to listen", func() bool {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// address is where Postfix listens.
func (p *postfix) address() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

func (p *postfix) write(name, text string) {
	p.t.Helper()
	must(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644))
}

// addUser makes the account known to Cyrus SASL.
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

// stop ends Postfix, if it runs, and waits until none of its processes is
// left.
func (p *postfix) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	queue := filepath.Join(p.dir, "queue")
	if len(processesIn(queue)) > 0 {
		p.run(ctx, "stop")
	}
	for ctx.Err() == nil {
		if len(processesIn(queue)) == 0 {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	p.t.Errorf("processes %d are left of Postfix", processesIn(queue))
}

// certify makes an authority and a certificate of the server, signed by it.
func (p *postfix) certify() {
	p.t.Helper()
	now := time.Now()
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(p.t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(p.t, err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: mailName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{mailName},
	}
	root, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	must(p.t, err)
	leaf, err := x509.CreateCertificate(rand.Reader, server, authority, key.Public(), authorityKey)
	must(p.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(p.t, err)
	p.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})
	file := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})...)
	must(p.t, os.WriteFile(filepath.Join(p.dir, "etc", "server.pem"), file, 0o600))
}

// freePort finds a port of loopback that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
