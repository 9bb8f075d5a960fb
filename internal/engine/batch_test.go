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
			c.Pass, c.Quick = "test", true
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

// TestBatchSendsWhatBecomesReadyMeanwhile: the last reading hangs, and the one
// before it came back while the results before that were being sent.
func TestBatchSendsWhatBecomesReadyMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batch{readings: make([]dueReading, 3), ready: []result{{round: 1}}, left: 2, before: 3}
		b.next.Store(2)
		sent := 0
		b.send = func(all []result) {
			if sent += len(all); sent > 1 {
				return
			}
			b.mu.Lock()
			b.ready, b.left = append(b.ready, result{round: 2}), b.left-1
			b.mu.Unlock()
			b.next.Store(3)
		}
		b.mu.Lock()
		b.watcher = time.AfterFunc(tarry, b.rescue)
		b.mu.Unlock()
		time.Sleep(10 * tarry)
		synctest.Wait()
		if sent != 2 {
			t.Errorf("%d results were sent, want 2", sent)
		}
	})
}
