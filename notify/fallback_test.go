package notify

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// relieved is a post whose notifier "ops" sends through "one" and falls back to
// "sms", which sends through "two". told has what the engine hears.
func relieved(t *testing.T, limit quota.Limit) (p *post, told *[]string, start func()) {
	t.Helper()
	p, told = newPost(t, limit, "one", "two"), new([]string)
	p.stop()
	p.setup.Mails = []Mail{
		{Name: "ops", From: "me@x.example", To: []string{"a@x.example"}, Servers: []string{"one"}, Fallback: Fallback{30 * time.Minute, []string{"sms"}}},
		{Name: "sms", From: "me@x.example", To: []string{"sms@x.example"}, Servers: []string{"two"}},
	}
	start = func() {
		p.start()
		p.FellBack = func(ev *tocsin.Event, names []string) {
			*told = append(*told, string(ev.Type)+" "+strings.Join(names, " "))
		}
		go p.Relieve(t.Context())
	}
	start()
	return p, told, start
}

// dead is what a server that does not answer says.
func dead(s *server) {
	s.dial = &smtp.Failure{Phase: smtp.PhaseConnect, Err: errors.New("refused")}
}

func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, told, start := relieved(t, quota.Limit{})
		one, two := p.servers["one"], p.servers["two"]
		one.set(dead)
		id := p.put(tocsin.Warning)
		p.after(29 * time.Minute)
		if n := len(two.mails()); n != 0 {
			t.Errorf("got %d mails to the fallback too early", n)
		}
		p.after(2 * time.Minute)
		got := two.mails()
		if len(got) != 1 || !slices.Equal(got[0].events(), []string{id}) || !slices.Equal(got[0].to, []string{"sms@x.example"}) {
			t.Fatalf("got %v, want the event for the fallback", got)
		}
		if text := strings.ReplaceAll(string(got[0].data), "=\r\n", ""); !strings.Contains(text, "Note: mail.ops could not be reached since 2000-01-01 00:00:00") || !strings.Contains(text, "connect: refused") {
			t.Errorf("got no note in %.2000s", text)
		}
		if !slices.Equal(*told, []string{"failed sms"}) {
			t.Errorf("the engine heard of %q", *told)
		}
		p.after(5 * time.Hour)
		for range 3 {
			p.stop()
			start()
			p.after(5 * time.Hour)
		}
		if n := len(two.mails()); n != 1 {
			t.Errorf("got %d mails to the fallback, want one over restarts", n)
		}
		one.set(func(s *server) { s.dial = nil })
		p.after(time.Hour)
		p.idle()
		if n := len(one.mails()); n != 1 {
			t.Errorf("got %d mails to the notifier itself, want one at last", n)
		}
		events, err := p.Spool.Events()
		if err != nil || len(events) != 1 {
			t.Errorf("the spool knows %d events, %v, want one", len(events), err)
		}
		p.stop()
	})
}

// TestNoFallback is for what waits for another reason, or for nobody.
func TestNoFallback(t *testing.T) {
	limit := quota.Limit{RecipientsPerDay: 1}
	tests := []struct {
		name     string
		limit    quota.Limit
		severity tocsin.Severity
		stage    func(p *post)
		want     int // mails to the fallback
	}{
		{"it is delivered", quota.Limit{}, tocsin.Critical, func(*post) {}, 0},
		{"a person keeps it back", quota.Limit{}, tocsin.Critical, func(p *post) {
			p.servers["one"].set(dead)
			if err := p.Spool.PutOnHold(p.put(tocsin.Critical)); err != nil {
				p.t.Fatal(err)
			}
		}, 0},
		{"the limits keep a warning back", limit, tocsin.Warning, func(p *post) { p.put(tocsin.Warning); p.after(time.Second); p.put(tocsin.Warning) }, 0},
		{"the limits keep what is critical back", limit, tocsin.Critical, func(p *post) { p.put(tocsin.Critical); p.after(time.Second); p.put(tocsin.Critical) }, 1},
		{"the fallback has it anyway", quota.Limit{}, tocsin.Critical, func(p *post) {
			p.servers["one"].set(dead)
			ev := &tocsin.Event{ID: strings.Repeat("e", 32), Type: tocsin.Failed, At: time.Now()}
			item := spool.Item{ID: ev.ID, Queued: time.Now(), Event: ev, Targets: []spool.Target{p.setup.Mails[0].target(ev, 0), p.setup.Mails[1].target(ev, 0)}}
			if err := p.Spool.Put(item); err != nil {
				p.t.Fatal(err)
			}
		}, 1},
		{"it waits for a group", quota.Limit{}, tocsin.Critical, func(p *post) {
			ev := &tocsin.Event{ID: strings.Repeat("e", 32), Type: tocsin.Failed, At: time.Now()}
			item := spool.Item{ID: ev.ID, Queued: time.Now(), Event: ev, Targets: []spool.Target{p.setup.Mails[0].target(ev, 5*time.Hour)}}
			if err := p.Spool.Put(item); err != nil {
				p.t.Fatal(err)
			}
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _, _ := relieved(t, quota.Limit{})
				p.setup.Accounts[0].Limit = tt.limit
				p.Configure(t.Context(), p.setup)
				tt.stage(p)
				p.after(3 * time.Hour)
				if n := len(p.servers["two"].mails()); n != tt.want {
					t.Errorf("got %d mails to the fallback, want %d", n, tt.want)
				}
				p.stop()
			})
		})
	}
}

