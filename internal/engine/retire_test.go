package engine

import (
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// TestAReloadBeginsAnew what another condition, or another thing to look at, has to
// wait for, and what was away; the rest goes on. The rule fails after a minute, and
// the reload comes after half of it.
func TestAReloadBeginsAnew(t *testing.T) {
	reload := func(t *testing.T, e *Engine, checks ...Check) {
		t.Helper()
		if err := e.Reload(t.Context(), "host", checks); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		does  func(a, b *Check)
		anew  bool
		leave bool // and the first reload leaves the rule out
	}{
		{name: "nothing", does: func(*Check, *Check) {}},
		{name: "another interval", does: func(a, _ *Check) { a.Interval = 5 * time.Second }},
		{name: "another rule beside it", does: func(a, _ *Check) {
			a.Rules = append([]Rule{{Name: "other", When: isBad{}, For: time.Hour, Explain: a.Rules[0].Explain}}, a.Rules...)
		}},
		{name: "another condition", anew: true, does: func(a, _ *Check) { a.Rules[0].Says = "worse" }},
		{name: "another path", anew: true, does: func(a, _ *Check) { a.Attributes = tocsin.Attributes{{Name: "path", Value: "/b"}} }},
		{name: "another path of what it refers to", anew: true, does: func(_, b *Check) { b.Attributes = tocsin.Attributes{{Name: "path", Value: "/b"}} }},
		{name: "the check away", anew: true, leave: true, does: func(*Check, *Check) {}},
	} {
		for _, times := range []int{0, 7} {
			synctest.Test(t, func(t *testing.T) {
				s, k := &source{bad: true}, &keeper{}
				checks := func(does func(a, b *Check)) []Check {
					a, b := watching("a", s), watching("b", &source{})
					a.Rules[0].Says, a.Rules[0].For, a.Rules[0].Refs = "bad", time.Minute, []Ref{{Check: "test.b", Metric: "bad"}}
					if times > 0 {
						a.Rules[0].For, a.Rules[0].Times, a.Rules[0].Within, a.Rules[0].Apart = 0, times, time.Hour, 10*time.Second
					}
					does(&a, &b)
					if len(a.Attributes) > 0 || a.Interval != 10*time.Second || len(a.Rules) > 1 || a.Rules[0].Says != "bad" {
						a.Fingerprint = "another"
					}
					if len(b.Attributes) > 0 {
						b.Fingerprint = "another b"
					}
					return []Check{a, b}
				}
				e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks(func(*Check, *Check) {})...)
				time.Sleep(35 * time.Second)
				if tt.leave {
					reload(t, e, checks(func(*Check, *Check) {})[1])
				}
				reload(t, e, checks(tt.does)...)
				time.Sleep(40 * time.Second)
				t.Logf("%s, times %d", tt.name, times)
				if tt.anew {
					wants(t, k)
					time.Sleep(40 * time.Second)
				}
				wants(t, k, "a/r failed")
				stop()
			})
		}
	}
}

// TestAnotherConditionIsNotHeld behind the cause of the one before.
func TestAnotherConditionIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "fs")
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		defer stop()
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(time.Minute)
		wants(t, k, "fs/r failed")
		checks = slices.Clone(checks)
		checks[0].Rules = slices.Clone(checks[0].Rules) // the engine has the others
		checks[0].Rules[0].Says, checks[0].Rules[0].For, checks[0].Fingerprint = "worse", 10*time.Minute, "another"
		sources["fs"].set(func(s *source) { s.bad = false })
		if err := e.Reload(t.Context(), "host", checks); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		wants(t, k, "fs/r recovered")
		time.Sleep(6 * time.Minute)
		wants(t, k, "web/r failed")
	})
}

// TestARuleThatIsLeftOut leaves nothing pending, also where its check stays.
func TestARuleThatIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		whole := watching("a", &source{bad: true})
		whole.Rules[0].For = time.Minute
		without := whole
		without.Rules, without.Fingerprint = nil, "without"
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, whole)
		time.Sleep(35 * time.Second)
		for _, c := range []Check{without, whole} {
			if err := e.Reload(t.Context(), "host", []Check{c}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(55 * time.Second)
		wants(t, k)
		time.Sleep(20 * time.Second)
		wants(t, k, "a/r failed")
		stop()
	})
}
