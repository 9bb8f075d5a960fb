package smtp_test

import (
	"errors"
	"testing"

	"tocsin/notify/smtp"
)

// TestNoLoginWithoutVerifiedTLS: what direct delivery may do, no account may.
func TestNoLoginWithoutVerifiedTLS(t *testing.T) {
	for name, server := range map[string]smtp.Server{
		"a username": {TLS: smtp.TLSOpportunistic, Username: "a"},
		"a password": {TLS: smtp.TLSOpportunistic, Password: smtp.NewSecret("x")},
		"a token":    {TLS: smtp.TLSOpportunistic, OAuth: smtp.Grant{Command: []string{"/bin/token"}}},
		"direct":     {Direct: true, Host: "127.0.0.1"},
	} {
		server.Host, server.Port = "127.0.0.1", 1
		conn := playOn(t, []string{"S: drop"})
		_, err := smtp.DialOver(t.Context(), conn, server, nil)
		if !errors.Is(err, smtp.ErrMalformed) {
			t.Errorf("%s: got %v, want it refused before a connection", name, err)
		}
	}
}

func TestOpportunisticTLS(t *testing.T) {
	clear := []string{"S: 220 hi", "C: EHLO web-1.example.com", "S: 250 x"}
	session, err := smtp.DialOver(t.Context(), playOn(t, clear), smtp.Server{TLS: smtp.TLSOpportunistic, Hello: "web-1.example.com"}, nil)
	if err != nil {
		t.Fatalf("a server without STARTTLS: %v", err)
	}
	_ = session.Close()
	script := []string{"S: 220 hi", "C: EHLO web-1.example.com", "S: 250-x", "S: 250 STARTTLS", "C: STARTTLS", `S> "220 go\r\n250 injected\r\n"`}
	if _, err := smtp.DialOver(t.Context(), playOn(t, script), smtp.Server{TLS: smtp.TLSOpportunistic, Hello: "web-1.example.com"}, nil); !errors.Is(err, smtp.ErrInjected) {
		t.Errorf("got %v, want what came before TLS found out", err)
	}
}
