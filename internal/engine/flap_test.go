package engine

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// flapping steps a rule through a time in which it fails in some readings, one
// every ten seconds, and returns its events.
func flapping(r *Rule, s RuleState, start time.Time, last time.Duration, fails func(since time.Duration) bool) ([]*tocsin.Event, RuleState) {
	var events []*tocsin.Event
	check := &Check{Kind: "k", Name: "n"}
	for since := time.Duration(0); since < last; since += 10 * time.Second {
		o := Observation{When: False}
		if fails(since) {
			o.When = True
		}
		next, kind := Step(r, s, o, start.Add(since))
		s = next
		if kind != "" {
			t := raise("h", "e", check, r, s, kind, "x", "", start.Add(since))
			events, s = append(events, t.event), t.state
		}
	}
	return events, s
}

// TestANightOfFlapping: each failure at once until the delay is longer than the
// good spells, then nothing until it is over, and every failure is counted.
func TestANightOfFlapping(t *testing.T) {
	r := &Rule{Name: "r", Delay: time.Minute}
	start := time.Date(2026, 1, 1, 22, 0, 0, 0, time.UTC)
	const night = 8 * time.Hour
	events, s := flapping(r, RuleState{}, start, night+2*time.Hour, func(since time.Duration) bool {
		return since < night && since%(10*time.Minute) < time.Minute
	})
	var got []string
	for _, ev := range events {
		got = append(got, fmt.Sprintf("%s %s %s", ev.At.Sub(start), ev.Type, ev.Description))
	}
	want := `
0s failed x
2m0s recovered x
10m0s failed x (failed 2 times in 10m)
13m0s recovered x (failed 2 times in 13m)
20m0s failed x (failed 3 times in 20m)
25m0s recovered x (failed 3 times in 25m)
30m0s failed x (failed 4 times in 30m)
39m0s recovered x (failed 4 times in 39m)
40m0s failed x (failed 5 times in 40m)
8h7m0s recovered x (failed 48 times in 8h7m)`
	if text := "\n" + strings.Join(got, "\n"); text != want {
		t.Errorf("got%s\nwant%s", text, want)
	}
	// It was fine for three hours: the delay has halved as often.
	before := hold(r, s)
	s.Told = start.Add(night)
	s.Flap = flap(r, s, start.Add(night+3*time.Hour))
	if got := hold(r, s); got != before/8 || s.Flap.Failures != 1 {
		t.Errorf("got a delay of %v after %v and %d failures", got, before, s.Flap.Failures)
	}
	// And after a day it is the first one.
	s.Flap = flap(r, s, start.Add(32*time.Hour))
	if got := hold(r, s); got != time.Minute {
		t.Errorf("got a delay of %v after a day", got)
	}
}

// TestTheDelayIsBounded however long it flaps.
func TestTheDelayIsBounded(t *testing.T) {
	r := &Rule{Name: "r", Delay: time.Minute}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	events, s := flapping(r, RuleState{}, start, 200*time.Hour, func(since time.Duration) bool {
		return since%(65*time.Minute) < time.Minute
	})
	if got := hold(r, s); got > MaxDelay || s.Flap.Level > 6 {
		t.Errorf("got a delay of %v on level %d", got, s.Flap.Level)
	}
	if n := len(events); n < 300 {
		t.Errorf("got %d events, want a pair every 65 minutes", n)
	}
}

// TestFlappingSurvivesARestart: the delay and the count go on.
func TestFlappingSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{}, &keeper{}
		check := watching("a", s)
		check.Rules[0].Delay = time.Minute
		for range 4 { // each restart in the middle of the incident
			_, stop := running(t, path, k, check)
			time.Sleep(5 * time.Second) // between two readings
			for _, bad := range []bool{true, false, true, false} {
				s.set(func(s *source) { s.bad = bad })
				time.Sleep(30 * time.Second)
			}
			stop()
		}
		_, stop := running(t, path, k, check)
		time.Sleep(5 * time.Minute)
		stop()
		k.mu.Lock()
		defer k.mu.Unlock()
		if len(k.events) != 2 {
			t.Fatalf("got %d events, want failed and recovered", len(k.events))
		}
		if got := k.events[1]; got.Mark.Flap.Failures != 8 || got.Type != tocsin.Recovered || !strings.Contains(got.Description, "(failed 8 times in 9m") {
			t.Errorf("got %v %q %+v, want two failures of each run", got.Type, got.Description, got.Mark.Flap)
		}
		if saved, _, err := OpenState(path, time.Now()); err != nil || saved.Rules["test.a/r"].Flap != k.events[1].Mark.Flap {
			t.Errorf("got %+v saved, %v, want %+v", saved.Rules["test.a/r"].Flap, err, k.events[1].Mark.Flap)
		}
	})
}
