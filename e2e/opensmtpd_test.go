//go:build e2e

package e2e

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
)

// opensmtpdConfig is smtpd.conf: mail over TLS from who logs in, into a maildir
// for each of two people, and no way out. It wants passwords as crypt(3) makes
// them.
const opensmtpdConfig = `pki bench cert "/etc/server.pem"
pki bench key "/etc/server.pem"
table accounts { "$username" = "$crypt" }
table people { "ops@example.org" = "box", "dev@example.org" = "box" }
listen on 127.0.0.1 port $submission tls-require pki bench auth <accounts> hostname "mx.example.org"
listen on 127.0.0.1 port $smtps smtps pki bench auth <accounts> hostname "mx.example.org"
action "box" maildir "/var/mail/%{rcpt.user}" virtual <people>
match auth from any for domain "example.org" action "box"
`

// passwordCrypt is the password as crypt(5) has it: SHA-512.
const passwordCrypt = "$6$tocsin$DBvkgS0e347G52xY/2U3FCXu5bQEkoouVOZpVZHUbIKN.H0tnEPkCfXOxxXYKKOZ4u0PgQ1JDgB1JqI4ASp7R1"

// startOpenSMTPD sets Debian's OpenSMTPD up and starts it; it is gone after
// the test.
func startOpenSMTPD(ctx context.Context, t *testing.T) *mx {
	t.Helper()
	root := newChroot(ctx, t)
	m := &mx{submission: freePort(t), smtps: freePort(t), boxes: root.path("var/mail"), read: make(map[string]bool)}
	var server []byte
	m.ca, server = certify(t)
	root.write("etc/server.pem", string(server))
	must(t, os.MkdirAll(root.path("etc/ssl/certs"), 0o755))
	must(t, os.WriteFile(root.path("etc/ssl/certs/ca-certificates.crt"), m.ca, 0o644)) // it insists, for mail that it would send
	root.write("etc/mailname", "mx.example.org\n")
	root.write("etc/smtpd.conf", strings.NewReplacer(
		"$submission", strconv.Itoa(m.submission), "$smtps", strconv.Itoa(m.smtps), "$username", username, "$crypt", passwordCrypt,
	).Replace(opensmtpdConfig))
	root.mkdir("var/mail", 1000, 1000, 0o750) // box, in the root's /etc/passwd
	root.start(ctx, nil, "/usr/sbin/smtpd", "-d")
	awaitListening(ctx, t, "OpenSMTPD", m.submission, m.smtps)
	return m
}
