package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestUnmonitoredIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, other, k := &source{}, &source{}, &keeper{}
		e, stop := running(t, path, k, watching("a", s), watching("b", other))
		time.Sleep(time.Minute)
		if err := e.Obey(t.Context(), Order{Verb: Unmonitor, Names: []string{"a", "nobody"}, By: "root"}); err == nil {
			t.Error("an unknown name is no error")
		}
		if err := e.Obey(t.Context(), Order{Verb: Unmonitor, Names: []string{"a"}, By: "root"}); err != nil {
			t.Error(err)
		}
		s.set(func(s *source) { s.bad = true })
		read := len(s.times())
		time.Sleep(time.Hour)
		stop()
		e, stop = running(t, path, k, watching("a", s), watching("b", other))
		time.Sleep(time.Hour)
		if n := len(s.times()); n != read {
			t.Errorf("read %d times while unmonitored", n-read)
		}
		wants(t, k)
		all, err := e.Status(t.Context())
		if err != nil || all[0].State.Why != "by root" || !all[1].State.Unmonitored.IsZero() {
			t.Errorf("got %+v, %v", all, err)
		}
		if err := e.Obey(t.Context(), Order{Verb: Monitor, All: true}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		wants(t, k, "a/r failed")
		stop()
	})
}

func TestARuleEndsTheWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{}
		c := watching("a", s)
		c.Rules[0].Do = Unmonitor
		_, stop := running(t, path, k, c)
		time.Sleep(time.Hour)
		if n := len(s.times()); n != 1 {
			t.Errorf("read %d times, want once", n)
		}
		if ev := k.all()[0]; ev.Action != "unmonitor" || ev.Mark.Unmonitored != "by the rule r" {
			t.Errorf("got %+v", ev)
		}
		wants(t, k, "a/r failed")
		stop()
		state, _, err := OpenState(path, time.Now())
		if err != nil || state.Checks["test.a"].Why != "by the rule r" {
			t.Errorf("got %+v, %v", state, err)
		}
		e, stop := running(t, path, k) // a check that is gone is forgotten
		if err := e.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		if state, _, err = OpenState(path, time.Now()); err != nil || len(state.Checks) != 0 {
			t.Errorf("got %+v, %v", state, err)
		}
	})
}

// TestAnOrderWithoutNamesIsRefused: an empty list never means every service.
func TestAnOrderWithoutNamesIsRefused(t *testing.T) {
	tests := []struct {
		order Order
		want  string
	}{
		{Order{Verb: Stop}, "stop: no check named"},
		{Order{Verb: Start}, "start: no check named"},
		{Order{Verb: Restart}, "restart: no check named"},
		{Order{Verb: Monitor}, "monitor: no check named"},
		{Order{Verb: Unmonitor}, "unmonitor: no check named"},
		{Order{Verb: Stop, All: true}, "stop: name the checks: nobody means every service"},
		{Order{Verb: Unmonitor, All: true, Names: []string{"a"}}, "unmonitor: name the checks or say all, not both"},
	}
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{up: true}, &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, serving(d, "", Start, Stop))
		for _, tt := range tests {
			if err := e.Obey(t.Context(), tt.order); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		}
		time.Sleep(time.Minute)
		did(t, d)
		stop()
	})
}

// TestActRefuses: without steps, or beside another action, none begins.
func TestActRefuses(t *testing.T) {
	e := &Engine{log: slog.New(slog.DiscardHandler), jobs: map[string]*job{}}
	check := serving(&daemon{}, "", Start)
	w := &watch{check: &check}
	if out := <-e.act(t.Context(), w, &job{verb: Stop}, time.Now()); out.err == nil || w.job != nil {
		t.Errorf("got %v, and the job %v", out.err, w.job)
	}
	under := &job{verb: Restart}
	w.job = under
	if out := <-e.act(t.Context(), w, &job{verb: Start}, time.Now()); out.err == nil || out.err.Error() != "start test.a: a restart is under way" || w.job != under {
		t.Errorf("got %v, and the job %v", out.err, w.job)
	}
}

// TestAnOrderIsOnDiskWhenItIsAnswered: what a person was told is done outlives
// the agent, and what does not is no success.
func TestAnOrderIsOnDiskWhenItIsAnswered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "state.json")
	synctest.Test(t, func(t *testing.T) {
		e, stop := running(t, path, &keeper{}, serving(&daemon{up: true}, "", Start, Stop))
		for _, tt := range []struct {
			verb Verb
			why  string
		}{{Unmonitor, "by root"}, {Monitor, ""}, {Stop, "stopped by hand"}, {Start, ""}} {
			if err := e.Obey(t.Context(), Order{Verb: tt.verb, Names: []string{"a"}, By: "root"}); err != nil {
				t.Errorf("%s: %v", tt.verb, err)
			}
			if s, _, err := OpenState(path, time.Now()); err != nil || s.Checks["test.a"].Why != tt.why {
				t.Errorf("%s: got %+v, %v", tt.verb, s, err)
			}
		}
		if err := os.Rename(dir, dir+"x"); err != nil { // nothing can be written
			t.Fatal(err)
		}
		for range 2 { // the second time nothing is new, and it is as far from the disk
			err := e.Obey(t.Context(), Order{Verb: Unmonitor, Names: []string{"a"}, By: "root"})
			if err == nil || !strings.Contains(err.Error(), "unmonitor: done, but not on disk") {
				t.Errorf("got %v", err)
			}
		}
		stop()
	})
}

// TestUnmonitoredDuringARestart: what has begun goes on to its end, seen by its
// readings, and only then nobody looks any more.
func TestUnmonitoredDuringARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{up: true}, &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, serving(d, "", Start, Stop))
		time.Sleep(time.Minute)
		end := make(chan error, 1)
		go func() { end <- e.Obey(t.Context(), Order{Verb: Restart, Names: []string{"a"}, By: "root"}) }()
		time.Sleep(500 * time.Millisecond)
		if err := e.Obey(t.Context(), Order{Verb: Unmonitor, Names: []string{"a"}, By: "root"}); err != nil {
			t.Error(err)
		}
		if err := <-end; err != nil {
			t.Error(err)
		}
		did(t, d, "stop for action", "start for action")
		d.set(func(d *daemon) { d.up = false })
		time.Sleep(time.Hour)
		wants(t, k)
		if all, err := e.Status(t.Context()); err != nil || all[0].State.Why != "by root" || time.Since(all[0].Read) < 59*time.Minute {
			t.Errorf("got %+v, %v", all, err)
		}
		stop()
	})
}
