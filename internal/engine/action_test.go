package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// daemon is a service that runs or not; its methods take a second.
type daemon struct {
	mu    sync.Mutex
	up    bool
	dud   bool // it does not come up
	deaf  bool // it does not go
	fails error
	did   []string
}

func (d *daemon) Read(context.Context) (tocsin.Reading, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return tocsin.Reading{At: time.Now(), Values: tocsin.ValuesOf(map[string]tocsin.Value{"exists": tocsin.Bool(d.up), "bad": tocsin.Bool(!d.up)})}, nil
}

func (d *daemon) set(f func(d *daemon)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

func (d *daemon) done() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	did := d.did
	d.did = nil
	return did
}

// deed is one method of a daemon.
type deed struct {
	of   *daemon
	verb Verb
}

func (m deed) Do(ctx context.Context, ev *tocsin.Event) (string, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	m.of.did = append(m.of.did, fmt.Sprintf("%s for %s", m.verb, ev.Type))
	switch {
	case m.of.fails != nil:
		return "no permission", m.of.fails
	case m.verb == Stop:
		m.of.up = m.of.deaf
	case m.verb == Exec:
	default:
		m.of.up = !m.of.dud
	}
	return "", nil
}

// serving is a check of a daemon whose rule does something about its end.
func serving(d *daemon, do Verb, verbs ...Verb) Check {
	c := watching("a", d)
	c.Exists, c.Patience, c.Limit = true, 30*time.Second, Limit{3, time.Hour}
	c.Rules[0].Do, c.Rules[0].Exec = do, deed{d, Exec}
	c.Methods = map[Verb]Method{}
	for _, v := range verbs {
		c.Methods[v] = deed{d, v}
	}
	return c
}

func (k *keeper) all() []tocsin.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.events)
}

func did(t *testing.T, d *daemon, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := d.done(); !slices.Equal(got, want) {
		t.Errorf("got %q done, want %q", got, want)
	}
}

func TestARestartCuresAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{up: true}, &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, serving(d, Restart, Start, Stop))
		time.Sleep(time.Minute)
		wants(t, k)
		d.set(func(d *daemon) { d.up = false })
		time.Sleep(time.Minute)
		did(t, d, "start for failed") // what is not there is not stopped
		events := k.all()
		wants(t, k, "a/r failed", "a/r action", "a/r recovered")
		stop()
		if events[0].Action != "restart" {
			t.Errorf("got the action %q of the failure", events[0].Action)
		}
		if ev := events[1]; ev.Name != "Execution succeeded" || ev.Incident != events[0].Incident || ev.Severity != tocsin.Info || !strings.HasPrefix(ev.Description, "restart: done after 1") {
			t.Errorf("got %+v", ev)
		}
	})
}

func TestTheLimitEndsTheWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{dud: true}, &keeper{}
		c := serving(d, Restart, Restart)
		e, stop := running(t, path, k, c)
		time.Sleep(10 * time.Minute)
		did(t, d, "restart for failed", "restart for reminder", "restart for reminder")
		events := k.all()
		wants(t, k, "a/r failed", "a/r action", "a/r action", "a/r action", "a/r action")
		if ev := events[1]; ev.Name != "Execution failed" || !strings.HasPrefix(ev.Description, "restart test.a: restart: not there after 30s, after 31") {
			t.Errorf("got %+v", ev)
		}
		if ev := events[4]; ev.Name != "Timeout" || ev.Severity != tocsin.Critical || !strings.Contains(ev.Description, "acted on 3 times within 1h, in vain") {
			t.Errorf("got %+v", ev)
		}
		all, err := e.Status(t.Context())
		if err != nil || all[0].State.Unmonitored.IsZero() || !all[0].State.Own {
			t.Errorf("got %+v, %v", all, err)
		}
		stop()
		e, stop = running(t, path, k, c) // which is remembered
		time.Sleep(time.Hour)
		did(t, d)
		d.set(func(d *daemon) { d.dud = false })
		if err := e.Obey(t.Context(), Order{Verb: Monitor, Names: []string{"test.a"}, By: "root"}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		did(t, d, "restart for reminder")
		wants(t, k, "a/r action", "a/r recovered")
		stop()
	})
}

