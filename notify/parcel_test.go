package notify

import (
	"errors"
	"fmt"
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
		rush  bool
	}{
		{"wide", quota.Limit{MessagesPerHour: 100, RecipientsPerDay: 1000}, 3, true},
		{"narrow", quota.Limit{MessagesPerHour: 8}, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPost(t, tt.limit, "one")
				one := p.servers["one"]
				p.put(tocsin.Warning) // by which the server is known to be fast
				p.after(time.Millisecond)
				one.set(func(s *server) { s.hang = true })
				p.mu.Lock() // nobody looks before both are there
				first, second := p.put(tocsin.Warning), p.put(tocsin.Warning)
				p.mu.Unlock()
				p.after(time.Millisecond)
				used := tt.limit.MessagesPerHour - p.Ledger.Look("one", tt.limit, true, time.Now()).Messages
				if used != tt.want {
					t.Errorf("%d messages are reserved while the second is on the wire, want %d", used, tt.want)
				}
				if p.rushed.Load() != tt.rush {
					t.Errorf("got a rush %v, want %v", p.rushed.Load(), tt.rush)
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

// TestDroppedAhead: what was made ready and then dropped or held does not go.
func TestDroppedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		p.put(tocsin.Warning)
		p.after(time.Millisecond)
		first, dropped, held := fmt.Sprintf("%032x", 2), fmt.Sprintf("%032x", 3), fmt.Sprintf("%032x", 4) // as put makes them
		one.set(func(s *server) {
			calls := 0
			s.send = func(string) (smtp.Status, error) {
				if calls++; calls == 1 {
					time.Sleep(50 * time.Millisecond) // the others are made ready
					if err := p.Spool.Drop(dropped, "by hand", time.Now()); err != nil {
						t.Error(err)
					}
					if err := p.Spool.PutOnHold(held); err != nil {
						t.Error(err)
					}
				}
				return smtp.Accepted, nil
			}
		})
		p.put(tocsin.Critical) // it goes first
		p.put(tocsin.Warning)
		p.put(tocsin.Warning)
		p.after(time.Hour)
		told := map[string]int{}
		for _, m := range one.mails() {
			for _, id := range m.events() {
				told[id]++
			}
		}
		if told[first] != 1 || told[dropped] != 0 || told[held] != 0 {
			t.Errorf("told %v; dropped %s, held %s", told, dropped, held)
		}
		p.stop()
	})
}

func TestDepthOf(t *testing.T) {
	for took, want := range map[time.Duration]int{0: quota.MostAhead, 5 * time.Millisecond: quota.MostAhead, 50 * time.Millisecond: 1, time.Second: 0, unmeasured: 0} {
		if got := depthOf(took); got != want {
			t.Errorf("%s: got %d, want %d", took, got, want)
		}
	}
}
