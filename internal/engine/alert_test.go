package engine

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// herald is a source that alerts when a test says so.
type herald struct {
	source
	news chan error
	out  int // waits
}

func (h *herald) Alert() func(context.Context) error {
	h.set(func(*source) { h.out++ })
	return func(ctx context.Context) error {
		select {
		case err := <-h.news:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (h *herald) waits() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.out
}

func TestAnAlertReadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, h := &keeper{}, &herald{news: make(chan error)}
		check := watching("a", h)
		check.Interval, check.Events = time.Minute, true
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, check)
		defer stop()
		time.Sleep(10 * time.Second)
		h.set(func(s *source) { s.bad = true })
		began := time.Now()
		h.news <- nil
		synctest.Wait()
		reads := h.times()
		if last := reads[len(reads)-1]; !last.Equal(began) {
			t.Errorf("read %v after the alert, want at once", last.Sub(began))
		}
		wants(t, k, "a/r failed")
		// So do some right after it; then they wait for the least gap, and the
		// interval goes on.
		for i, want := range []time.Duration{0, 0, 0, leastGap, 2 * leastGap} {
			h.news <- nil
			synctest.Wait()
			time.Sleep(want - time.Since(began))
			synctest.Wait()
			again := h.times()
			if last := again[len(again)-1]; last.Sub(began) != want || len(again) != len(reads)+i+1 {
				t.Errorf("change %d: %d readings, the last after %v, want %d after %v", i+2, len(again)-len(reads), last.Sub(began), i+1, want)
			}
		}
		again := h.times()
		time.Sleep(2 * time.Minute)
		if n := len(h.times()) - len(again); n != 2 {
			t.Errorf("read %d times in the next two minutes, want 2", n)
		}
	})
}

// TestAnAlertDuringAReading: the reading may have looked before the change.
func TestAnAlertDuringAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, h := &keeper{}, &herald{news: make(chan error)}
		check := watching("a", h)
		check.Interval, check.Timeout, check.Events = time.Minute, 30*time.Second, true
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, check)
		defer stop()
		time.Sleep(time.Second)
		hang := make(chan struct{})
		h.set(func(s *source) { s.hang = hang })
		time.Sleep(time.Minute)
		before := len(h.times())
		h.news <- nil
		synctest.Wait()
		h.set(func(s *source) { s.hang = nil })
		close(hang)
		time.Sleep(leastGap)
		synctest.Wait()
		if n := len(h.times()) - before; n != 1 {
			t.Errorf("read %d times after the one that was out, want once", n)
		}
	})
}

// TestAWaitThatFails leaves the interval, and is tried again with it.
func TestAWaitThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, h := &keeper{}, &herald{news: make(chan error)}
		check := watching("a", h)
		check.Interval, check.Events = time.Minute, true
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, check)
		defer stop()
		time.Sleep(time.Second)
		before, waits := len(h.times()), h.waits()
		h.news <- errors.New("no more watches")
		time.Sleep(30 * time.Second)
		if n := len(h.times()) - before; n != 0 {
			t.Errorf("read %d times, want none before the interval", n)
		}
		time.Sleep(time.Minute)
		if h.waits() != waits+1 {
			t.Errorf("waited %d times, want once more", h.waits()-waits)
		}
	})
}

func TestWithoutEventsNothingIsListenedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &herald{news: make(chan error)}
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, watching("a", h))
		defer stop()
		time.Sleep(time.Minute)
		if h.waits() != 0 {
			t.Errorf("waited %d times, want never", h.waits())
		}
	})
}

// TestAnAlertRightAfterAReading: that a reading at the interval was just before
// it holds up no change.
func TestAnAlertRightAfterAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &herald{news: make(chan error)}
		check := watching("a", h)
		check.Interval, check.Events = time.Minute, true
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, check)
		defer stop()
		time.Sleep(time.Second)
		reads := h.times()
		time.Sleep(time.Until(reads[len(reads)-1].Add(time.Minute + time.Millisecond)))
		synctest.Wait()
		if n := len(h.times()); n < len(reads)+1 {
			t.Fatalf("read %d times, want one at the interval", n)
		}
		before, began := len(h.times()), time.Now()
		h.news <- nil
		synctest.Wait()
		if all := h.times(); len(all) != before+1 || !all[before].Equal(began) {
			t.Errorf("read at %v, want one more at %v", all[before:], began)
		}
	})
}

// TestAStormIsBounded: what changes all the time is read twenty times a second.
func TestAStormIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &herald{news: make(chan error)}
		check := watching("a", h)
		check.Interval, check.Events = time.Hour, true
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, check)
		defer stop()
		time.Sleep(10 * time.Second)
		before, began := len(h.times()), time.Now()
		for time.Since(began) < 10*time.Second {
			h.news <- nil
			time.Sleep(time.Millisecond)
		}
		if n := len(h.times()) - before; n < 195 || n > 200+maxBurst {
			t.Errorf("read %d times in ten seconds, want 200", n)
		}
	})
}

// TestAStormIsOneFailure: a hundred changes within seconds are not a hundred
// readings that failed.
func TestAStormIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, h := &keeper{}, &herald{news: make(chan error)}
		check := watching("a", h)
		check.Interval, check.Events = time.Minute, true
		check.Rules[0].Times, check.Rules[0].Within, check.Rules[0].Apart = 3, time.Hour, 30*time.Second
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, check)
		defer stop()
		time.Sleep(10 * time.Second)
		h.set(func(s *source) { s.bad = true })
		for range 100 {
			h.news <- nil
			time.Sleep(2 * leastGap)
		}
		if n := len(h.times()); n < 100 {
			t.Errorf("read %d times, want each change read", n)
		}
		wants(t, k)
		time.Sleep(3 * time.Minute) // the interval goes on
		wants(t, k, "a/r failed")
	})
}

// prompt is a source that is listened to without a goroutine, and that tells
// when a test says so, the first time before it is read to the end.
type prompt struct {
	source
	tell         func(error)
	early        bool
	begun, ended int
}

func (p *prompt) Listen(tell func(error)) func() {
	p.mu.Lock()
	p.begun++
	early := p.early
	p.early, p.tell = false, tell
	p.mu.Unlock()
	if early {
		tell(nil)
	}
	return func() { p.set(func(*source) { p.ended++ }) }
}

// TestAListener: what is told while the reading is out is heard, too, and each
// listening ends once.
func TestAListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &prompt{early: true}
		check := watching("a", p)
		check.Interval, check.Events = time.Minute, true
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, check)
		time.Sleep(time.Second)
		if n := len(p.times()); n != 2 || p.begun != 2 || p.ended != 1 {
			t.Errorf("read %d times, begun %d, ended %d; want 2, 2 and 1 after what was told early", n, p.begun, p.ended)
		}
		p.tell(nil)
		time.Sleep(time.Second)
		if n := len(p.times()); n != 3 || p.begun != 3 || p.ended != 2 {
			t.Errorf("read %d times, begun %d, ended %d; want 3, 3 and 2", n, p.begun, p.ended)
		}
		p.tell(errors.New("no more"))
		time.Sleep(2 * time.Second)
		if n := len(p.times()); n != 3 || p.ended != 3 {
			t.Errorf("read %d times, ended %d; want no reading before the interval", n, p.ended)
		}
		time.Sleep(time.Minute)
		stop()
		if p.begun != 4 || p.ended != 4 {
			t.Errorf("begun %d, ended %d; want 4 of each after the stop", p.begun, p.ended)
		}
	})
}
