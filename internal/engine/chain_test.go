package engine

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// ledger is what was done to several daemons, in order.
type ledger struct {
	mu  sync.Mutex
	did []string
}

func (l *ledger) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	did := strings.Join(l.did, ", ")
	l.did = nil
	return did
}

// entered is a method that is noted in a ledger.
type entered struct {
	deed
	name string
	in   *ledger
}

func (m entered) Do(ctx context.Context, ev *tocsin.Event) (string, error) {
	said, err := m.deed.Do(ctx, ev)
	m.in.mu.Lock()
	defer m.in.mu.Unlock()
	word := string(m.verb) + " " + m.name
	if err != nil {
		word += " failed"
	}
	m.in.did = append(m.in.did, word)
	return said, err
}

// stack is daemons, each of which depends on the next.
func stack(names ...string) ([]Check, map[string]*daemon, *ledger) {
	l, daemons := &ledger{}, make(map[string]*daemon)
	var checks []Check
	for i, name := range names {
		d := &daemon{up: true}
		daemons[name] = d
		c := watching(name, d)
		c.Exists, c.Patience, c.Limit = true, 30*time.Second, Limit{5, time.Hour}
		c.Methods = map[Verb]Method{Start: entered{deed{d, Start}, name, l}, Stop: entered{deed{d, Stop}, name, l}}
		if i+1 < len(names) {
			c.DependsOn = []string{"test." + names[i+1]}
		}
		checks = append(checks, c)
	}
	return checks, daemons, l
}

func in(t *testing.T, l *ledger, want string) {
	t.Helper()
	synctest.Wait()
	if got := l.take(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func asks(t *testing.T, e *Engine, v Verb, want string, names ...string) {
	t.Helper()
	err := e.Obey(t.Context(), Order{Verb: v, Names: names, By: "root"})
	switch {
	case want == "" && err == nil:
	case err == nil || err.Error() != want:
		t.Errorf("%s %s: got %v, want %q", v, names, err, want)
	}
}

// idles are the checks that are not monitored.
func idles(t *testing.T, e *Engine) string {
	t.Helper()
	all, err := e.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range all {
		if !c.State.Unmonitored.IsZero() {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestOrdersRunThroughTheTree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, l := stack("a", "b", "c", "d")
		k := &keeper{}
		e, stop := running(t, path, k, checks...)
		time.Sleep(time.Minute)
		asks(t, e, Stop, "", "d")
		in(t, l, "stop a, stop b, stop c, stop d")
		if got := idles(t, e); got != "a b c d" {
			t.Errorf("unmonitored: %q", got)
		}
		asks(t, e, Start, "", "b")
		in(t, l, "start d, start c, start b")
		if got := idles(t, e); got != "a" {
			t.Errorf("unmonitored: %q", got)
		}
		asks(t, e, Restart, "", "c")
		in(t, l, "stop b, stop c, start c, start b")
		asks(t, e, Start, "", "a", "d")
		in(t, l, "start d, start a")
		asks(t, e, Unmonitor, "", "b")
		if got := idles(t, e); got != "a b" {
			t.Errorf("unmonitored: %q", got)
		}
		asks(t, e, Monitor, "", "a")
		if got := idles(t, e); got != "" {
			t.Errorf("unmonitored: %q", got)
		}
		asks(t, e, Stop, "", "b", "c")
		in(t, l, "stop a, stop b, stop c")
		status, err := e.Status(t.Context())
		if err != nil || status[0].State.Why != "stopped with test.b by hand" || status[2].State.Why != "stopped by hand" {
			t.Errorf("got %q and %q, %v", status[0].State.Why, status[2].State.Why, err)
		}
		stop()
		e, stop = running(t, path, k, checks...)
		if got := idles(t, e); got != "a b c" {
			t.Errorf("unmonitored after a restart: %q", got)
		}
		time.Sleep(time.Minute)
		daemons["d"].set(func(d *daemon) { d.up = false })
		daemons["c"].set(func(d *daemon) { d.dud = true })
		asks(t, e, Start, "start test.a: not started, for want of test.c; test.c: start: not there after 30s; test.b: not started, for want of test.c", "a")
		in(t, l, "start d, start c")
		time.Sleep(time.Minute)
		if got := k.take(); !slices.Contains(got, "c/r failed") || slices.Contains(got, "b/r failed") || slices.Contains(got, "a/r failed") {
			t.Errorf("got events %q", got)
		}
		stop()
	})
}

// TestARuleActsThroughTheTree: what has died is started between the stop and the
// start of what depends on it, and one mail says so.
func TestARuleActsThroughTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, l := stack("a", "b", "c", "d")
		for i := range checks {
			checks[i].Rules[0].Do = Restart
		}
		k := &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		for _, name := range []string{"a", "b", "c"} { // c dies, and the others of it
			daemons[name].set(func(d *daemon) { d.up = false })
		}
		time.Sleep(time.Minute)
		in(t, l, "start c, start b, start a")
		wants(t, k, "c/r failed", "c/r action", "c/r recovered")
		daemons["c"].set(func(d *daemon) { d.up = false })
		time.Sleep(time.Minute)
		in(t, l, "stop a, stop b, start c, start b, start a")
		daemons["b"].set(func(d *daemon) { d.dud = true })
		events := k.all()
		wants(t, k, "c/r failed", "c/r action", "c/r recovered")
		if events[1].Name != "Execution succeeded" {
			t.Errorf("got %+v", events[1])
		}
		daemons["c"].set(func(d *daemon) { d.up = false })
		time.Sleep(time.Minute)
		events = k.all()
		if len(events) < 2 || events[1].Name != "Execution failed" || !strings.HasPrefix(events[1].Description, "restart test.c: done, but test.a: not started, for want of test.b; test.b: start: not there after 30s, after ") {
			t.Errorf("got %+v", events)
		}
		k.take()
		if got := idles(t, e); got != "" {
			t.Errorf("unmonitored: %q", got)
		}
		daemons["b"].set(func(d *daemon) { d.dud = false })
		time.Sleep(2 * time.Minute) // b and then a are helped by their own rules
		l.take()
		for _, name := range []string{"a", "b", "c", "d"} {
			if !daemons[name].up {
				t.Errorf("%s is down", name)
			}
		}
		stop()
	})
}

