package engine

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// tower is a check on top of another, each with a source: web on app on db on
// fs.
func tower(names ...string) ([]Check, map[string]*source) {
	sources := make(map[string]*source)
	var checks []Check
	for i, name := range names {
		sources[name] = &source{}
		c := watching(name, sources[name])
		if i+1 < len(names) {
			c.DependsOn = []string{"test." + names[i+1]}
		}
		checks = append(checks, c)
	}
	return checks, sources
}

func setAll(sources map[string]*source, bad bool) {
	for _, s := range sources {
		s.set(func(s *source) { s.bad = bad })
	}
}

// spelled are the dependants of an event.
func spelledOut(ev tocsin.Event) string {
	var words []string
	for _, d := range ev.Dependants {
		words = append(words, strings.TrimSuffix(fmt.Sprintf("%s %s %s", d.Check, d.State, d.Rule), " "))
	}
	return strings.Join(words, ", ")
}

// TestOneCauseIsToldOnce: whoever notices first, one mail goes out.
func TestOneCauseIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "app", "db", "fs")
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(15 * time.Second)
		wants(t, k, "fs/r failed")
		time.Sleep(time.Hour)
		wants(t, k)
		status, err := e.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range status[:3] {
			if s := c.Rules[1].State; s.Failed || s.Held.Cause != "test.fs/r" {
				t.Errorf("%s: got %+v", c.Name, s)
			}
		}
		setAll(sources, false)
		time.Sleep(time.Minute)
		events := k.all()
		wants(t, k, "fs/r recovered")
		if got := strings.ReplaceAll(spelledOut(events[0]), "recovered", "held"); got != "web held r, app held r, db held r" { // who was read before is chance
			t.Errorf("got %q", got)
		}
		time.Sleep(time.Hour)
		wants(t, k)
		stop()
	})
}

// TestWhatOutlivesItsCauseIsTold, with when it began.
func TestWhatOutlivesItsCauseIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "app", "db", "fs")
		k := &keeper{}
		_, stop := running(t, path, k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		broken := time.Now()
		time.Sleep(time.Minute)
		wants(t, k, "fs/r failed")
		stop() // a crash or a stop loses nothing of it
		_, stop = running(t, path, k, checks...)
		time.Sleep(time.Minute)
		wants(t, k)
		sources["fs"].set(func(s *source) { s.bad = false })
		sources["web"].set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		events := k.all()
		wants(t, k, "fs/r recovered", "db/r failed")
		if since := events[1].Since.Sub(broken); since < 0 || since > 10*time.Second {
			t.Errorf("it began %s after it broke", since)
		}
		sources["db"].set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		wants(t, k, "db/r recovered", "app/r failed")
		sources["app"].set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		wants(t, k, "app/r recovered")
		stop()
	})
}

// TestAServiceMayComeBackAfterItsCause: one that does so within ten seconds has
// not failed on its own.
func TestAServiceMayComeBackAfterItsCause(t *testing.T) {
	for back, want := range map[time.Duration][]string{
		8 * time.Second:  nil,
		30 * time.Second: {"db/r failed", "db/r recovered"},
	} {
		synctest.Test(t, func(t *testing.T) {
			checks, sources := tower("db", "fs")
			k := &keeper{}
			_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, checks...)
			time.Sleep(time.Minute)
			setAll(sources, true)
			time.Sleep(time.Minute)
			wants(t, k, "fs/r failed")
			sources["fs"].set(func(s *source) { s.bad = false })
			soon(t, k, "fs/r recovered")
			time.Sleep(back)
			sources["db"].set(func(s *source) { s.bad = false })
			time.Sleep(time.Minute)
			wants(t, k, want...)
			stop()
		})
	}
}

// TestOnlyWhatMattersAsMuchHolds a failure.
func TestOnlyWhatMattersAsMuchHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		checks[0].Rules[0].Severity = tocsin.Critical
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		sources["fs"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "fs/r failed")
		sources["web"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "web/r failed")
		setAll(sources, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := k.take(); len(got) != 2 {
			t.Errorf("got %q", got)
		}
		stop()
	})
}

