package checks

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The least time between two looks at all the mounts, also as a multiple of how
// long a look took: a host of containers has thousands of mounts and changes
// them many times a second.
const (
	mountGap   = 100 * time.Millisecond
	mountShare = 20
)

// gapAfter is how long to wait after a look.
func gapAfter(took time.Duration) time.Duration { return max(mountGap, mountShare*took) }

// mountEvents hears from the kernel that a mount was made, taken away or given
// other options (proc(5) mountinfo, poll(2)): one descriptor and one goroutine
// for all checks of a host, as long as somebody waits. What it does not hear,
// such as a file system that turns read-only after an error, the next reading
// finds. The zero value is ready for use.
type mountEvents struct {
	mu    sync.Mutex
	heard *mountWatch // nil when nobody waits
}

// mountWatch is the one goroutine, with those who wait.
type mountWatch struct {
	events *urgent
	file   int           // mountinfo, which closes with the goroutine
	closed chan struct{} // when nobody waits any more
	waits  map[*mountWait]bool
}

// mountWait waits for a table of mounts in which something is different.
type mountWait struct {
	differs func(mounts []mount) bool
	woken   chan error
}

// await returns nil when differs is true of the mounts, or has become so
// before the call.
func (e *mountEvents) await(ctx context.Context, h *Host, differs func(mounts []mount) bool) error {
	w := &mountWait{differs: differs, woken: make(chan error, 1)}
	if err := e.enter(h, w); err != nil {
		return fmt.Errorf("wait for a mount: %w", err)
	}
	defer e.leave(w)
	// What happened before it was entered is in this table.
	if mounts, err := h.mountsSince(0); err == nil && differs(mounts) {
		return nil
	}
	select {
	case err := <-w.woken:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for a mount: %w", ctx.Err())
	}
}

// enter adds one who waits, and begins to listen for the first one.
func (e *mountEvents) enter(h *Host, w *mountWait) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard == nil {
		file, err := openMounts(h.proc())
		if err != nil {
			return err
		}
		events, err := newUrgent()
		if err == nil {
			if err = events.add(file); err != nil {
				events.close()
			}
		}
		if err != nil {
			_ = unix.Close(file) // nothing was read from it
			return err
		}
		e.heard = &mountWatch{events: events, file: file, closed: make(chan struct{}), waits: map[*mountWait]bool{}}
		go e.hear(h, e.heard)
	}
	e.heard.waits[w] = true
	return nil
}

// openMounts opens the file that mountTable reads.
func openMounts(proc string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Open(filepath.Join(proc, "1/mountinfo"), flags, 0)
	if hiddenMounts(err) {
		fd, err = unix.Open(filepath.Join(proc, "self/mountinfo"), flags, 0)
	}
	return fd, err
}

// leave takes one who waits away, and ends listening with the last one.
func (e *mountEvents) leave(w *mountWait) {
	if unheard := e.drop(w); unheard != nil {
		// Not under the lock: this waits for a look that may wait for it.
		close(unheard.closed)
		unheard.events.close()
	}
}

// drop returns the watch when nobody waits for it any more, else nil.
func (e *mountEvents) drop(w *mountWait) *mountWatch {
	e.mu.Lock()
	defer e.mu.Unlock()
	watch := e.heard
	if watch == nil || !watch.waits[w] {
		return nil
	}
	if delete(watch.waits, w); len(watch.waits) > 0 {
		return nil
	}
	e.heard = nil
	return watch
}

// hear looks at the mounts after each event and wakes those for whom something
// is different.
func (e *mountEvents) hear(h *Host, watch *mountWatch) {
	defer func() { _ = unix.Close(watch.file) }() // it only read
	gap := time.NewTimer(0)
	defer gap.Stop()
	// The first call is for what happened since await has looked.
	err := watch.events.each(func(bool) bool {
		select {
		case <-gap.C:
		case <-watch.closed:
			return true
		}
		began := time.Now()
		mounts, err := h.mountsSince(0)
		gap.Reset(gapAfter(time.Since(began)))
		e.mu.Lock()
		defer e.mu.Unlock()
		for w := range watch.waits {
			if err != nil || w.differs(mounts) {
				w.wake(nil) // what cannot be read now, the reading will say
			}
		}
		return false
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard != watch {
		return // closed
	}
	for w := range watch.waits {
		w.wake(fmt.Errorf("wait for a mount: %w", errors.Join(err, errors.New("listening has ended"))))
	}
	watch.events.close()
	e.heard = nil
}

func (w *mountWait) wake(err error) {
	select {
	case w.woken <- err:
	default:
	}
}