// TestWhatDoesNotStopKeepsWhatItNeeds.
func TestWhatDoesNotStopKeepsWhatItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, l := stack("a", "b", "c")
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, checks...)
		time.Sleep(time.Minute)
		daemons["b"].set(func(d *daemon) { d.deaf = true })
		asks(t, e, Restart, "restart test.c: left running, because test.b did not stop; test.b: stop: still there after 30s", "c")
		in(t, l, "stop a, stop b, start a")
		asks(t, e, Stop, "stop test.c: left running, because test.b did not stop; test.b: stop: still there after 30s", "c")
		in(t, l, "stop a, stop b")
		if got := idles(t, e); got != "a" {
			t.Errorf("unmonitored: %q", got)
		}
		stop()
	})
}

// TestAFileThatWasTamperedWith is Monit's example: the rule of a check that knows
// no way to be stopped stops what runs it, and reads both no more.
func TestAFileThatWasTamperedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, _, l := stack("httpd")
		s, k := &source{}, &keeper{}
		file := watching("binary", s)
		file.Rules[0].Do = Stop
		checks[0].DependsOn = []string{"test.binary"}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, append(checks, file)...)
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		in(t, l, "stop httpd")
		wants(t, k, "binary/r failed", "binary/r action")
		if got := idles(t, e); got != "httpd binary" {
			t.Errorf("unmonitored: %q", got)
		}
		stop()
	})
}

