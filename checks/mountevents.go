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

// The least time between two looks at all the mounts in the long run, also as a
// multiple of how long a look took: a host of containers has thousands of mounts
// and changes them many times a second. A few looks may follow one another at
// once, so that one event alone never waits.
const (
	mountGap   = 100 * time.Millisecond
	mountShare = 20
	mountBurst = 4
)

// gapAfter is how long to wait after a look.
func gapAfter(took time.Duration) time.Duration { return max(mountGap, mountShare*took) }

// pace spreads looks. The zero value has seen none.
type pace struct {
	paid time.Time     // when all looks so far have had their gaps
	gap  time.Duration // of the last one
}

// wait is how long the next look has to wait.
func (p *pace) wait(now time.Time) time.Duration {
	return max(0, p.paid.Sub(now)-(mountBurst-1)*p.gap)
}

// took takes a look into account.
func (p *pace) took(began time.Time, took time.Duration) {
	if p.gap = gapAfter(took); p.paid.Before(began) {
		p.paid = began
	}
	p.paid = p.paid.Add(p.gap)
}

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
	tell    func(error)
}

// await returns nil when differs is true of the mounts, or has become so
// before the call.
func (e *mountEvents) await(ctx context.Context, h *Host, differs func(mounts []mount) bool) error {
	told := make(chan error, 1)
	if stop := e.listen(h, differs, func(err error) { told <- err }); stop != nil {
		defer stop()
	}
	select {
	case err := <-told:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for a mount: %w", ctx.Err())
	}
}

// listen has tell called once, with nil when differs is true of the mounts, or
// has become so before the call. A nil stop means that it was called.
func (e *mountEvents) listen(h *Host, differs func(mounts []mount) bool, tell func(error)) (stop func()) {
	w := &mountWait{differs, tell}
	if err := e.enter(h, w); err != nil {
		tell(fmt.Errorf("wait for a mount: %w", err))
		return nil
	}
	// What happened before it was entered is in this table.
	if mounts, err := h.mountsSince(0); err == nil && differs(mounts) {
		if e.leave(w) {
			tell(nil)
		}
		return nil
	}
	return func() { e.leave(w) }
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

// leave takes one who waits away, and ends listening with the last one; false
// when it was told before.
func (e *mountEvents) leave(w *mountWait) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	watch := e.heard
	if watch == nil || !watch.waits[w] {
		return false
	}
	if delete(watch.waits, w); len(watch.waits) == 0 {
		e.end(watch)
	}
	return true
}

// end ends listening; it may be called from within a look.
func (e *mountEvents) end(watch *mountWatch) {
	e.heard = nil
	close(watch.closed)
	go watch.events.close() // which waits for a look
}

// hear looks at the mounts after each event and tells those for whom something
// is different.
func (e *mountEvents) hear(h *Host, watch *mountWatch) {
	defer func() { _ = unix.Close(watch.file) }() // it only read
	gap := time.NewTimer(0)
	defer gap.Stop()
	var looks pace
	// The first call is for what happened since await has looked.
	err := watch.events.each(func(bool) bool {
		gap.Reset(looks.wait(time.Now()))
		select {
		case <-gap.C:
		case <-watch.closed:
			return true
		}
		began := time.Now()
		mounts, err := h.mountsSince(0)
		looks.took(began, time.Since(began))
		for _, w := range e.concerned(watch, func(w *mountWait) bool {
			return err != nil || w.differs(mounts) // what cannot be read now, the reading will say
		}) {
			w.tell(nil)
		}
		return false
	})
	err = fmt.Errorf("wait for a mount: %w", errors.Join(err, errors.New("listening has ended")))
	for _, w := range e.concerned(watch, func(*mountWait) bool { return true }) {
		w.tell(err)
	}
}

// concerned takes those who are to be told off the watch, to be told without the
// lock: who is told may listen again.
func (e *mountEvents) concerned(watch *mountWatch, is func(w *mountWait) bool) []*mountWait {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard != watch {
		return nil // it has ended
	}
	var all []*mountWait
	for w := range watch.waits {
		if is(w) {
			all = append(all, w)
			delete(watch.waits, w)
		}
	}
	if len(watch.waits) == 0 {
		e.end(watch)
	}
	return all
}