// TestACauseThatTakesItsTime: a failure waits for what has begun to fail below,
// up to two minutes; and not for long for what does not answer.
func TestACauseThatTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		checks[1].Rules[0].For = 45 * time.Second
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(70 * time.Second)
		events := k.all()
		wants(t, k, "fs/r failed")
		if got := spelledOut(events[0]); got != "web held r" {
			t.Errorf("got %q", got)
		}
		setAll(sources, false)
		time.Sleep(time.Minute)
		wants(t, k, "fs/r recovered")
		// It only twitches: what is above is told.
		setAll(sources, true)
		time.Sleep(20 * time.Second)
		wants(t, k)
		sources["fs"].set(func(s *source) { s.bad = false })
		time.Sleep(12 * time.Second)
		wants(t, k, "web/r failed")
		setAll(sources, false)
		time.Sleep(time.Minute)
		wants(t, k, "web/r recovered")
		stop()
	})
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		checks[1].Rules[0].For = time.Hour
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(119 * time.Second)
		wants(t, k)
		time.Sleep(12 * time.Second)
		wants(t, k, "web/r failed") // told, and the other one in time
		release := make(chan struct{})
		setAll(sources, false)
		time.Sleep(time.Minute)
		wants(t, k, "web/r recovered")
		time.Sleep(5 * time.Second)
		sources["fs"].set(func(s *source) { s.hang = release })
		sources["web"].set(func(s *source) { s.bad = true })
		time.Sleep(40 * time.Second)
		if got := k.take(); !slices.Contains(got, "web/r failed") && !slices.Contains(got, "fs/data failed") {
			t.Errorf("got %q", got)
		}
		sources["fs"].set(func(s *source) { s.hang = nil })
		close(release)
		stop()
	})
}

// TestWhatIsHeldIsFreed when nobody watches the cause any more, and when the rule
// file says that nothing depends on it.
func TestWhatIsHeldIsFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(time.Minute)
		wants(t, k, "fs/r failed")
		loose := slices.Clone(checks)
		loose[0].DependsOn = nil
		if err := e.Reload(t.Context(), "host", loose); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wants(t, k, "web/r failed")
		if err := e.Reload(t.Context(), "host", checks); err != nil {
			t.Fatal(err)
		}
		sources["web"].set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		wants(t, k, "web/r recovered")
		sources["web"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k)
		// Nobody watches web, which was held; then it is watched, and fine.
		if err := e.Reload(t.Context(), "host", checks[1:]); err != nil {
			t.Fatal(err)
		}
		sources["web"].set(func(s *source) { s.bad = false })
		if err := e.Reload(t.Context(), "host", checks); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wants(t, k)
		stop()
	})
}

// TestNothingIsToldOfAMachineThatGoesDown, though a failure waits to be told.
func TestNothingIsToldOfAMachineThatGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		checks[1].Rules[0].For = time.Hour
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(20 * time.Second)
		e.Quiet(true)
		time.Sleep(time.Hour)
		wants(t, k)
		e.Quiet(false)
		time.Sleep(3 * time.Minute)
		if got := k.take(); !slices.Contains(got, "web/r failed") && !slices.Contains(got, "fs/r failed") {
			t.Errorf("got %q", got)
		}
		stop()
	})
}

// TestWhatCannotBeReadIsACauseOnceItWasTold: the failure above waits for that.
func TestWhatCannotBeReadIsACauseOnceItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		sources["fs"].set(func(s *source) { s.err = errors.New("input/output error") })
		sources["web"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "fs/data failed")
		sources["fs"].set(func(s *source) { s.err = nil })
		time.Sleep(time.Minute)
		wants(t, k, "fs/data recovered", "web/r failed")
		stop()
	})
}

