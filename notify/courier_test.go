package notify

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
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

func TestAMailGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		p.put(tocsin.Warning)
		p.after(time.Millisecond)
		if m := p.servers["one"].mails(); len(m) != 1 || len(m[0].to) != 2 {
			t.Fatalf("got %v", m)
		}
		p.put(tocsin.Warning)
		p.after(time.Millisecond)
		if n := p.servers["one"].dialed(); n != 1 {
			t.Errorf("dialed %d times, want one connection reused", n)
		}
		p.after(time.Minute)
		p.put(tocsin.Warning)
		p.after(time.Millisecond)
		if n := p.servers["one"].dialed(); n != 2 {
			t.Errorf("dialed %d times, want an idle connection closed", n)
		}
		p.idle()
		p.stop()
	})
}

func TestADeadServerBurnsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		one.set(func(s *server) { s.dial = &smtp.Failure{Phase: smtp.PhaseConnect, Err: errors.New("refused")} })
		for range 3 {
			p.put(tocsin.Warning)
		}
		p.after(24 * time.Hour)
		if n := one.dialed(); n < 40 || n > 110 {
			t.Errorf("dialed %d times in a day, want one probe at a time and slower and slower", n)
		}
		if a := p.Accounts()[0]; a.Pause.Reason != "connect: refused" || a.Pause.Failures != one.dialed() {
			t.Errorf("got %+v", a)
		}
		p.stop()
		one.set(func(s *server) { s.dial = nil })
		p.start()
		p.after(time.Hour)
		p.idle()
		if got := one.mails(); len(got) != 3 {
			t.Errorf("got %d mails, want 3, each once", len(got))
		}
		p.stop()
	})
}

func TestAWrongPasswordIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		one.set(func(s *server) {
			s.dial = &smtp.Failure{Class: smtp.AuthBroken, Phase: smtp.PhaseAuth, Err: errors.New("535")}
		})
		p.put(tocsin.Critical)
		p.after(time.Minute)
		for range 5 { // a crash loop
			p.stop()
			p.start()
			p.after(time.Second)
		}
		if n := one.dialed(); n > 2 {
			t.Errorf("logged in %d times in a minute", n)
		}
		one.set(func(s *server) { s.dial = nil })
		p.Lift() // the password was mended
		p.after(time.Second)
		p.idle()
		p.stop()
	})
}

func TestRecipientsHaveVerdictsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		tries := map[string]int{}
		one.set(func(s *server) {
			s.send = func(to string) (smtp.Status, error) {
				tries[to]++
				if strings.HasPrefix(to, "b@") && tries[to] < 3 {
					return smtp.Deferred, nil
				}
				return smtp.Accepted, nil
			}
		})
		p.put(tocsin.Warning)
		p.after(time.Hour)
		p.idle()
		got := one.mails()
		if len(got) != 2 || !slices.Equal(got[0].to, []string{"a@x.example"}) || !slices.Equal(got[1].to, []string{"b@x.example"}) {
			t.Fatalf("got %v, want a at once and b alone later", got)
		}
		if !bytes.Equal(got[0].data, got[1].data) {
			t.Error("the second try was another mail")
		}
		p.stop()
	})
}

func TestARefusedMailGoesToBadmail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		p.servers["one"].set(func(s *server) {
			s.send = func(string) (smtp.Status, error) {
				return smtp.Refused, &smtp.Failure{Scope: smtp.Message, Class: smtp.Permanent, Phase: smtp.PhaseDot}
			}
		})
		p.put(tocsin.Warning)
		p.after(time.Minute)
		p.idle()
		if l, err := spool.List(filepath.Join(p.dir, "spool")); err != nil || l.Badmail != 1 {
			t.Errorf("got %+v, %v, want one badmail", l, err)
		}
		p.stop()
	})
}

