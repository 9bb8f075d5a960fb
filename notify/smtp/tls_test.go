package smtp_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/notify/smtp"
)

// offering is the start of a STARTTLS conversation, and what comes after it.
var (
	offering = []string{"S: 220 ready", "C", "S: 250-hi", "S: 250-AUTH PLAIN", "S: 250 STARTTLS", "C"}
	inside   = []string{"C", "S: 250-hi", "S: 250 AUTH PLAIN", "C", "S: 235 welcome", "C"}
)

func join(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// TestTrust has certificates and keys, good and bad, in both modes of TLS.
func TestTrust(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	good := ca.issue(nil)
	pin := smtp.Fingerprint(good.Certificates[0].Leaf)
	colons := strings.ToUpper(pin[:2]) + ":" + pin[2:]
	for _, tt := range []struct {
		name   string
		config *tls.Config
		change func(*smtp.Server)
		want   string // in the error; empty means that all is well
	}{
		{"good", good, nil, ""},
		{"good by address", good, func(s *smtp.Server) { s.Host = "127.0.0.1" }, ""},
		{"wrong name", ca.issue(func(c *x509.Certificate) { c.DNSNames = []string{"other.example.com"} }), nil, "other.example.com, not localhost"},
		{
			"wrong address", ca.issue(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }),
			func(s *smtp.Server) { s.Host = "127.0.0.1" }, "127.0.0.2, not 127.0.0.1",
		},
		{"only a common name", ca.issue(func(c *x509.Certificate) { c.DNSNames = nil }), nil, "not valid for any names"},
		{"expired", ca.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), nil, "expired or is not yet valid"},
		{"not yet valid", ca.issue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), nil, "expired or is not yet valid"},
		{
			"for clients", ca.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			nil, "incompatible key usage",
		},
		{"unknown CA", stranger.issue(nil), nil, "tls: verify certificate: x509: certificate signed by unknown authority"},
		{"TLS 1.1", &tls.Config{Certificates: good.Certificates, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, nil, "protocol version"},
		{"TLS 1.2", &tls.Config{Certificates: good.Certificates, MaxVersion: tls.VersionTLS12}, nil, ""},
		{"pinned", good, func(s *smtp.Server) { s.Fingerprint, s.Roots = pin, x509.NewCertPool() }, ""},
		{"pinned with colons", good, func(s *smtp.Server) { s.Fingerprint, s.Host = colons, "127.0.0.1" }, ""},
		{"another key pinned", ca.issue(nil), func(s *smtp.Server) { s.Fingerprint = pin }, "not the pinned one: it has the fingerprint"},
		{"no pin", good, func(s *smtp.Server) { s.Fingerprint = "abc" }, "is not 64 hex digits"},
	} {
		for _, mode := range []smtp.TLSMode{smtp.TLSImplicit, smtp.TLSStartTLS} {
			name, script := "implicit/", join([]string{"TLS", "S: 220 ready"}, inside)
			if mode == smtp.TLSStartTLS {
				name, script = "starttls/", join(offering, []string{"S: 220 go", "TLS"}, inside)
			}
			t.Run(name+tt.name, func(t *testing.T) {
				port, said := serveScript(t, tt.config, script)
				server := local(port, mode, ca.roots)
				if tt.change != nil {
					tt.change(&server)
				}
				// Twice, since nothing may be remembered between two sessions.
				for range 2 {
					checkTrust(t, server, tt.want)
				}
				checkSecret(t, said(), tt.want == "")
			})
		}
	}
}

func checkTrust(t *testing.T, server smtp.Server, want string) {
	t.Helper()
	s, err := smtp.Dial(t.Context(), server, nil)
	if want == "" {
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		return
	}
	f, ok := errors.AsType[*smtp.Failure](err)
	if !ok || f.Class != smtp.TLSBroken || f.Scope != smtp.Account || !strings.Contains(f.Error(), want) {
		t.Fatalf("got %v, want a TLSBroken failure with %q", err, want)
	}
}

// checkSecret looks for AUTH in what the client said.
func checkSecret(t *testing.T, said []string, want bool) {
	t.Helper()
	if got := strings.Contains(strings.Join(said, ""), "AUTH"); got != want {
		t.Errorf("the server saw AUTH: %v, want %v", got, want)
	}
}

