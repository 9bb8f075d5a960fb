package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// killed is a copy of what a kill -9 would leave on disk now.
func killed(t *testing.T, path string) string {
	t.Helper()
	time.Sleep(2 * saveAfter)
	synctest.Wait()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	left := path + ".killed"
	if err := os.WriteFile(left, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return left
}

// cutShort looks for the one event that says so.
func cutShort(t *testing.T, k *keeper, why string) {
	t.Helper()
	synctest.Wait()
	found := 0
	for _, ev := range k.all() {
		if ev.Name == "Execution failed" {
			found++
			if ev.Severity != tocsin.Warning || !strings.Contains(ev.Description, why) {
				t.Errorf("got %+v, want one that says %q", ev, why)
			}
		}
	}
	if found != 1 {
		t.Errorf("told %d times that the program was cut short, want once", found)
	}
}

// TestAProgramThatTheAgentCutsShort is told, at its end or by the next agent, and not
// run again.
func TestAProgramThatTheAgentCutsShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{}, &keeper{}
		c := serving(d, Exec)
		_, stop := running(t, path, k, c)
		time.Sleep(firstSpread)
		left := killed(t, path)
		stop()
		cutShort(t, k, "exec: cut short: the agent ended, after")
		wants(t, k, "a/r failed", "a/r action")
		_, stop = running(t, path, k, c)
		time.Sleep(time.Hour)
		wants(t, k)
		stop()

		c.Rules = nil // the rule has gone, but not what it began
		for range 2 {
			_, stop = running(t, left, k, c)
			time.Sleep(time.Hour)
			stop()
		}
		cutShort(t, k, "the agent ended before")
		wants(t, k, "a/r action", "a/r recovered")
		did(t, d)
	})
}

// TestAProgramThatEndsWithTheAgent has done what it should.
func TestAProgramThatEndsWithTheAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{}, &keeper{}
		c := serving(d, Exec)
		c.Rules[0].Exec = stubborn{deed{d, Exec}}
		_, stop := running(t, path, k, c)
		time.Sleep(firstSpread + 100*time.Millisecond)
		stop()
		did(t, d, "exec for failed")
		if all := k.all(); all[len(all)-1].Name != "Execution succeeded" {
			t.Errorf("got %+v", all)
		}
		wants(t, k, "a/r failed", "a/r action")
	})
}

// TestAnOwedProgramSurvives the end of the agent, also a hard one: it never began.
func TestAnOwedProgramSurvives(t *testing.T) {
	for _, hard := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "state.json")
		synctest.Test(t, func(t *testing.T) {
			k, r, d := &keeper{}, &teller{sum: "one"}, &daemon{}
			c := changing(r, d, Exec)
			c.Interval = 200 * time.Millisecond
			_, stop := running(t, path, k, c)
			time.Sleep(time.Minute)
			r.set("two")
			time.Sleep(300 * time.Millisecond)
			r.set("three")
			time.Sleep(300 * time.Millisecond)
			left := killed(t, path)
			stop()
			if hard {
				path, k = left, &keeper{}
			}
			did(t, d)
			for range 2 {
				_, stop = running(t, path, k, c)
				time.Sleep(time.Hour)
				stop()
			}
			cutShort(t, k, "the agent ended")
			did(t, d, "exec for reminder")
		})
	}
}

// TestWhatIsOwedIsForTheRuleThatOwesIt: one that was edited while the agent was
// stopped, to do something else, does nothing about what was.
func TestWhatIsOwedIsForTheRuleThatOwesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.json")
		state, _, err := OpenState(path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		state.Rules["test.a/r"] = RuleState{Owed: true, Seen: map[string]string{"sum": "one"}, Transition: 1}
		if err := state.Save(time.Now()); err != nil {
			t.Fatal(err)
		}
		d := &daemon{}
		c := changing(&teller{sum: "one"}, d, Restart)
		_, stop := running(t, path, &keeper{}, c)
		time.Sleep(time.Hour)
		stop()
		did(t, d)
	})
}

// TestAProgramThatWasNotBegun when the agent ended is run by the next one.
func TestAProgramThatWasNotBegun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{}, &keeper{}
		_, stop := running(t, path, slow{k, time.Second}, serving(d, Exec))
		time.Sleep(firstSpread)
		stop()
		wants(t, k, "a/r failed")
		did(t, d)
		_, stop = running(t, path, k, serving(d, Exec))
		time.Sleep(time.Hour)
		did(t, d, "exec for reminder")
		wants(t, k, "a/r action")
		stop()
	})
}

// TestWhatIsOwedIsNotOwedForEver: nobody wants it any more, and that is on disk.
func TestWhatIsOwedIsNotOwedForEver(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, e *Engine){
		"unmonitored": func(t *testing.T, e *Engine) { t.Helper(); obey(t, e, Unmonitor); obey(t, e, Monitor) },
		"taken away": func(t *testing.T, e *Engine) {
			t.Helper()
			if err := e.Reload(t.Context(), "host", nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		path := filepath.Join(t.TempDir(), "state.json")
		synctest.Test(t, func(t *testing.T) {
			k, r, d := &keeper{}, &teller{sum: "one"}, &daemon{}
			c := changing(r, d, Restart)
			e, stop := running(t, path, k, c)
			time.Sleep(time.Minute)
			r.set("two")
			time.Sleep(3 * time.Second)
			did(t, d, "restart for changed")
			r.set("three")
			time.Sleep(3 * time.Second)
			leave(t, e)
			stop()
			_, stop = running(t, path, k, c)
			time.Sleep(time.Hour)
			t.Log(name)
			did(t, d)
			stop()
		})
	}
}

// TestRollForwardKnowsWhatRuns when a crash came before the state was saved.
func TestRollForwardKnowsWhatRuns(t *testing.T) {
	c, now := serving(&daemon{}, Exec), time.Now()
	e := &Engine{}
	failed := raise("h", "e", &c, &c.Rules[0], RuleState{Owed: true}, tocsin.Failed, "", "", now)
	e.note(&failed, Decision{Verb: Exec}, &c.Rules[0])
	s := &State{Epoch: "e", Rules: map[string]RuleState{}}
	s.RollForward([]tocsin.Event{*failed.event})
	if got := s.Rules["test.a/r"]; !got.Runs || !got.Owed || !failed.state.Runs {
		t.Errorf("got %+v", got)
	}
	failed.state.Runs, failed.state.Owed = false, false
	s.RollForward([]tocsin.Event{*raise("h", "e", &c, &c.Rules[0], failed.state, tocsin.Action, "", "", now).event})
	if got := s.Rules["test.a/r"]; got.Runs || got.Owed {
		t.Errorf("after its end: got %+v", got)
	}
}

// stubborn is a program that ends in its own time.
type stubborn struct{ deed }

func (m stubborn) Do(ctx context.Context, ev *tocsin.Event) (string, error) {
	return m.deed.Do(context.WithoutCancel(ctx), ev)
}