func TestWhatNeverGoesIsGivenUpAfterFiveDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		p.servers["one"].set(func(s *server) { s.send = func(string) (smtp.Status, error) { return smtp.Deferred, nil } })
		p.put(tocsin.Warning)
		p.after(4 * 24 * time.Hour)
		if len(p.Spool.Letters()) != 1 {
			t.Error("it was given up too early")
		}
		p.after(26 * time.Hour)
		p.idle()
		if l, err := spool.List(filepath.Join(p.dir, "spool")); err != nil || l.Badmail != 1 {
			t.Errorf("got %+v, %v, want one badmail", l, err)
		}
		p.stop()
	})
}

func TestTheNextServerIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one", "two")
		p.servers["one"].set(func(s *server) { s.dial = &smtp.Failure{Phase: smtp.PhaseConnect, Err: errors.New("refused")} })
		p.put(tocsin.Warning)
		p.after(time.Second)
		p.idle()
		if n := len(p.servers["two"].mails()); n != 1 {
			t.Errorf("the second server got %d mails, want 1", n)
		}
		p.stop()
	})
}

// TestLimitsHoldAcrossRestarts puts a storm into a courier of five recipients a
// minute that is killed again and again.
func TestLimitsHoldAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{RecipientsPerMinute: 5}, "one")
		want := map[string]int{}
		for range 40 {
			want[p.put(tocsin.Warning)] = 0
		}
		for range 10 {
			p.after(20 * time.Second)
			p.stop()
			p.start()
		}
		p.after(10 * time.Minute)
		p.idle()
		mails := p.servers["one"].mails()
		seen := map[string]string{}
		for i, m := range mails {
			inWindow := 0
			for _, other := range mails[:i+1] {
				if m.at.Sub(other.at) <= time.Minute {
					inWindow += len(other.to)
				}
			}
			if inWindow > 5 {
				t.Errorf("%d recipients within a minute at %v", inWindow, m.at)
			}
			for _, id := range m.events() {
				if before, ok := seen[id]; ok && before != string(m.data) {
					t.Errorf("event %s is in two different mails", id)
				}
				seen[id] = string(m.data)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%d of %d events arrived in %d mails", len(seen), len(want), len(mails))
		}
		p.stop()
	})
}

func TestCriticalHasItsReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{RecipientsPerDay: 20}, "one")
		for range 30 {
			p.put(tocsin.Warning)
			p.after(time.Minute)
		}
		if n := len(p.servers["one"].mails()); n != 4 { // two recipients each, half of 16 of 20
			t.Errorf("%d mails went in half an hour, want 4", n)
		}
		for range 23 * 60 {
			p.put(tocsin.Warning)
			p.after(time.Minute)
		}
		before := len(p.servers["one"].mails())
		if before < 8 || before > 9 { // of 20 recipients 2 are kept at all times
			t.Errorf("%d mails went in a day, want 8 or 9", before)
		}
		p.put(tocsin.Critical)
		p.after(time.Second)
		if n := len(p.servers["one"].mails()); n != before+1 {
			t.Errorf("the critical event waits behind the others")
		}
		p.after(48 * time.Hour)
		p.idle()
		p.stop()
	})
}

func TestStopCutsAMailThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		p.servers["one"].set(func(s *server) { s.hang = true })
		p.put(tocsin.Warning)
		p.after(time.Second)
		began := time.Now()
		p.stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the stop took %s", took)
		}
		p.servers["one"].set(func(s *server) { s.hang = false })
		p.start()
		p.after(time.Minute)
		p.idle()
		p.stop()
	})
}

func TestAReloadKeepsMailOfARemovedNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		one.set(func(s *server) { s.dial = &smtp.Failure{Phase: smtp.PhaseConnect, Err: errors.New("refused")} })
		p.put(tocsin.Warning)
		p.after(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		p.setup.Mails = nil
		p.Configure(ctx, p.setup)
		one.set(func(s *server) { s.dial = nil })
		p.after(time.Hour)
		p.idle()
		if m := one.mails(); len(m) != 1 || len(m[0].to) != 2 {
			t.Errorf("got %v, want the mail to both", m)
		}
		cancel()
		p.stop()
	})
}
