package notify

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
)

// TestAhead: while a mail is on the wire the next one is made ready, where the
// limits are wide; and what was made ready is sent once, also by the next
// process.
func TestAhead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit quota.Limit
		want  int
	}{
		{"wide", quota.Limit{MessagesPerHour: 100, RecipientsPerDay: 1000}, 1 + quota.MostAhead},
		{"narrow", quota.Limit{MessagesPerHour: 8}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPost(t, tt.limit, "one")
				one := p.servers["one"]
				one.set(func(s *server) { s.hang = true })
				first, second := p.put(tocsin.Warning), p.put(tocsin.Warning)
				p.after(time.Millisecond)
				used := tt.limit.MessagesPerHour - p.Ledger.Look("one", tt.limit, true, time.Now()).Messages
				if used != tt.want {
					t.Errorf("%d messages are reserved while one is on the wire, want %d", used, tt.want)
				}
				one.set(func(s *server) { s.hang = false })
				p.stop()
				p.start()
				p.after(time.Hour)
				p.idle()
				told := map[string]int{}
				for _, m := range one.mails() {
					for _, id := range m.events() {
						told[id]++
					}
				}
				if told[first] != 1 || told[second] != 1 {
					t.Errorf("told %v", told)
				}
				p.stop()
			})
		})
	}
}

// TestAheadOfAPause: what was made ready does not go when the account fails
// meanwhile.
func TestAheadOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		tries := 0
		one.set(func(s *server) {
			s.send = func(string) (smtp.Status, error) {
				if tries++; tries == 1 {
					return smtp.Deferred, &smtp.Failure{Scope: smtp.Account, Phase: smtp.PhaseMail, Reply: smtp.Reply{Code: 421}, Err: errors.New("go away")}
				}
				return smtp.Accepted, nil
			}
		})
		p.put(tocsin.Warning)
		p.put(tocsin.Warning)
		p.after(5 * time.Second)
		one.set(func(s *server) {
			if len(s.sent) != 0 || tries != 1 {
				t.Errorf("%d mails went and %d tries were made through a server that is paused", len(s.sent), tries)
			}
		})
		p.after(time.Hour)
		p.idle()
		if n := len(one.mails()); n != 2 {
			t.Errorf("got %d mails, want each once", n)
		}
		p.stop()
	})
}
