package checks

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// awaitExit makes a function that returns nil once the process has ended, also
// when nobody has waited for it yet (pidfd_open(2), Linux 5.3). It costs a
// descriptor and no thread. Nil means that the kernel cannot say.
func (h *Host) awaitExit(id identity) func(ctx context.Context) error {
	if h.proc() != "/proc" {
		return nil // a fixture
	}
	fd, err := unix.PidfdOpen(int(id.pid), unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil
	}
	// Not blocking, so that the runtime polls it (epoll(7)).
	file := os.NewFile(uintptr(fd), "pidfd")
	// The number may have been given to another process meanwhile.
	s, err := h.sight(id.pid)
	s.close()
	if err != nil || !s.found || s.stat.identity != id {
		_ = file.Close() // nothing was read from it
		return nil
	}
	return func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = file.Close() })
		defer stop()
		defer func() { _ = file.Close() }() // that it is closed already is fine
		raw, err := file.SyscallConn()
		if err != nil {
			return fmt.Errorf("wait for the end of process %d: %w", id.pid, err)
		}
		if err := raw.Read(ended); err != nil {
			return fmt.Errorf("wait for the end of process %d: %w", id.pid, errors.Join(ctx.Err(), err))
		}
		return nil
	}
}

// ended says whether the process of a pidfd has: it is readable then.
func ended(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLIN != 0
}
