package postbox_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"tocsin/internal/postbox"
	"tocsin/notify/smtp"
)

const mail = "Subject: test\r\n\r\n.dot\r\n..dots\r\n"

func account(t *testing.T, s *postbox.Server, mode smtp.TLSMode) smtp.Server {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CertificatePEM()) {
		t.Fatal("CertificatePEM holds no certificate")
	}
	return smtp.Server{
		Host: s.Host(), Port: s.Port(), TLS: mode, Roots: roots,
		Username: "alice", Password: smtp.NewSecret("opensesame"), Hello: "client.example.com",
	}
}

func start(t *testing.T, c postbox.Config) *postbox.Server {
	t.Helper()
	s, err := postbox.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestReceive(t *testing.T) {
	for _, tt := range []struct {
		mode   string
		client smtp.TLSMode
		auth   string
	}{
		{"", smtp.TLSImplicit, ""},
		{postbox.Implicit, smtp.TLSImplicit, "login"},
		{postbox.StartTLS, smtp.TLSStartTLS, ""},
		{postbox.StartTLS, smtp.TLSStartTLS, "login"},
		{postbox.None, smtp.TLSNone, "plain"},
		{postbox.None, smtp.TLSNone, "login"},
	} {
		t.Run(fmt.Sprintf("%s/%s", tt.mode, tt.auth), func(t *testing.T) {
			var seen []postbox.Mail
			s := start(t, postbox.Config{
				Mode: tt.mode, Username: "alice", Password: "opensesame",
				OnMail: func(m postbox.Mail) error { seen = append(seen, m); return nil },
				Refuse: func(to string) error {
					if strings.HasPrefix(to, "nobody@") {
						return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
					}
					return nil
				},
			})
			server := account(t, s, tt.client)
			server.Auth = tt.auth
			session, err := smtp.Dial(t.Context(), server, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			to := []string{"a@example.com", "nobody@example.com", "b@example.com"}
			result, err := session.Send(t.Context(), smtp.Envelope{From: "alice@example.com", To: to}, []byte(mail))
			if err != nil {
				t.Fatal(err)
			}
			var got []smtp.Status
			for _, v := range result.Recipients {
				got = append(got, v.Status)
			}
			want := []smtp.Status{smtp.Accepted, smtp.Refused, smtp.Accepted}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
			m := <-s.Received()
			m2 := m
			m2.At = m.At.Truncate(0)
			if m.At.IsZero() || m.From != "alice@example.com" || string(m.Data) != mail || m.TLS != (tt.client != smtp.TLSNone) ||
				m.Username != "alice" || !cmp.Equal(m.To, []string{"a@example.com", "b@example.com"}) {
				t.Errorf("got %+v", m)
			}
			if len(seen) != 1 || len(s.Mails()) != 1 {
				t.Errorf("OnMail saw %d mails, Mails has %d, want 1", len(seen), len(s.Mails()))
			}
			var accepted []string
			for _, r := range s.Recipients() {
				accepted = append(accepted, r.Address)
			}
			if diff := cmp.Diff([]string{"a@example.com", "b@example.com"}, accepted); diff != "" {
				t.Errorf("recipients (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReceivedHoldsNothingUp(t *testing.T) {
	s := start(t, postbox.Config{})
	server := account(t, s, smtp.TLSImplicit)
	server.Username = ""
	session, err := smtp.Dial(t.Context(), server, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	const n = 50
	for i := range n {
		data := fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i)
		if _, err := session.Send(t.Context(), smtp.Envelope{From: "a@b", To: []string{"c@d"}}, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		m := <-s.Received()
		if want := fmt.Sprintf("Subject: %d\r\n", i); !strings.HasPrefix(string(m.Data), want) {
			t.Fatalf("mail %d is %q, want it to start with %q", i, m.Data, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := <-s.Received(); ok {
		t.Error("Received gives mails after Close")
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, postbox.Config{Username: "alice", Password: "opensesame", OnMail: func(postbox.Mail) error {
		return &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 3, 1}, Message: "disk full"}
	}})
	wrong := account(t, s, smtp.TLSImplicit)
	wrong.Password = smtp.NewSecret("opensesami")
	for _, auth := range []string{"plain", "login"} {
		wrong.Auth = auth
		_, err := smtp.Dial(t.Context(), wrong, nil)
		if f, ok := errors.AsType[*smtp.Failure](err); !ok || f.Class != smtp.AuthBroken || f.Reply.Code != 535 {
			t.Errorf("%s with a wrong password: got %v, want a 535", auth, err)
		}
	}
	nobody := account(t, s, smtp.TLSImplicit)
	nobody.Username = ""
	f := sendOne(t.Context(), t, nobody)
	if f == nil || f.Reply.Code != 530 {
		t.Errorf("without authentication: got %v, want a 530", f)
	}
	f = sendOne(t.Context(), t, account(t, s, smtp.TLSImplicit))
	if f == nil || f.Reply.String() != "452 4.3.1 disk full" {
		t.Errorf("refused by OnMail: got %v, want 452", f)
	}
	if len(s.Mails()) != 0 {
		t.Errorf("a refused mail was kept")
	}
	if len(s.Recipients()) != 1 {
		t.Errorf("got %d recipients, want that of the unfinished transaction", len(s.Recipients()))
	}
}

func sendOne(ctx context.Context, t *testing.T, server smtp.Server) *smtp.Failure {
	t.Helper()
	session, err := smtp.Dial(ctx, server, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	_, err = session.Send(ctx, smtp.Envelope{From: "a@b", To: []string{"c@d"}}, []byte(mail))
	f, _ := errors.AsType[*smtp.Failure](err)
	return f
}

func TestFingerprint(t *testing.T) {
	s := start(t, postbox.Config{Mode: postbox.StartTLS})
	server := account(t, s, smtp.TLSStartTLS)
	server.Username, server.Roots, server.Fingerprint = "", x509.NewCertPool(), s.Fingerprint()
	session, err := smtp.Dial(t.Context(), server, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = session.Close()
}

func TestStartRefuses(t *testing.T) {
	for _, c := range []postbox.Config{{Mode: "ssl"}, {Addr: "0.0.0.0:0"}, {Addr: "127.0.0.1:x"}} {
		if s, err := postbox.Start(c); err == nil {
			_ = s.Close()
			t.Errorf("Start(%+v) accepted it", c)
		}
	}
}
