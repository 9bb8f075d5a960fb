package notify

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// slow makes the first server take ten seconds for each recipient.
func (p *post) slow() {
	p.servers["one"].set(func(s *server) {
		s.send = func(string) (smtp.Status, error) { time.Sleep(10 * time.Second); return smtp.Accepted, nil }
	})
}

// onlyOnce fails the test when an event came through two servers.
func (p *post) onlyOnce() {
	p.t.Helper()
	told := map[string]string{}
	for name, s := range p.servers {
		for _, m := range s.mails() {
			for _, id := range m.events() {
				if told[id] != "" {
					p.t.Errorf("event %s came through %s and %s", id, told[id], name)
				}
				told[id] = name
			}
		}
	}
	if len(told) != p.n {
		p.t.Errorf("%d of %d events came", len(told), p.n)
	}
}

// TestWhatIsOnTheWireIsNobodyElses: a mail that goes out for the first time is
// seen by the worker of the other server.
func TestWhatIsOnTheWireIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{RecipientsPerHour: 4}, "one", "two")
		p.slow()
		p.put(tocsin.Warning)
		p.after(time.Second)
		p.put(tocsin.Warning) // somebody wakes the workers
		p.after(time.Hour)
		p.onlyOnce()
		p.stop()
	})
}

// TestAReloadDoublesNothing: another server takes over while a mail is on the
// wire of the old one.
func TestAReloadDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one", "two")
		p.slow()
		p.put(tocsin.Warning)
		p.after(time.Second)
		setup := p.setup
		setup.Accounts = setup.Accounts[1:]
		setup.Mails = []Mail{{Name: "ops", From: "me@x.example", To: []string{"a@x.example", "b@x.example"}, Servers: []string{"two"}}}
		p.Configure(t.Context(), setup)
		p.after(time.Minute)
		p.onlyOnce()
		p.stop()
	})
}

// messages are n messages of other programs, and one event after them.
func messages(n int, now time.Time) []spool.Waiting {
	waiting := make([]spool.Waiting, 0, n+1)
	for i := range n {
		waiting = append(waiting, spool.Waiting{
			Item:   &spool.Item{ID: fmt.Sprint("raw", i), Queued: now.Add(time.Duration(i) * time.Millisecond), Severity: tocsin.Warning},
			Target: spool.Target{Addresses: []string{"a@x"}},
		})
	}
	event := waitingItem("9")
	event.Item.Queued = now.Add(time.Minute)
	return append(waiting, event)
}

// TestOtherProgramsStarveNoEvent: there may be any amount of their mail.
func TestOtherProgramsStarveNoEvent(t *testing.T) {
	now := noon().Add(time.Hour)
	b := board{
		now: now.Add(2 * time.Minute), waiting: messages(300, now), servers: func(string, string) []string { return []string{"a"} },
		paused: func(string) time.Time { return time.Time{} },
		look:   func(string, bool) quota.Verdict { return allowed(quota.Unlimited) },
	}
	if j, _ := b.next("a"); describe(j) != "9" {
		t.Errorf("got %q first, want the event", describe(j))
	}
}

// TestForecastIsQuick: it asks the limits once for each moment.
func TestForecastIsQuick(t *testing.T) {
	now := noon().Add(time.Hour)
	f := Backlog{
		Setup:   Setup{Accounts: []Account{account("a", quota.Limit{RecipientsPerDay: 300, MessagesPerMinute: 10})}},
		Waiting: messages(5000, now),
	}.Forecast(now)
	if f.Mails == 0 || f.More == 0 || f.Mails+f.More < 5000 {
		t.Errorf("got %+v, want some of 5001 and the rest as more", f)
	}
}
