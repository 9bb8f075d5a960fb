package engine

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// changing is a check of a text whose rule does something about its changes.
func changing(r *teller, d *daemon, do Verb) Check {
	c := watching("a", r)
	c.Interval = 2 * time.Second
	c.Rules[0].When, c.Rules[0].Changes = hasChanged{}, []string{"sum"}
	c.Rules[0].Do, c.Rules[0].Exec = do, deed{d, Exec}
	c.Methods = map[Verb]Method{Restart: deed{d, Restart}}
	return c
}

// TestAChangeIsActedOnLater: one that comes while its program runs, or the service
// is at rest, once for all that came.
func TestAChangeIsActedOnLater(t *testing.T) {
	for _, tt := range []struct {
		do    Verb
		after time.Duration // the first change; the action takes a second
	}{{Restart, 3 * time.Second}, {Exec, 700 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			k, r, d := &keeper{}, &teller{sum: "one"}, &daemon{}
			c := changing(r, d, tt.do)
			c.Interval = 300 * time.Millisecond
			_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
			time.Sleep(time.Minute)
			r.set("two")
			time.Sleep(tt.after)
			r.set("three")
			time.Sleep(time.Hour)
			did(t, d, string(tt.do)+" for changed", string(tt.do)+" for reminder")
			stop()
		})
	}
}

// TestAnActionThatChangesWhatItIsAbout comes to an end.
func TestAnActionThatChangesWhatItIsAbout(t *testing.T) {
	for _, do := range []Verb{Restart, Exec} {
		synctest.Test(t, func(t *testing.T) {
			k, r := &keeper{}, &teller{sum: "one"}
			d := &daemon{}
			c := changing(r, d, do)
			c.Interval = 300 * time.Millisecond // a program that ends before it is seen begins anew, as ever
			touch := toucher{r, deed{d, do}}
			c.Rules[0].Exec, c.Methods = touch, map[Verb]Method{Restart: touch}
			_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
			time.Sleep(time.Minute)
			r.set("two")
			time.Sleep(time.Hour)
			if n := len(d.done()); n < 1 || n > 2 {
				t.Errorf("%s: done %d times, want once or twice", do, n)
			}
			stop()
		})
	}
}

// toucher is a method that changes what a teller tells, when it begins and when it ends.
type toucher struct {
	r *teller
	deed
}

func (m toucher) Do(ctx context.Context, ev *tocsin.Event) (string, error) {
	m.r.set("begun at " + time.Now().String())
	return m.deed.Do(ctx, ev)
}

// TestWhatIsOwedIsForgotten when the service was acted on for another reason, nobody
// wants it watched, or a reload has changed what its rules do.
func TestWhatIsOwedIsForgotten(t *testing.T) {
	for name, tt := range map[string]struct {
		rules int
		does  func(t *testing.T, e *Engine, c Check)
		want  []string
	}{
		"nothing":     {1, func(*testing.T, *Engine, Check) {}, []string{"restart for reminder"}},
		"another":     {2, nil, nil},
		"a person":    {1, func(t *testing.T, e *Engine, _ Check) { t.Helper(); obey(t, e, Restart) }, []string{"restart for action"}},
		"unmonitored": {1, func(t *testing.T, e *Engine, _ Check) { t.Helper(); obey(t, e, Unmonitor); obey(t, e, Monitor) }, nil},
		"a reload": {1, func(t *testing.T, e *Engine, c Check) {
			t.Helper()
			c.Fingerprint = "another"
			if err := e.Reload(t.Context(), "web-1", []Check{c}); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			k, r, d := &keeper{}, &teller{sum: "one"}, &daemon{}
			c := changing(r, d, Restart)
			for len(c.Rules) < tt.rules {
				again := c.Rules[0]
				again.Name = "other"
				c.Rules = append(c.Rules, again)
			}
			e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
			time.Sleep(time.Minute)
			r.set("two")
			time.Sleep(3 * time.Second)
			did(t, d, "restart for changed")
			if tt.does != nil {
				r.set("three")
				time.Sleep(2500 * time.Millisecond) // until it was read
				tt.does(t, e, c)
			}
			time.Sleep(time.Hour)
			t.Log(name)
			did(t, d, tt.want...)
			stop()
		})
	}
}

// TestHeldUp: what an agent was stopped itself for did not hang.
func TestHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{hang: make(chan struct{})}
		e := New("host", []Check{watching("a", s)}, &State{Rules: map[string]RuleState{}}, &keeper{}, 0, slog.New(slog.DiscardHandler))
		w, now := e.watches[0], time.Now()
		for _, tt := range []struct {
			late, after time.Duration
			want        bool
		}{{0, 4 * time.Second, false}, {heldUp - 1, 5 * time.Second, true}, {6 * time.Second, 10 * time.Second, false}, {6 * time.Second, 11 * time.Second, true}} {
			w.started, w.late, w.excused = now, false, 0
			e.excuse(tt.late)
			e.tick(t.Context(), now.Add(tt.after))
			if w.late != tt.want {
				t.Errorf("%s after its begin, held up for %s: got late %v", tt.after, tt.late, w.late)
			}
		}
	})
}

// TestOwes says what is left to be done.
func TestOwes(t *testing.T) {
	program, restart := &Rule{Do: Exec}, &Rule{Do: Restart, Changes: []string{"m"}}
	for name, tt := range map[string]struct {
		rule *Rule
		s    Situation
		want bool
	}{
		"a program that runs":             {program, Situation{Event: tocsin.Failed, Executes: true}, true},
		"still":                           {program, Situation{State: RuleState{Owed: true}, Executes: true}, true},
		"recovered":                       {program, Situation{Event: tocsin.Recovered, State: RuleState{Owed: true}}, false},
		"a change by what was owed":       {program, Situation{Event: tocsin.Changed, State: RuleState{repaid: true}, Executes: true}, false},
		"nothing happened":                {program, Situation{Executes: true}, false},
		"a service at rest":               {restart, Situation{Event: tocsin.Changed}, true},
		"a service that settles":          {restart, Situation{Event: tocsin.Changed, Settling: true}, false},
		"a service that was acted on for": {restart, Situation{Event: tocsin.Changed, State: RuleState{repaid: true}}, false},
		"a failure, which lasts":          {&Rule{Do: Restart}, Situation{Event: tocsin.Failed}, false},
		"to be told":                      {&Rule{}, Situation{Event: tocsin.Failed}, false},
	} {
		if got := tt.s.owes(tt.rule); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := Decide(restart, Situation{Event: tocsin.Recovered, State: RuleState{Owed: true}}, time.Now()); got != (Decision{}) {
		t.Errorf("of a rule that was another one: got %v", got)
	}
}

func obey(t *testing.T, e *Engine, verb Verb) {
	t.Helper()
	if err := e.Obey(t.Context(), Order{Verb: verb, Names: []string{"a"}, By: "alice"}); err != nil {
		t.Fatal(err)
	}
}
