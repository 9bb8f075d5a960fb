package checks

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// urgent hears what files of proc(5) call exceptional: that the mounts have
// changed, that a limit of pressure was reached (poll(2), POLLPRI and POLLERR).
// It takes a descriptor and no thread: an epoll(7) instance of its own, which
// wants nothing but that, is itself waited for by the runtime. The runtime
// alone would take the files, which can always be read, for changed.
type urgent struct {
	epoll *os.File
}

// newUrgent hears nothing yet. The caller closes it.
func newUrgent() (*urgent, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime takes it
		_ = unix.Close(fd)
		return nil, fmt.Errorf("create epoll instance: %w", err)
	}
	return &urgent{os.NewFile(uintptr(fd), "epoll")}, nil
}

// add adds an open file, which the caller keeps open. It fails for a file that
// can tell of nothing, such as a regular one.
func (u *urgent) add(fd int) error {
	raw, err := u.epoll.SyscallConn()
	if err != nil {
		return fmt.Errorf("listen to a file: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLPRI | unix.EPOLLERR, Fd: int32(fd)} //nolint:gosec // a descriptor
	var added error
	err = raw.Control(func(epoll uintptr) { added = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, fd, &event) })
	if err = errors.Join(err, added); err != nil {
		return fmt.Errorf("listen to a file: %w", err)
	}
	return nil
}

// each calls told now and after each event, until told is true or the instance
// is closed. An event that comes while told runs has it called again. heard
// says for certain that there was one; after the first call there always was.
// An event before the first call may be lost, so that call must look.
func (u *urgent) each(told func(heard bool) bool) error {
	raw, err := u.epoll.SyscallConn()
	if err == nil {
		err = raw.Read(func(epoll uintptr) bool {
			var events [4]unix.EpollEvent
			// This also empties the instance's list of what has woken us.
			n, err := unix.EpollWait(int(epoll), events[:], 0)
			return told(err == nil && n > 0)
		})
	}
	if err != nil {
		return fmt.Errorf("wait for an event: %w", err)
	}
	return nil
}

// await returns nil after the next event.
func (u *urgent) await(ctx context.Context) error {
	stop := context.AfterFunc(ctx, u.close)
	defer stop()
	calls := 0
	err := u.each(func(heard bool) bool { calls++; return heard || calls > 1 })
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// close ends each. That it was closed already is fine.
func (u *urgent) close() { _ = u.epoll.Close() }
