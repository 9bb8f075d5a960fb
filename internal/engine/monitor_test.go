package engine

import (
	"path/filepath"
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
		if err := e.Obey(t.Context(), Order{Verb: Monitor}); err != nil {
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
