package checks

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxSpare is how many goroutines wait for the next call, and spareTime for how
// long.
const (
	maxSpare  = 2
	spareTime = 2 * time.Minute
)

// spare runs calls that may hang in goroutines that are used again: a new one
// grows its stack anew each time, which costs as much as the call. The zero
// value is ready for use; a nil one has a new goroutine for each call.
type spare struct {
	once sync.Once
	jobs chan func()
	idle atomic.Int32
}

// run has a goroutine run f, and does not wait for it.
func (s *spare) run(f func()) {
	if s == nil {
		go f()
		return
	}
	s.once.Do(func() { s.jobs = make(chan func()) })
	select {
	case s.jobs <- f:
	default:
		go s.serve(f)
	}
}

// serve runs one call after the other, unless enough others wait for them.
func (s *spare) serve(f func()) {
	for f != nil {
		f()
		f = s.wait()
	}
}

// wait is the next call, nil when there is none for long.
func (s *spare) wait() func() {
	defer s.idle.Add(-1)
	if s.idle.Add(1) > maxSpare {
		return nil
	}
	timer := time.NewTimer(spareTime)
	defer timer.Stop()
	select {
	case f := <-s.jobs:
		return f
	case <-timer.C:
		return nil
	}
}
