//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tocsin/internal/postbox"
)

// everyMechanism: each mechanism of the server logs in over both ways of TLS.
func everyMechanism(ctx context.Context, t *testing.T, m *mx, mechanisms []string) {
	s := newStation(t)
	s.write("ca.pem", string(m.ca))
	blocks := []string{mailTo("ops", "ops@example.org")}
	for _, mechanism := range mechanisms {
		more := fmt.Sprintf("auth = %q\n%s", mechanism, unlimited)
		blocks = append(blocks, s.server(mechanism+"-starttls", m.submission, "starttls", more), s.server(mechanism+"-implicit", m.smtps, "implicit", more))
	}
	s.rules(blocks...)
	shown := s.ok(ctx, "test-mail")
	checkTestMail(t, shown)
	for _, mechanism := range mechanisms {
		if got := strings.Count(shown, "AUTH "+strings.ToUpper(mechanism)+":") + strings.Count(shown, "AUTH "+strings.ToUpper(mechanism)+" [redacted]:"); got != 2 {
			t.Errorf("AUTH %s was said %d times, want twice:\n%s", mechanism, got, shown)
		}
	}
	for range 2 * len(mechanisms) {
		if l := parse(t, postbox.Mail{Data: m.next(ctx, t, "ops")}); !strings.Contains(l.text, "a test mail, asked for by a person") {
			t.Errorf("got %q, want a test mail", l.text)
		}
	}
}

// wrongPassword: the account pauses, the mail stays, the reason is shown and
// the password is not; the right one mends it.
func wrongPassword(ctx context.Context, t *testing.T, m *mx) {
	s := newStation(t)
	s.write("ca.pem", string(m.ca))
	const canary = "canary-0d4e-wrong-battery"
	s.write("smtp.secret", canary+"\n")
	s.rules(s.server("submission", m.submission, "starttls", unlimited), mailTo("ops", "ops@example.org"), s.watchProcess("worker", "1s"))
	a := s.start(ctx)
	a.log.await(ctx, t, "mail server paused, its mail waits", 1)
	list := s.ok(ctx, "queue", "list")
	if !contains(list, "worker: down failed", `mail server "submission" is paused until`, "535", "1 waiting, 0 refused") {
		t.Errorf("queue list: got\n%s", list)
	}
	o := s.tocsin(ctx, "", "test-mail")
	if o.code != 1 || !contains(o.stdout, "FAILED", "535") {
		t.Errorf("test-mail: got exit code %d:\n%s", o.code, o.stdout)
	}
	for name, text := range map[string]string{"log": a.log.String(), "queue list": list, "test-mail": o.stdout + o.stderr, "state": readTree(t, s.state)} {
		for _, secret := range []string{canary, base64.StdEncoding.EncodeToString([]byte("\x00" + username + "\x00" + canary))} {
			if strings.Contains(text, secret) {
				t.Errorf("the password is in the %s", name)
			}
		}
	}

	s.write("smtp.secret", password+"\n")
	a.signal(syscall.SIGHUP)
	alert := parse(t, postbox.Mail{Data: m.next(ctx, t, "ops")})
	if alert.subject != "[web-1] worker: down" {
		t.Errorf("got %q", alert.subject)
	}
	a.log.await(ctx, t, `msg="mail sent"`, 1)
	a.stop(ctx)
	checkToldOnce(t, []letter{{id: alert.id, to: []string{"ops@example.org"}, events: alert.events}}, eventIDs(a.log), "ops@example.org")
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Badmail+l.Corrupt != 0 {
		t.Errorf("left in the spool: %+v", l)
	}
}

// refusedRecipient: who the server does not know goes to badmail with its
// answer; the others get the mail.
func refusedRecipient(ctx context.Context, t *testing.T, m *mx, answer string) {
	s := newStation(t)
	s.write("ca.pem", string(m.ca))
	s.rules(s.server("submission", m.submission, "starttls", unlimited), mailTo("ops", "ops@example.org", "gone@example.org", "dev@example.org"), s.watchProcess("worker", "1s"))
	a := s.start(ctx)
	a.log.await(ctx, t, "mail refused, kept in badmail", 2) // the alarm about it is for them all as well
	for _, person := range []string{"ops", "dev"} {
		var subjects []string
		for range 2 { // in any order
			subjects = append(subjects, parse(t, postbox.Mail{Data: m.next(ctx, t, person)}).subject)
		}
		slices.Sort(subjects)
		if !strings.HasPrefix(subjects[0], "[web-1] Mail given up: ") || subjects[1] != "[web-1] worker: down" {
			t.Errorf("%s got %q, want the mail and the alarm", person, subjects)
		}
	}
	a.stop(ctx)
	if l := s.listing(); len(l.Items)+len(l.Letters)+l.Corrupt != 0 || l.Badmail != 2 {
		t.Errorf("got the spool %+v, want two mails in badmail and nothing else", l)
	}
	if log := a.log.String(); !contains(log, "refused=[gone@example.org]", answer) {
		t.Errorf("the log does not have %q", answer)
	}
}
