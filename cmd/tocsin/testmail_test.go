package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/config"
)

// TestNoLoginWithoutTLS: a server that offers no login before TLS is told as
// that, and not as a wrong password.
func TestNoLoginWithoutTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "220 relay\r\n")
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "EHLO") {
					fmt.Fprint(conn, "250-relay\r\n250 8BITMIME\r\n")
				} else {
					fmt.Fprint(conn, "221 bye\r\n")
				}
			}
			_ = conn.Close()
		}
	}()
	path := filepath.Join(t.TempDir(), "mail.hcl")
	text := fmt.Sprintf("mailserver \"m\" {\n host = \"127.0.0.1\"\n port = %d\n tls = \"none\"\n username = \"a@example.com\"\n password = \"secret-horse\"\n}\nmail \"ops\" {\n to = [\"ops@example.com\"]\n}\n", l.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // a TCP listener's
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	opt := &options{std: streams{strings.NewReader(""), &out, &out}, config: path, state: t.TempDir()}
	cfg, err := opt.load(config.Required)
	if err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	if err := testMail(t.Context(), opt, cfg, "m", nil); err == nil {
		t.Error("got a mail that was taken")
	}
	said := out.String()
	if !strings.Contains(said, "the server has none") || !strings.Contains(said, `hint: this server takes no login that is known here over a connection without TLS: set tls to "starttls" or "implicit"`) || strings.Contains(said, "check username") {
		t.Errorf("got %s", said)
	}
}
