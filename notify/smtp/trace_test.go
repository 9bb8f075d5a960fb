package smtp_test

import (
	"regexp"
	"testing"

	"tocsin/notify/smtp"
)

// TestTraceOfALogin has what a person sees of the certificate and the login.
func TestTraceOfALogin(t *testing.T) {
	ca := newAuthority(t)
	port, _ := serveAuth(t, ca.issue(nil), "PLAIN LOGIN", "opensesame")
	server := local(port, smtp.TLSImplicit, ca.roots)
	server.Username, server.Password = "al=ice,1", smtp.NewSecret("opensesame")
	server.Host = "127.0.0.1" // an address needs no resolver, and its certificate names it
	var steps []string
	s, err := smtp.Dial(t.Context(), server, func(s smtp.Step) { steps = append(steps, string(s.Phase)+" "+s.Text) })
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	want := []string{
		`^connect connected to 127\.0\.0\.1:\d+$`,
		`^tls TLS 1\.3, TLS_[A-Z0-9_]+$`,
		`^tls certificate .* for .*127\.0\.0\.1.*, which names 127\.0\.0\.1$`,
		`^tls issued by .*, until \d{4}-\d\d-\d\d \(\d+ days\)$`,
		`^tls its key can be pinned: fingerprint = "[0-9a-f]{64}"$`,
		`^greeting 220 ready$`,
		`^ehlo EHLO .*: 250 hi AUTH PLAIN LOGIN$`,
		`^auth AUTH PLAIN \[redacted\]: 235 2\.7\.0 welcome$`,
	}
	if len(steps) < len(want) {
		t.Fatalf("got %q", steps)
	}
	for i, pattern := range want {
		if !regexp.MustCompile(pattern).MatchString(steps[i]) {
			t.Errorf("step %d: got %q, want %s", i, steps[i], pattern)
		}
	}
}
