package smtp_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/notify/smtp"
)

// unresolved is a name that no resolver knows (RFC 6761 6.4).
const unresolved = "mail.tocsin.invalid"

// greeter accepts connections, greets and takes EHLO and QUIT, without TLS.
func greeter(t *testing.T) *net.TCPAddr {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = play(conn, []string{"S: 220 hi", "C: EHLO *", "S: 250 hi"}) }()
		}
	}()
	return listener.Addr().(*net.TCPAddr)
}

func TestAServerIsFoundWhereItLastWas(t *testing.T) {
	at := greeter(t)
	path := filepath.Join(t.TempDir(), "addresses.json")
	server := smtp.Server{Host: unresolved, Port: at.Port, TLS: smtp.TLSNone, Hello: "web-1.example.com"}
	dial := func() error {
		d := smtp.Dialer{Addresses: smtp.OpenAddresses(path), Log: slog.New(slog.DiscardHandler)}
		session, err := d.Dial(t.Context(), server, nil)
		if err == nil {
			_ = session.Close()
		}
		return err
	}
	if err := dial(); err == nil {
		t.Fatal("reached a server that was never reached before")
	}
	if err := os.WriteFile(path, []byte(`{"`+unresolved+`":{"ip":"127.0.0.1","at":"2026-11-22T03:04:05Z"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dial(); err != nil {
		t.Errorf("got %v, want the last address to be used", err)
	}
	// What cannot be an address is not one.
	if err := os.WriteFile(path, []byte(`{"`+unresolved+`":{"ip":"127.0.0.1\r\nRSET"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dial(); err == nil || !strings.Contains(err.Error(), unresolved) {
		t.Errorf("got %v, want the name not to be found", err)
	}
}

func TestTheAddressOfAServerIsKept(t *testing.T) {
	at := greeter(t)
	path := filepath.Join(t.TempDir(), "addresses.json")
	for _, host := range []string{"localhost", "127.0.0.1"} {
		d := smtp.Dialer{Addresses: smtp.OpenAddresses(path), Log: slog.New(slog.DiscardHandler)}
		session, err := d.Dial(t.Context(), smtp.Server{Host: host, Port: at.Port, TLS: smtp.TLSNone, Hello: "web-1.example.com"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = session.Close()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(data); !strings.HasPrefix(got, `{"localhost":{"ip":"127.0.0.1","at":"`) || strings.Count(got, "ip") != 1 {
		t.Errorf("got %s, want the address of localhost alone", got)
	}
}