// TestStartTLS has all that can go wrong before the handshake.
func TestStartTLS(t *testing.T) {
	ca := newAuthority(t)
	config := ca.issue(nil)
	for _, tt := range []struct {
		name   string
		script []string
		class  smtp.Class
		want   string
		is     error
	}{
		{"stripped", []string{"S: 220 ready", "C", "S: 250-hi", "S: 250 AUTH PLAIN", "C"}, smtp.TLSBroken, "does not offer STARTTLS", nil},
		{"stripped in the line", []string{"S: 220 ready", "C", "S: 250-hi", "S: 250 XXXXXXXA", "C"}, smtp.TLSBroken, "does not offer STARTTLS", nil},
		{"no EHLO", []string{"S: 220 ready", "C", "S: 502 what", "C", "S: 250 hi", "C"}, smtp.TLSBroken, "does not offer STARTTLS", nil},
		{"refused for now", join(offering, []string{"S: 454 4.7.0 TLS not available", "C"}), smtp.TLSBroken, "454 4.7.0 TLS not available", nil},
		{"refused", join(offering, []string{"S: 502 what", "C"}), smtp.TLSBroken, "502 what", nil},
		{"wrong class", join(offering, []string{"S: 354 go on", "C"}), smtp.TLSBroken, "354 go on", nil},
		{"closing", join(offering, []string{"S: 421 bye", "C"}), smtp.Transient, "421 bye", nil},
		{"dropped", join(offering, []string{"S: drop"}), smtp.Transient, "starttls: EOF", nil},
		{
			"injected with the 220", join(offering, []string{`S> "220 go\r\n250-hi\r\n250 AUTH PLAIN\r\n"`, "C"}),
			smtp.TLSBroken, "possible attack", smtp.ErrInjected,
		},
		{
			"injected after the 220", join(offering, []string{"S: 220 go", "S: 250 AUTH PLAIN", "C"}),
			smtp.TLSBroken, "possible attack", smtp.ErrInjected,
		},
		{"dropped in the handshake", join(offering, []string{"S: 220 go", "S: drop"}), smtp.Transient, "tls: ", nil},
		{"fewer capabilities inside", join(offering, []string{"S: 220 go", "TLS", "C", "S: 250 hi", "C"}), smtp.AuthBroken, "the server has none", smtp.ErrMechanism},
		{
			"other capabilities inside", join(offering, []string{"S: 220 go", "TLS", "C", "S: 250-hi", "S: 250 AUTH GSSAPI", "C"}),
			smtp.AuthBroken, "the server has GSSAPI", smtp.ErrMechanism,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port, said := serveScript(t, config, tt.script)
			_, err := smtp.Dial(t.Context(), local(port, smtp.TLSStartTLS, ca.roots), nil)
			f, ok := errors.AsType[*smtp.Failure](err)
			if !ok || f.Class != tt.class || f.Scope != smtp.Account || !strings.Contains(f.Error(), tt.want) {
				t.Errorf("got %#v, want class %s and %q", err, tt.class, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			checkSecret(t, said(), false)
		})
	}
}

// TestWrongPort has servers that expect the other mode of TLS.
func TestWrongPort(t *testing.T) {
	ca := newAuthority(t)
	config := ca.issue(nil)
	plain, _ := serveScript(t, config, []string{"S: 220 ready", "C"})
	_, err := smtp.Dial(t.Context(), local(plain, smtp.TLSImplicit, ca.roots), nil)
	if err == nil || !strings.Contains(err.Error(), `set tls = "starttls"`) {
		t.Errorf("a plain port: got %v", err)
	}
	other, _ := serveScript(t, config, []string{`S> "HTTP/1.1 400 Bad Request\r\n\r\n"`, "C"})
	_, err = smtp.Dial(t.Context(), local(other, smtp.TLSImplicit, ca.roots), nil)
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("a web server: got %v", err)
	}
	// A port with TLS from the first byte waits for the client.
	synctest.Test(t, func(t *testing.T) {
		server := clear()
		server.TLS = smtp.TLSStartTLS
		_, err := smtp.DialOver(t.Context(), playOn(t, []string{"S: hang"}), server, nil)
		if err == nil || !strings.Contains(err.Error(), `set tls = "implicit"`) {
			t.Errorf("a port with TLS from the first byte: got %v", err)
		}
	})
}
