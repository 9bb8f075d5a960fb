package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// TestDependantsAsTheyAreNow: an event that was made when its check failed, and
// whose mail is made later, learns what is held behind it by then.
func TestDependantsAsTheyAreNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "app", "fs")
		k := &keeper{}
		e, stop := running(t, path, k, checks...)
		time.Sleep(time.Minute)
		sources["fs"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		sources["app"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		failed := k.all()[0]
		wants(t, k, "fs/r failed")
		now := func(ev tocsin.Event) string {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			unknown := tocsin.Event{Kind: "test", Check: "gone", Rule: "r", Incident: ev.Incident}
			e.Renew(ctx, []*tocsin.Event{&unknown, &ev})
			return spelledOut(ev)
		}
		before := spelledOut(failed)
		if strings.Contains(before, "held") {
			t.Errorf("got %q before", before)
		}
		if got := now(failed); got != "app held r, web not failed" {
			t.Errorf("got %q", got)
		}
		stop()
		if got := now(failed); got != before {
			t.Errorf("got %q of an engine that has ended", got)
		}
		e, stop = running(t, path, k, checks...)
		if got := now(failed); got != "app held r, web not read since" {
			t.Errorf("got %q after a restart", got)
		}
		setAll(sources, false)
		time.Sleep(time.Minute)
		if got := now(failed); got != before {
			t.Errorf("got %q of an incident that has ended", got)
		}
		stop()
	})
}
