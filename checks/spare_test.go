package checks

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestSpare: every call is run, whatever the others do, and few goroutines
// wait afterwards.
func TestSpare(t *testing.T) {
	var s spare
	var ran atomic.Int32
	release := make(chan struct{})
	var hung, fine sync.WaitGroup
	for range 10 {
		hung.Add(1)
		s.run(func() { defer hung.Done(); <-release; ran.Add(1) })
	}
	for range 1000 {
		fine.Add(1)
		s.run(func() { defer fine.Done(); ran.Add(1) })
	}
	fine.Wait()
	if n := ran.Load(); n != 1000 {
		t.Errorf("%d calls ran beside the ten that hang, want 1000", n)
	}
	close(release)
	hung.Wait()
	if n := ran.Load(); n != 1010 {
		t.Errorf("%d calls ran, want all", n)
	}
	if n := s.idle.Load(); n > maxSpare+1 {
		t.Errorf("%d goroutines wait, want at most %d", n, maxSpare)
	}
	var none *spare
	fine.Add(1)
	none.run(fine.Done)
	fine.Wait()
}
