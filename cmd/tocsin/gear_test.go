package main

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGear: one processor at rest, all while there is work and a while after it.
func TestGear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		was := ""
		change := func(to string) func() {
			return func() {
				mu.Lock()
				defer mu.Unlock()
				was += to
			}
		}
		g := &gear{up: change("+"), down: change("-")}
		after := func(d time.Duration, want string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if was != want {
				t.Fatalf("got %q, want %q", was, want)
			}
		}
		g.work() // of the start, which has all
		g.started()
		after(gearTime-1, "")
		after(1, "-")
		g.work()
		after(gearTime-1, "-+")
		g.work() // goes on
		after(gearTime-1, "-+")
		after(1, "-+-")
		over, other := g.hold(), g.hold()
		after(time.Hour, "-+-+")
		over()
		over() // no second time
		after(time.Hour, "-+-+")
		other()
		after(3*gearTime, "-+-+-")
	})
}

// TestGearStays: what the environment says is never changed.
func TestGearStays(t *testing.T) {
	t.Setenv("GOMAXPROCS", "3")
	synctest.Test(t, func(t *testing.T) {
		g := newGear()
		g.up = func() { t.Error("up") }
		g.down = func() { t.Error("down") }
		g.started()
		g.work()
		time.Sleep(time.Hour)
	})
}