func TestTheStateOfAGivenUpCheckIsInItsEvent(t *testing.T) {
	s := &State{Epoch: "e", Rules: map[string]RuleState{}}
	ev := tocsin.Event{At: time.Now(), Kind: "test", Check: "a", Rule: "r", Mark: &tocsin.Mark{Epoch: "e", Transition: 1, Unmonitored: "gave up"}}
	if n := s.RollForward([]tocsin.Event{ev}); n != 1 || s.Checks["test.a"].Why != "gave up" {
		t.Errorf("got %d, %+v", n, s.Checks)
	}
}

func TestWhatDoesNotGoIsNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{up: true, deaf: true}, &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, serving(d, "", Start, Stop))
		time.Sleep(time.Minute)
		err := e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"a"}, By: "root"})
		if err == nil || err.Error() != "restart test.a: stop: still there after 30s" {
			t.Errorf("got %v", err)
		}
		did(t, d, "stop for action")
		d.set(func(d *daemon) { d.deaf = false })
		if err := e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"a"}, By: "root"}); err != nil {
			t.Error(err)
		}
		did(t, d, "stop for action", "start for action")
		if err := e.Obey(t.Context(), Order{Verb: Stop, Names: []string{"a"}, By: "root"}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour) // a service that is stopped by hand has not failed
		did(t, d, "stop for action")
		wants(t, k)
		stop()
	})
}

// others is the error of somebody else being at the service.
type others struct{}

func (others) Error() string   { return "left alone: systemd is at it" }
func (others) LeftAlone() bool { return true }

func TestWhatSomebodyElseIsAtIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{fails: others{}}, &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, serving(d, Restart, Restart))
		time.Sleep(time.Hour)
		events := k.all()
		wants(t, k, "a/r failed", "a/r action") // told once
		if ev := events[1]; ev.Name != "Action not done" || !strings.HasSuffix(ev.Description, "left alone: systemd is at it") {
			t.Errorf("got %+v", ev)
		}
		if n := len(d.done()); n < 100 {
			t.Errorf("tried %d times in an hour, and given up", n)
		}
		if all, err := e.Status(t.Context()); err != nil || !all[0].State.Unmonitored.IsZero() {
			t.Errorf("got %+v, %v", all, err)
		}
		stop()
	})
}

func TestRulesWaitForAnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{up: true}, &keeper{}
		c := serving(d, Restart, Restart)
		second := c.Rules[0]
		second.Name, second.Do = "second", Restart
		c.Rules = append(c.Rules, second)
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(time.Minute)
		d.set(func(d *daemon) { d.up, d.dud = false, true })
		time.Sleep(20 * time.Second)
		did(t, d, "restart for failed") // one for both
		wants(t, k, "a/r failed", "a/second failed")
		if err := e.Obey(t.Context(), Order{Verb: Start, Names: []string{"a"}}); err == nil || !strings.Contains(err.Error(), `the check has no "start"`) {
			t.Errorf("got %v", err)
		}
		if err := e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"a"}}); err == nil || err.Error() != "restart test.a: a restart is under way" {
			t.Errorf("got %v", err)
		}
		stop()
	})
}

func TestTheProgramOfARuleRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{}, &keeper{}
		c := serving(d, Exec)
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(time.Hour)
		did(t, d, "exec for failed")
		wants(t, k, "a/r failed", "a/r action")
		c.Rules[0].Repeat, c.Fingerprint = 20*time.Minute, "other"
		d.set(func(d *daemon) { d.fails = errors.New("exit status 1") })
		if err := e.Reload(t.Context(), "host", []Check{c}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		did(t, d, "exec for reminder", "exec for reminder", "exec for reminder")
		if ev := k.all()[0]; ev.Name != "Execution failed" || !strings.Contains(ev.Description, "exec: exit status 1, after 1s\n\nno permission") {
			t.Errorf("got %+v", ev)
		}
		stop()
	})
}

