package checks

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// exits hears that processes have ended, also before anybody has waited for
// them (pidfd_open(2), Linux 5.3): a descriptor for each, and an epoll(7)
// instance and a goroutine for all, as long as somebody listens. The zero value
// is ready for use.
type exits struct {
	mu    sync.Mutex
	epoll *os.File // nil when nobody listens
	fd    int      // of it
	waits map[int32]*exitWait
}

// exitWait is one who listens, by its pidfd.
type exitWait struct {
	pidfd int32
	tell  func(error)
}

// awaitExit has tell called once the process has ended. Nil means that the
// kernel cannot say, or that the process is another one by now.
func (h *Host) awaitExit(id identity, tell func(error)) (stop func()) {
	if h.proc() != "/proc" {
		return nil // a fixture
	}
	fd, err := unix.PidfdOpen(int(id.pid), 0)
	if err != nil {
		return nil
	}
	// The number may have been given to another process meanwhile.
	s, err := h.sight(id.pid)
	s.close()
	if err == nil && s.found && s.stat.identity == id {
		stop, err = h.exits.listen(&exitWait{int32(fd), tell}) //nolint:gosec // a descriptor
	}
	if stop == nil || err != nil {
		_ = unix.Close(fd) // nothing was read from it
		return nil
	}
	return stop
}

// listen adds one who listens, whose descriptor is closed when it is told or
// stops.
func (e *exits) listen(w *exitWait) (stop func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.epoll == nil {
		if err := e.open(); err != nil {
			return nil, err
		}
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: w.pidfd}
	if err := unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, int(w.pidfd), &event); err != nil {
		e.closeUnheard()
		return nil, fmt.Errorf("listen to the end of a process: %w", err)
	}
	e.waits[w.pidfd] = w
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.drop(w)
	}, nil
}

// open begins to hear.
func (e *exits) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("create epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime takes it
		_ = unix.Close(fd)
		return fmt.Errorf("create epoll instance: %w", err)
	}
	e.fd, e.epoll, e.waits = fd, os.NewFile(uintptr(fd), "epoll"), make(map[int32]*exitWait)
	go e.hear(e.epoll)
	return nil
}

// drop takes one who listens away; false when that was done before.
func (e *exits) drop(w *exitWait) bool {
	if e.waits[w.pidfd] != w {
		return false
	}
	delete(e.waits, w.pidfd)
	_ = unix.Close(int(w.pidfd)) // which also takes it off the instance
	e.closeUnheard()
	return true
}

func (e *exits) closeUnheard() {
	if len(e.waits) == 0 {
		epoll := e.epoll
		e.epoll = nil
		// It only reads. Close waits for hear, which may be telling.
		go func() { _ = epoll.Close() }()
	}
}

// hear tells of the ends until the instance is closed.
func (e *exits) hear(epoll *os.File) {
	raw, err := epoll.SyscallConn()
	if err != nil {
		return // it is closed
	}
	events := make([]unix.EpollEvent, 64)
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			switch {
			case errors.Is(err, unix.EINTR):
			case n <= 0:
				return false // the runtime waits for more
			default:
				e.told(events[:n])
			}
		}
	})
}

// told tells those whose processes have ended, without the lock: who is told
// may stop listening to others.
func (e *exits) told(events []unix.EpollEvent) {
	var ended []*exitWait
	e.mu.Lock()
	for _, event := range events {
		if w := e.waits[event.Fd]; w != nil && e.drop(w) {
			ended = append(ended, w)
		}
	}
	e.mu.Unlock()
	for _, w := range ended {
		w.tell(nil)
	}
}
