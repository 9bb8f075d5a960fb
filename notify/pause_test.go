package notify

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/notify/provider"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
)

func TestPauseAfterAFailure(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name        string
		failures    int
		failure     smtp.Failure
		least, most time.Duration
	}{
		{"schedule", 0, smtp.Failure{}, 12 * time.Second, 18 * time.Second},
		{"quota", 0, smtp.Failure{Class: smtp.QuotaReached}, 48 * time.Minute, 72 * time.Minute},
		{"quota for 15 minutes", 5, smtp.Failure{Class: smtp.QuotaReached, Pause: provider.Pause{For: 15 * time.Minute}}, 15 * time.Minute, 16 * time.Minute},
		{"quota until midnight in China", 0, smtp.Failure{Class: smtp.QuotaReached, Pause: provider.Pause{Day: true}}, 6*time.Hour + 5*time.Minute, 6*time.Hour + 24*time.Minute},
		{"Yandex", 0, smtp.Failure{Class: smtp.QuotaReached, Pause: provider.Pause{For: 24 * time.Hour, Firm: true}}, 24 * time.Hour, longestPause},
		{"login, at least 30 minutes", 0, smtp.Failure{Class: smtp.AuthBroken, Pause: provider.Pause{For: 30 * time.Minute}}, 30 * time.Minute, 32 * time.Minute},
		{"login, an hour by now", 5, smtp.Failure{Class: smtp.AuthBroken, Pause: provider.Pause{For: 30 * time.Minute}}, 48 * time.Minute, 72 * time.Minute},
		{"too many logins", 0, smtp.Failure{Pause: provider.Pause{For: 15 * time.Minute}}, 15 * time.Minute, 16 * time.Minute},
	} {
		for range 100 {
			p := Pause{Failures: tt.failures}.after(&tt.failure, nil, now)
			if d := p.Until.Sub(now); d < tt.least || d > tt.most || p.Firm != tt.failure.Pause.Firm {
				t.Errorf("%s: got %v, firm %v, want %v to %v", tt.name, d, p.Firm, tt.least, tt.most)
			}
		}
	}
}

// TestAFirmPauseIsNeverProbed tries all that ends other pauses.
func TestAFirmPauseIsNeverProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		one.set(func(s *server) {
			s.dial = &smtp.Failure{
				Class: smtp.QuotaReached, Phase: smtp.PhaseMail, Err: errors.New("550"),
				Pause: provider.Pause{For: 24 * time.Hour, Firm: true},
			}
		})
		p.put(tocsin.Critical)
		p.after(time.Minute)
		p.Lift()
		p.Hurry()
		p.after(time.Minute)
		p.stop()
		p.start() // a restart
		p.put(tocsin.Critical)
		p.after(time.Minute)
		p.setup.Accounts[0].Timeout = time.Minute
		p.Configure(t.Context(), p.setup) // a reload
		p.after(23 * time.Hour)
		if n := one.dialed(); n != 1 {
			t.Errorf("the server was asked %d times within a day, want once", n)
		}
		one.set(func(s *server) { s.dial = nil })
		p.after(3 * time.Hour)
		p.idle()
		p.stop()
	})
}

// TestAnotherLoginEndsAFirmPause is for a block that now is another account.
func TestAnotherLoginEndsAFirmPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, quota.Limit{}, "one")
		one := p.servers["one"]
		one.set(func(s *server) {
			s.dial = &smtp.Failure{Class: smtp.QuotaReached, Pause: provider.Pause{For: 24 * time.Hour, Firm: true}}
		})
		p.put(tocsin.Warning)
		p.after(time.Minute)
		one.set(func(s *server) { s.dial = nil })
		changed := p.setup
		changed.Accounts = []Account{p.setup.Accounts[0]}
		changed.Accounts[0].Username = "you@x.example"
		p.Configure(t.Context(), changed)
		p.after(time.Minute)
		p.idle()
		p.stop()
	})
}
