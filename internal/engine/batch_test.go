package engine

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestBatch: quick checks share a goroutine, and one of them that hangs
// holds up the others for a moment only, also the next time.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []Check
		sources := make([]*source, 10)
		for i := range sources {
			sources[i] = &source{}
			c := watching(fmt.Sprint(i), sources[i])
			c.Group, c.Quick = "test", true
			checks = append(checks, c)
		}
		release := make(chan struct{})
		sources[3].hang, sources[7].hang = release, release
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		began := time.Now()
		sources[9].set(func(s *source) { s.bad = true })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		got := k.take()
		if len(got) != 3 || got[0] != "9/r failed" {
			t.Errorf("got %q, want what the last one read, and that two hang", got)
		}
		for i, s := range sources {
			want := 30
			if s.hang != nil {
				want = 1
			}
			times := s.times()
			if n := len(times); n < want-1 || n > want+1 {
				t.Errorf("check %d was read %d times in 5 minutes, want %d", i, n, want)
			}
			if late := times[0].Sub(began); late > firstSpread+2*tarry {
				t.Errorf("check %d was read after %s", i, late)
			}
		}
		sources[3].set(func(s *source) { s.hang = nil })
		sources[7].set(func(s *source) { s.hang = nil })
		close(release)
		time.Sleep(time.Minute)
		wants(t, k, "3/data recovered", "7/data recovered")
		stop()
	})
}
