package engine

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fine, bad, unread, slow := &source{}, &source{}, &source{}, &source{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, watching("fine", fine), watching("bad", bad), watching("unread", unread), held("slow", slow))
		time.Sleep(time.Minute)
		bad.set(func(s *source) { s.bad = true })
		slow.set(func(s *source) { s.bad = true })
		unread.set(func(s *source) { s.err = errors.New("no such thing") })
		began := time.Now()
		time.Sleep(time.Minute)
		all, err := e.Status(t.Context())
		if err != nil || len(all) != 4 {
			t.Fatalf("got %d checks, %v", len(all), err)
		}
		for i, want := range []struct {
			name, description string
			rule              int
			failed, pending   bool
			says              Truth
		}{
			{"fine", "", 1, false, false, False},
			{"bad", "is bad", 1, true, false, True},
			{"unread", "no such thing", 0, true, false, True},
			{"slow", "is bad", 1, false, true, True},
		} {
			c := all[i]
			r := c.Rules[want.rule]
			if c.Name != want.name || r.State.Failed != want.failed || r.Says != want.says || r.Description != want.description || r.Pending.IsZero() == want.pending {
				t.Errorf("got %s %+v, want %+v", c.Name, r, want)
			}
			if since := r.State.Since; want.failed && (since.Before(began) || since.After(began.Add(10*time.Second))) {
				t.Errorf("%s: failed since %s, want shortly after %s", c.Name, since, began)
			}
			if now := time.Now(); !c.Next.After(now) || now.Sub(c.Read) > c.Interval {
				t.Errorf("%s: read at %s, next at %s, now %s", c.Name, c.Read, c.Next, now)
			}
		}
		stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v of an engine that has stopped", err)
		}
	})
}

// TestStatusWarm: what a check says is whole after a second reading, or once
// its windows are covered.
func TestStatusWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain, long := watching("plain", &source{}), watching("long", &source{})
		long.Windows = []Window{{"bad", time.Minute}}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, plain, long)
		defer stop()
		for _, want := range []struct {
			after       time.Duration
			plain, long bool
		}{{0, false, false}, {10500 * time.Millisecond, false, false}, {10 * time.Second, true, false}, {time.Minute, true, true}} {
			time.Sleep(want.after)
			all, err := e.Status(t.Context())
			if err != nil || all[0].Warm != want.plain || all[1].Warm != want.long {
				t.Errorf("after %s more: got %t and %t, %v, want %t and %t", want.after, all[0].Warm, all[1].Warm, err, want.plain, want.long)
			}
		}
	})
}

// held is watching, of a rule that fails after an hour.
func held(name string, s Reader) Check {
	c := watching(name, s)
	c.Rules[0].For = time.Hour
	return c
}