func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	failed := RuleState{Failed: true, Since: now.Add(-time.Hour), pending: now.Add(-time.Minute)}
	limit := Limit{2, time.Minute}
	old, young := now.Add(-2*time.Minute), now.Add(-30*time.Second)
	tests := []struct {
		name string
		rule Rule
		s    Situation
		want Decision
	}{
		{"only told", Rule{}, Situation{Event: tocsin.Failed}, Decision{}},
		{"at once", Rule{Do: Restart}, Situation{Event: tocsin.Failed}, Decision{Verb: Restart}},
		{"a change", Rule{Do: Restart}, Situation{Event: tocsin.Changed}, Decision{Verb: Restart}},
		{"a recovery", Rule{Do: Restart}, Situation{Event: tocsin.Recovered, State: RuleState{}}, Decision{}},
		{"again", Rule{Do: Restart}, Situation{When: True, State: failed}, Decision{Verb: Restart}},
		{"not while unknown", Rule{Do: Restart}, Situation{State: failed}, Decision{}},
		{"not before For", Rule{Do: Restart, For: time.Hour}, Situation{When: True, State: failed}, Decision{}},
		{"busy", Rule{Do: Restart}, Situation{Event: tocsin.Failed, Busy: true}, Decision{}},
		{"no rest", Rule{Do: Restart}, Situation{Event: tocsin.Failed, Rested: now.Add(-Rest + 1)}, Decision{}},
		{"rested", Rule{Do: Restart}, Situation{Event: tocsin.Failed, Rested: now.Add(-Rest)}, Decision{Verb: Restart}},
		{"old ones do not count", Rule{Do: Start}, Situation{Event: tocsin.Failed, Limit: limit, Actions: []time.Time{old, young}}, Decision{Verb: Start}},
		{"the limit", Rule{Do: Start}, Situation{Event: tocsin.Failed, Limit: limit, Actions: []time.Time{young, young}}, Decision{GiveUp: true}},
		{"a program once", Rule{Do: Exec}, Situation{When: True, State: failed}, Decision{}},
		{"a program repeated", Rule{Do: Exec, Repeat: time.Hour}, Situation{When: True, State: failed}, Decision{Verb: Exec}},
		{"a program that runs", Rule{Do: Exec}, Situation{Event: tocsin.Failed, Executes: true}, Decision{}},
		{"a change that is owed", Rule{Do: Restart, Changes: []string{"m"}}, Situation{State: RuleState{Owed: true}}, Decision{Verb: Restart}},
		{"a failure that is owed", Rule{Do: Exec}, Situation{When: True, State: RuleState{Failed: true, Owed: true}}, Decision{Verb: Exec}},
		{"not in a good moment", Rule{Do: Exec}, Situation{When: False, State: RuleState{Failed: true, Owed: true}}, Decision{}},
		{"unmonitor once", Rule{Do: Unmonitor}, Situation{When: True, State: failed}, Decision{}},
	}
	for _, tt := range tests {
		if got := Decide(&tt.rule, tt.s, now); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestAReloadDuringAnAction: what is under way goes on, once, and is told.
func TestAReloadDuringAnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{dud: true}, &keeper{}
		c := serving(d, Restart, Restart)
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(20 * time.Second)
		did(t, d, "restart for failed")
		c.Fingerprint = "other"
		if err := e.Reload(t.Context(), "host", []Check{c}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		wants(t, k, "a/r failed")
		d.set(func(d *daemon) { d.up = true })
		time.Sleep(15 * time.Second)
		did(t, d)
		wants(t, k, "a/r action", "a/r recovered")
		d.set(func(d *daemon) { d.up = false })
		time.Sleep(20 * time.Second)
		did(t, d, "restart for failed")
		stop()
	})
}

// TestAnActionLooksWhateverTheSchedule: a check that is read once an hour sees
// its service come up, and is read by its schedule again.
func TestAnActionLooksWhateverTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{}, &keeper{}
		c := serving(d, Restart, Restart)
		plan := timed(t, d, "UTC", "0 * * * *")
		c.Schedule, c.Interval = plan.Schedule, plan.Interval
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(150 * time.Minute)
		did(t, d, "restart for failed")
		wants(t, k, "a/r failed", "a/r action", "a/r recovered")
		d.set(func(d *daemon) { d.up = false })
		time.Sleep(15 * time.Minute)
		wants(t, k)
		stop()
	})
}