// TestJudge has the decision by itself.
func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	one := func(b Below, rules ...BelowRule) []Below {
		b.Timeout, b.Rules = 5*time.Second, rules
		return []Below{b}
	}
	failed := BelowRule{ID: "r", Severity: tocsin.Warning, Failed: true}
	tests := []struct {
		name     string
		severity tocsin.Severity
		below    []Below
		asked    time.Duration // ago
		want     Judgment
	}{
		{"nothing below", tocsin.Warning, nil, 0, Judgment{}},
		{"a failure below", tocsin.Warning, one(Below{}, failed), 0, Judgment{Cause: "r"}},
		{"one that matters less", tocsin.Critical, one(Below{Read: true}, failed), 0, Judgment{}},
		{"one that nobody watches", tocsin.Warning, one(Below{Given: true, Deaf: true}, failed), 0, Judgment{}},
		{"one that the agent gave up", tocsin.Warning, one(Below{Deaf: true}, failed), 0, Judgment{Cause: "r"}},
		{"not read as yet", tocsin.Warning, one(Below{}, BelowRule{}), 0, Judgment{Wait: now.Add(5 * time.Second)}},
		{"not read in time", tocsin.Warning, one(Below{}, BelowRule{}), 5 * time.Second, Judgment{}},
		{"never read when asked", tocsin.Warning, one(Below{Deaf: true}, BelowRule{}), 0, Judgment{}},
		{"read", tocsin.Warning, one(Below{Read: true}, BelowRule{}), time.Second, Judgment{}},
		{"about to fail", tocsin.Warning, one(Below{Read: true}, BelowRule{Severity: tocsin.Warning, Due: now.Add(time.Minute)}), 0, Judgment{Wait: now.Add(65 * time.Second)}},
		{"about to fail, and less", tocsin.Critical, one(Below{Read: true}, BelowRule{Severity: tocsin.Warning, Due: now.Add(time.Minute)}), 0, Judgment{}},
		{"about to fail much later", tocsin.Warning, one(Below{Read: true}, BelowRule{Severity: tocsin.Warning, Due: now.Add(time.Hour)}), time.Minute, Judgment{Wait: now.Add(time.Minute)}},
		{"undecided", tocsin.Info, one(Below{Read: true}, BelowRule{Undecided: true}), 0, Judgment{Wait: now.Add(2 * time.Minute)}},
		{"undecided for long", tocsin.Info, one(Below{Read: true}, BelowRule{Undecided: true}), 2 * time.Minute, Judgment{}},
		{"under way", tocsin.Info, one(Below{Read: true, Busy: true}), time.Minute, Judgment{Wait: now.Add(time.Minute)}},
	}
	for _, tt := range tests {
		if got := Judge(tt.severity, tt.below, now.Add(-tt.asked), now); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestAGivenUpCauseStillHolds what depends on it, until somebody has it
// monitored again.
func TestAGivenUpCauseStillHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, _ := stack("web", "db")
		checks[1].Rules[0].Do, checks[1].Limit = Start, Limit{1, time.Hour}
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		for _, d := range daemons {
			d.set(func(d *daemon) { d.up, d.dud = false, true })
		}
		time.Sleep(time.Hour)
		events := k.all()
		wants(t, k, "db/r failed", "db/r action", "db/r action")
		if got := events[2]; got.Name != "Timeout" || idles(t, e) != "db" {
			t.Errorf("got %+v, unmonitored: %q", got, idles(t, e))
		}
		daemons["db"].set(func(d *daemon) { d.up, d.dud = true, false })
		asks(t, e, Monitor, "", "db")
		time.Sleep(time.Minute)
		wants(t, k, "db/r recovered", "web/r failed")
		stop()
	})
}

// TestWhatIsHeldFollowsNothing: nobody is reminded of it or called because of it,
// and who is called because of the cause reads what depends on it.
func TestWhatIsHeldFollowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		for i := range checks {
			checks[i].Rules[0].FollowUp = func(time.Time) FollowUp {
				return FollowUp{Reminder: 20 * time.Minute, Escalations: []Escalation{{"boss", 10 * time.Minute}}}
			}
		}
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(30 * time.Minute)
		events := k.all()
		wants(t, k, "fs/r failed", "fs/r escalation", "fs/r reminder")
		for _, ev := range events[1:] {
			if got := spelledOut(ev); got != "web held r" {
				t.Errorf("%s: got %q", ev.Type, got)
			}
		}
		setAll(sources, false)
		time.Sleep(time.Minute)
		wants(t, k, "fs/r recovered")
		stop()
	})
}
