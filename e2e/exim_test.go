//go:build e2e

package e2e

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
)

// eximConfig is exim4.conf: mail over TLS from who logs in, into a maildir for
// each of two people, and no way out.
const eximConfig = `primary_hostname = mx.example.org
qualify_domain = example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = $submission : $smtps
tls_on_connect_ports = $smtps
tls_advertise_hosts = *
tls_certificate = /etc/server.pem
tls_privatekey = /etc/server.pem
log_file_path = /var/log/exim4/%slog
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_hosts =
acl_smtp_mail = from
acl_smtp_rcpt = to
begin acl
from:
  deny message = TLS first
       !encrypted = *
  deny message = log in first
       !authenticated = *
  accept
to:
  require message = no such mailbox here
          verify = recipient
  accept
begin routers
boxes:
  driver = accept
  domains = example.org
  local_parts = ops : dev
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = /var/mail/$local_part_data
  return_path_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and {{eq {$auth2}{$username}} {eq {$auth3}{$password}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if def:tls_in_cipher}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and {{eq {$auth1}{$username}} {eq {$auth2}{$password}}}}
  server_set_id = $auth1
  server_advertise_condition = ${if def:tls_in_cipher}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${if eq {$auth1}{$username} {$password}fail}
  server_set_id = $auth1
  server_advertise_condition = ${if def:tls_in_cipher}
`

// startExim sets Debian's Exim up and starts it; it is gone after the test.
func startExim(ctx context.Context, t *testing.T) *mx {
	t.Helper()
	root := newChroot(ctx, t)
	m := &mx{submission: freePort(t), smtps: freePort(t), boxes: root.path("var/mail"), read: make(map[string]bool)}
	var server []byte
	m.ca, server = certify(t)
	root.write("etc/server.pem", string(server))
	root.write("etc/exim4/exim4.conf", strings.NewReplacer(
		"$submission", strconv.Itoa(m.submission), "$smtps", strconv.Itoa(m.smtps), "$username", username, "$password", password,
	).Replace(eximConfig))
	// Debian-exim, in the root's /etc/passwd.
	for _, dir := range []string{"var/mail", "var/spool/exim4", "var/log/exim4"} {
		root.mkdir(dir, 101, 101, 0o750)
	}
	must(t, os.Chown(root.path("etc/server.pem"), 101, 101))
	must(t, os.Chmod(root.path("etc/exim4/exim4.conf"), 0o644)) // it stays with root
	root.start(ctx, []string{"var/log/exim4/mainlog", "var/log/exim4/paniclog"}, "/usr/sbin/exim4", "-bdf", "-q1m")
	awaitListening(ctx, t, "Exim", m.submission, m.smtps)
	return m
}
