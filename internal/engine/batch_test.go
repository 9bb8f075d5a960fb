package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
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

// waiter is a source that is read in the goroutine of who reads, and has words
// of its own for one that hangs.
type waiter struct{ source }

func (w *waiter) ReadHere(ctx context.Context) (tocsin.Reading, error) { return w.source.Read(ctx) }

func (w *waiter) Read(context.Context) (tocsin.Reading, error) {
	return tocsin.Reading{}, errors.New("read elsewhere")
}

func (w *waiter) Stuck(since time.Duration) error { return fmt.Errorf("hangs for %s", since) }

// TestAReadingHereThatHangs: the engine says so in the words of the reader at the
// timeout, reads nothing more meanwhile, and goes on afterwards.
func TestAReadingHereThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, w, other := &keeper{}, &waiter{}, &source{}
		checks := []Check{watching("a", w), watching("b", other)}
		for i := range checks {
			checks[i].Pass, checks[i].Quick = "test", true
		}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, checks...)
		defer stop()
		time.Sleep(time.Minute)
		wants(t, k)
		hang := make(chan struct{})
		w.set(func(s *source) { s.hang = hang })
		before, others := len(w.times()), len(other.times())
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		k.mu.Lock()
		if len(k.events) != 1 || !strings.HasPrefix(k.events[0].Description, "hangs for ") {
			t.Errorf("got %v, want one failure in the words of the reader", k.events)
		}
		k.mu.Unlock()
		wants(t, k, "a/data failed")
		if n := len(w.times()) - before; n != 1 {
			t.Errorf("read %d times, want once", n)
		}
		if n := len(other.times()) - others; n < 29 {
			t.Errorf("the other one was read %d times, want 30", n)
		}
		w.set(func(s *source) { s.hang = nil })
		close(hang)
		time.Sleep(time.Minute)
		wants(t, k, "a/data recovered")
	})
}

// TestBatchSendsWhatIsReady: what came back is sent while the last reading
// hangs, also where it came back while what was ready before was being sent.
func TestBatchSendsWhatIsReady(t *testing.T) {
	for name, slowly := range map[string]bool{"before": false, "meanwhile": true} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { lastHangs(t, slowly) }) })
	}
}

func lastHangs(t *testing.T, slowly bool) {
	t.Helper()
	hang := []chan struct{}{nil, nil, make(chan struct{})}
	if slowly {
		hang[1] = make(chan struct{})
	}
	sent := make(chan uint64, len(hang))
	b := &batch{limit: &deadline{cancel: func() {}, ctx: t.Context()}}
	for i := range hang {
		c := watching(fmt.Sprint(i), &source{hang: hang[i]})
		b.readings = append(b.readings, dueReading{check: &c, round: uint64(i)})
		b.limit.open.Add(1)
	}
	b.send = func(all []result) {
		for _, r := range all {
			if sent <- r.round; r.round == 0 && slowly {
				close(hang[1])
				time.Sleep(tarry / 2)
			}
		}
	}
	b.begin()
	time.Sleep(10 * tarry)
	synctest.Wait()
	if len(sent) != 2 || <-sent != 0 || <-sent != 1 {
		t.Error("what came back was not sent while the last reading hangs")
	}
	close(hang[2])
	synctest.Wait()
	if len(sent) != 1 || <-sent != 2 {
		t.Error("the last one was not sent")
	}
}