// TestServicesThatNobodyWaitsFor: of a kind whose actions do not wait for a
// reading, what was stopped is started again, whatever an old reading says.
func TestServicesThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, l := stack("a", "b", "c")
		for i := range checks {
			checks[i].Exists = false
		}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, checks...)
		time.Sleep(time.Minute)
		asks(t, e, Restart, "", "c")
		in(t, l, "stop a, stop b, stop c, start c, start b, start a")
		daemons["a"].set(func(d *daemon) { d.up = false })
		asks(t, e, Restart, "", "c")
		in(t, l, "stop b, stop c, start c, start b, start a")
		e.Quiet(true)
		asks(t, e, Start, "start: the machine goes down", "a")
		stop()
	})
}

// TestOneActionAtATime: an action that takes a check which another one is at,
// waits or is refused.
func TestOneActionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, _, l := stack("a", "b", "c")
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, checks...)
		time.Sleep(time.Minute)
		end := make(chan error, 1)
		go func() { end <- e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"b"}}) }()
		time.Sleep(3500 * time.Millisecond)
		asks(t, e, Stop, "stop test.c: it takes test.a, where a restart is under way", "c")
		if err := <-end; err != nil {
			t.Error(err)
		}
		in(t, l, "stop a, stop b, start b, start a")
		stop()
	})
}

// TestTheAgentEndsInAChain: what was stopped to be started again is started, as
// far as there is time; and after a crash nothing is unmonitored.
func TestTheAgentEndsInAChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, l := stack("a", "b", "c")
		path := filepath.Join(t.TempDir(), "s")
		e, stop := running(t, path, &keeper{}, checks...)
		time.Sleep(time.Minute)
		end := make(chan error, 1)
		go func() { end <- e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"c"}}) }()
		time.Sleep(5100 * time.Millisecond) // c is being stopped or started
		stop()
		if err := <-end; err == nil {
			t.Error("the end of the agent is no error")
		}
		t.Log(l.take())
		for _, name := range []string{"a", "b", "c"} {
			if !daemons[name].up {
				t.Errorf("%s was left stopped", name)
			}
		}
		e, stop = running(t, path, &keeper{}, checks...)
		if got := idles(t, e); got != "" {
			t.Errorf("unmonitored: %q", got)
		}
		stop()
	})
}

// TestWhatIsHeldIsNotActedOn: to restart a web server helps nobody whose database
// is dead.
func TestWhatIsHeldIsNotActedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, daemons, l := stack("web", "db")
		checks[0].Rules[0].Do = Restart
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		time.Sleep(time.Minute)
		for _, d := range daemons {
			d.set(func(d *daemon) { d.up = false })
		}
		time.Sleep(10 * time.Minute)
		in(t, l, "")
		wants(t, k, "db/r failed")
		daemons["db"].set(func(d *daemon) { d.up = true })
		time.Sleep(time.Minute)
		in(t, l, "start web")
		wants(t, k, "db/r recovered", "web/r failed", "web/r action", "web/r recovered")
		stop()
	})
}

func TestAReboot(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	checks := []Check{{Kind: "p", Name: "up", OnReboot: Started}, {Kind: "p", Name: "down", OnReboot: NotBegun}, {Kind: "p", Name: "as_left"}}
	left := map[string]CheckState{"p.up": {Unmonitored: now, Why: "by root"}, "p.as_left": {Unmonitored: now, Why: "by root"}}
	names := func(s *State) []string {
		var all []string
		for _, c := range checks {
			if !s.Checks[c.ID()].Unmonitored.IsZero() {
				all = append(all, c.Name)
			}
		}
		return all
	}
	s := &State{Boot: "one", Checks: left}
	s.Rebooted(checks, "one", now)
	if got := names(s); !slices.Equal(got, []string{"up", "as_left"}) {
		t.Errorf("the same boot: got %q", got)
	}
	s.Rebooted(checks, "", now)
	if s.Boot != "one" {
		t.Error("an unknown boot is none")
	}
	s.Rebooted(checks, "two", now)
	if got := names(s); !slices.Equal(got, []string{"down", "as_left"}) || s.Boot != "two" {
		t.Errorf("another boot: got %q", got)
	}
}
