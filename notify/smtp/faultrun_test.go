package smtp_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin/notify/smtp"
)

// fewestFaults is how many cases the tables must have, so that none gets lost.
const fewestFaults = 300

// TestFaultTable plays testdata/faults.
func TestFaultTable(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	certs := newCertificates(t)
	total := 0
	seen := make(map[string]string)
	for _, file := range files {
		cases, err := readFaults(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d cases", filepath.Base(file), len(cases))
		total += len(cases)
		for _, c := range cases {
			name := strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + c.name
			if at, ok := seen[name]; ok {
				t.Errorf("%s and %s have the same name", c.where, at)
			}
			seen[name] = c.where
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { runFault(t, c, certs) })
			})
		}
	}
	if total < fewestFaults {
		t.Errorf("got %d cases, want at least %d", total, fewestFaults)
	}
}

// runFault plays one case and holds what came of it against the table.
func runFault(t *testing.T, c faultCase, certs certificates) {
	client, other := newCable()
	server := &faultServer{raw: other, certs: certs, mode: c.set.tls, login: c.set.auth != "none", orders: c.orders}
	server.message, server.last = messages()[c.set.message], messages()["short"]
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.serve()
	}()
	u := &user{set: c.set, calm: func() { server.calm.Store(true) }}
	account := clear()
	account.TLS, account.Auth, account.Provider, account.Roots = c.set.tls, c.set.auth, c.set.provider, certs.roots
	u.run(t, client, account)
	_ = client.Close() // the server's end, if it is still there
	<-done

	if diff := cmp.Diff(c.want, u.got, cmpopts.IgnoreUnexported(ending{})); diff != "" {
		t.Errorf("%s: (-want +got):\n%s%s", c.where, diff, u.errors)
	}
	if !strings.Contains(u.errors, c.want.text) {
		t.Errorf("%s: got the error %q, want %q in it", c.where, u.errors, c.want.text)
	}
	for step := range c.orders {
		if name, _, _ := strings.Cut(step, " "); server.counts[name] == 0 {
			t.Errorf("%s: the conversation never came to %s", c.where, step)
		}
	}
	judge(t, c, server, u)
}

// judge looks at what the server saw.
func judge(t *testing.T, c faultCase, server *faultServer, u *user) {
	t.Helper()
	for _, wrong := range server.wrong {
		t.Errorf("%s: %s", c.where, wrong)
	}
	if c.set.tls != smtp.TLSNone {
		plain := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00opensesame"))
		for _, word := range []string{"AUTH", "MAIL", "RCPT", "DATA", "alice", "opensesame", plain, "YWxpY2U=", "b3BlbnNlc2FtZQ=="} {
			if bytes.Contains(server.inClear.Bytes(), []byte(word)) {
				t.Errorf("%s: %q went over the connection in clear", c.where, word)
			}
		}
	}
	if strings.Contains(u.errors, "opensesame") {
		t.Errorf("%s: the error %q holds the password", c.where, u.errors)
	}
	whole := 0
	for i, r := range server.received {
		for _, wrong := range r.wrong {
			t.Errorf("%s: message %d has %s", c.where, i+1, wrong)
		}
		switch got := string(r.message); {
		case r.finished && got != r.want:
			t.Errorf("%s: message %d is not the one that was given: %.200q", c.where, i+1, got)
		case !strings.HasPrefix(r.want, got):
			t.Errorf("%s: message %d is not the start of the one that was given: %.200q", c.where, i+1, got)
		case r.finished:
			whole++
		}
	}
	if whole < u.sent {
		t.Errorf("%s: %d messages count as sent, the server has %d", c.where, u.sent, whole)
	}
}

// user sends the mails of a case and notes what becomes of them.
type user struct {
	set    settings
	calm   func()
	got    ending
	errors string
	sent   int // mails that somebody got
}

func (u *user) run(t *testing.T, client *end, account smtp.Server) {
	began := time.Now()
	s, err := smtp.DialOver(t.Context(), client, account, nil)
	u.got.Took = time.Since(began)
	if err != nil {
		u.got.Mail, u.got.Recipients, u.got.Session = "later", "-", "none"
		u.got.Failure = u.failure(t, err)
		return
	}
	var mails, recipients, failures []string
	for range u.set.mails {
		mail, to, failure := u.send(t, s, u.set.message)
		mails, recipients, failures = append(mails, mail), append(recipients, to), append(failures, failure)
	}
	u.got.Took = time.Since(began)
	u.got.Mail, u.got.Recipients = strings.Join(mails, " / "), strings.Join(recipients, " / ")
	u.got.Failure, u.got.Session = strings.Join(failures, " / "), "closed"
	if s.Reusable() {
		u.got.Session = "kept"
	}
	u.calm()
	// What the session is said to be is tried.
	mail, _, failure := u.send(t, s, "short")
	if u.got.Session == "kept" {
		if mail != "sent" {
			t.Errorf("the session is kept, and the next mail is %s: %s", mail, failure)
		}
	} else if failure != "account transient mail" {
		t.Errorf("the session is closed, and the next mail gets %s: %s", mail, failure)
	}
	began = time.Now()
	if err := s.Close(); err != nil || time.Since(began) > time.Second {
		t.Errorf("Close: %v after %v", err, time.Since(began))
	}
}

// send sends a mail and says in the words of the table what became of it.
func (u *user) send(t *testing.T, s *smtp.Session, message string) (mail, recipients, failure string) {
	e := smtp.Envelope{From: "from@example.com"}
	for i := range u.set.to {
		e.To = append(e.To, fmt.Sprintf("to%d@example.com", i+1))
	}
	result, err := s.Send(t.Context(), e, []byte(messages()[message]))
	words := make([]string, len(result.Recipients))
	for i, v := range result.Recipients {
		words[i] = map[smtp.Status]string{smtp.Accepted: "sent", smtp.Deferred: "later", smtp.Refused: "refused"}[v.Status]
		if v.Address != e.To[i] {
			t.Errorf("recipient %d is %s", i, v.Address)
		}
		if v.Status == smtp.Refused && v.Reply.Code < 500 && !errors.Is(err, smtp.ErrTooLarge) {
			t.Errorf("recipient %d is refused with the reply %v", i, v.Reply)
		}
	}
	mail = words[0]
	for _, w := range words {
		if w != mail {
			mail = "part"
		}
	}
	if strings.Contains(strings.Join(words, " "), "sent") {
		u.sent++
	}
	if result.Ambiguous {
		mail = "unsure"
	}
	failure = "-"
	if err != nil {
		failure = u.failure(t, err)
	}
	if f, ok := errors.AsType[*smtp.Failure](err); ok && f.Ambiguous != result.Ambiguous {
		t.Errorf("the failure says ambiguous %v, the result %v", f.Ambiguous, result.Ambiguous)
	}
	return mail, strings.Join(words, " "), failure
}

// failure is SCOPE CLASS PHASE.
func (u *user) failure(t *testing.T, err error) string {
	t.Helper()
	f, ok := errors.AsType[*smtp.Failure](err)
	if !ok {
		t.Errorf("got %T %v, want a *Failure", err, err)
		return "?"
	}
	text := f.Error()
	if len(text) > 4<<10 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
		t.Errorf("the error is not safe to print: %.200q", text)
	}
	u.errors += text + "\n"
	return fmt.Sprintf("%s %s %s", f.Scope, f.Class, f.Phase)
}
