package engine

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// heldChain is an engine that nobody runs, with n checks in one chain: the last
// one has failed, and all others are held behind it.
func heldChain(tb testing.TB, n int) *Engine {
	tb.Helper()
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	checks, _ := tower(names...)
	state, _, err := OpenState(filepath.Join(tb.TempDir(), "s"), time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	e := New("host", checks, state, &keeper{}, 0, slog.New(slog.DiscardHandler))
	long := time.Now().Add(-time.Hour)
	for i, w := range e.watches {
		s := RuleState{pending: long, Held: Held{Since: long, Cause: e.watches[n-1].ids[1]}}
		if i == n-1 {
			s = RuleState{Failed: true, Since: long, Incident: "one", pending: long}
		}
		e.rules[w.ids[1]] = s
	}
	return e
}

// readAll has every check read once, and it is bad.
func readAll(tb testing.TB, e *Engine) {
	tb.Helper()
	for _, w := range e.watches {
		now := time.Now()
		e.observe(tb.Context(), w, tocsin.Reading{At: now, Values: tocsin.ValuesOf(map[string]tocsin.Value{"bad": tocsin.Bool(true)})}, "", now)
	}
}

// BenchmarkHeldChain is one reading of each of 1,000 checks in one chain, all of
// them held.
func BenchmarkHeldChain(b *testing.B) {
	e := heldChain(b, 1000)
	readAll(b, e)
	for b.Loop() {
		readAll(b, e)
	}
}

// TestADeepChainCostsLittle: a chain of failures costs a look or two for each
// check, at its first reading after a start and at every other one.
func TestADeepChainCostsLittle(t *testing.T) {
	const n = 1000
	e := heldChain(t, n)
	e.freeAll(time.Now())
	if got := e.search.looks; got > 4*n {
		t.Errorf("after a reload %d checks were looked at for %d", got, n)
	}
	for range 3 {
		e.search.looks = 0
		readAll(t, e)
		if got := e.search.looks; got > 2*n {
			t.Errorf("%d checks were looked at for %d readings", got, n)
		}
	}
	for _, w := range e.watches[:n-1] {
		if s := e.rules[w.ids[1]]; !s.Held.IsHeld() || s.Held.Cause != "test.c999/r" || !w.freed.IsZero() {
			t.Fatalf("%s: got %+v, freed at %s", w.check.Name, s.Held, w.freed)
		}
	}
}

// TestTheNextCauseHolds when the one is over behind which a failure was held.
func TestTheNextCauseHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "app", "db", "fs")
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		defer stop()
		cause := func() string {
			status, err := e.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return status[0].Rules[1].State.Held.Cause
		}
		time.Sleep(time.Minute)
		for _, step := range []struct {
			name        string
			bad         bool
			event, want string
		}{
			{"db", true, "db/r failed", ""},
			{"web", true, "", "test.db/r"},
			{"fs", true, "fs/r failed", "test.db/r"},
			{"db", false, "db/r recovered", "test.fs/r"},
			{"app", true, "", "test.fs/r"},
			{"fs", false, "fs/r recovered", ""},
		} {
			sources[step.name].set(func(s *source) { s.bad = step.bad })
			time.Sleep(time.Minute)
			synctest.Wait()
			got := k.take()
			if step.event != "" && (len(got) == 0 || got[0] != step.event) || step.event == "" && len(got) > 0 {
				t.Errorf("%s: got %q, want %q", step.name, got, step.event)
			}
			if held := cause(); step.want != "" && held != step.want {
				t.Errorf("%s: held behind %q, want %q", step.name, held, step.want)
			}
		}
	})
}

// looked is how many checks a running engine has looked at since the last time.
func looked(e *Engine) int {
	looks := make(chan int, 1)
	e.inquiries <- func() {
		looks <- e.search.looks
		e.search.looks = 0
	}
	return <-looks
}

// TestAStormCostsLittle: the checks of a chain fail while the cause takes its time,
// and all wait for it. Each looks at all below it once; then at one check.
func TestAStormCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("c%d", i))
		}
		checks, sources := tower(names...)
		checks[n-1].Rules[0].For = 45 * time.Second
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		defer stop()
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(2 * time.Minute)
		wants(t, k, "c99/r failed")
		if got := looked(e); got > n*n {
			t.Errorf("%d checks were looked at until the cause had failed", got)
		}
		time.Sleep(10 * time.Minute)
		wants(t, k)
		if got, readings := looked(e), 61*n; got > 2*readings {
			t.Errorf("%d checks were looked at for %d readings", got, readings)
		}
	})
}

// TestTheMailSaysWhoWasNotRead since the cause failed, and how many are left out.
func TestTheMailSaysWhoWasNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("slow", "fs")
		checks[0].Interval = time.Hour
		for i := range 60 {
			c := watching(fmt.Sprintf("c%d", i), &source{})
			c.DependsOn = []string{"test.fs"}
			checks = append(checks, c)
		}
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		defer stop()
		time.Sleep(time.Hour + time.Minute)
		sources["fs"].set(func(s *source) { s.bad = true })
		time.Sleep(11 * time.Second) // a reading in it, also when one is due at both ends
		sources["fs"].set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		events := k.all()
		wants(t, k, "fs/r failed", "fs/r recovered")
		for i, want := range []tocsin.DependantState{tocsin.DependantUnread, tocsin.DependantFine} { // who depends on it is read at once
			if got := events[i]; len(got.Dependants) != 50 || got.MoreDependants != 11 {
				t.Fatalf("got %d dependants and %d more", len(got.Dependants), got.MoreDependants)
			}
			for _, d := range events[i].Dependants {
				if d.State != want {
					t.Errorf("%s: %s is %q, want %q", events[i].Type, d.Check, d.State, want)
				}
			}
		}
	})
}