// TestARecoveryGoesWithItsFailure, to whoever hears of the failure in another's
// place; and a reload brings fallbacks.
func TestARecoveryGoesWithItsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, told, _ := relieved(t, quota.Limit{})
		p.servers["one"].set(dead)
		setup := p.setup
		setup.Mails = slices.Clone(setup.Mails)
		setup.Mails[0].Fallback = Fallback{}
		p.Configure(t.Context(), setup)
		for i, kind := range []tocsin.EventType{tocsin.Failed, tocsin.Recovered} {
			id := strings.Repeat(string("ab"[i]), 32)
			ev := &tocsin.Event{ID: id, Type: kind, Incident: "i", At: time.Now(), Since: time.Now(), Check: "c", Rule: "r"}
			if err := p.Spool.Put(spool.Item{ID: id, Queued: time.Now(), Event: ev, Targets: []spool.Target{p.setup.Mails[0].target(ev, 0)}}); err != nil {
				t.Fatal(err)
			}
			p.after(20 * time.Minute)
		}
		if n := len(p.servers["two"].mails()); n != 0 {
			t.Errorf("got %d mails without a fallback", n)
		}
		p.Configure(t.Context(), p.setup)
		p.after(2 * time.Minute) // a reload forgets that the server failed, so it is tried first
		var got []string
		for _, m := range p.servers["two"].mails() {
			got = append(got, m.events()...)
		}
		slices.Sort(got)
		if want := []string{strings.Repeat("a", 32), strings.Repeat("b", 32)}; !slices.Equal(got, want) {
			t.Errorf("got %q, want the failure and its end", got)
		}
		if !slices.Equal(*told, []string{"failed sms", "recovered sms"}) {
			t.Errorf("the engine heard of %q", *told)
		}
		p.stop()
	})
}

// TestAMailThatIsRefusedForNow is in flight, and its server is fine.
func TestAMailThatIsRefusedForNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := relieved(t, quota.Limit{})
		p.servers["one"].set(func(s *server) { s.send = func(string) (smtp.Status, error) { return smtp.Deferred, nil } })
		p.put(tocsin.Info)
		p.after(31 * time.Minute)
		if n := len(p.servers["two"].mails()); n != 1 {
			t.Errorf("got %d mails to the fallback, want one", n)
		}
		p.stop()
	})
}

// TestAMailThatIsRefused for good has nothing to wait for.
func TestAMailThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, told, _ := relieved(t, quota.Limit{})
		p.servers["one"].set(func(s *server) {
			s.send = func(string) (smtp.Status, error) { return smtp.Refused, nil }
		})
		id := p.put(tocsin.Info)
		p.after(time.Minute)
		got := p.servers["two"].mails()
		if len(got) != 1 || !slices.Equal(got[0].events(), []string{id}) || !slices.Equal(*told, []string{"failed sms"}) {
			t.Errorf("got %v, told %q, want the event for the fallback", got, *told)
		}
		p.after(3 * time.Hour)
		if n := len(p.servers["two"].mails()); n != 1 {
			t.Errorf("got %d mails to the fallback, want one", n)
		}
		p.stop()
	})
}

// TestASilenceIsNoDistress: what it holds back is due at its end, or when it was
// lifted.
func TestASilenceIsNoDistress(t *testing.T) {
	m := Mail{Name: "ops", To: []string{"a@x"}, Servers: []string{"one"}, Fallback: Fallback{30 * time.Minute, []string{"sms"}}}
	ev := &tocsin.Event{ID: "e", Type: tocsin.Failed}
	item := &spool.Item{ID: "e", Queued: noon(), Event: ev, Silence: &spool.Silence{Key: "k", Until: noon().Add(2 * time.Hour)}}
	for _, tt := range []struct {
		name    string
		now     time.Duration
		over    time.Duration // 0 is not silenced any more
		overdue bool
	}{
		{"silenced", time.Hour, 2 * time.Hour, false},
		{"made longer", 3 * time.Hour, 4 * time.Hour, false},
		{"just over", 2*time.Hour + time.Minute, 0, false},
		{"over for long", 2*time.Hour + 31*time.Minute, 0, true},
		{"lifted", time.Hour, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := distress{
				now: noon().Add(tt.now), setup: Setup{Mails: []Mail{m}}, pauses: map[string]Pause{"one": {Failures: 3, Reason: "refused"}},
				waiting: []spool.Waiting{{Item: item, Target: m.target(ev, 0)}},
				silenced: func(string, *tocsin.Event) time.Time {
					if tt.over == 0 {
						return time.Time{}
					}
					return noon().Add(tt.over)
				},
			}
			all, _ := b.overdue()
			if got := len(all) == 1; got != tt.overdue {
				t.Errorf("got %v overdue, want %v", got, tt.overdue)
			}
		})
	}
}
