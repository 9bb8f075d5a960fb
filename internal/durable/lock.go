package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process holds the lock; the error is a
// *LockedError.
var ErrLocked = errors.New("in use by another process")

// LockedError names the holder of a lock.
type LockedError struct{ Path, Holder string }

// Error names the lock and its holder.
func (e *LockedError) Error() string {
	return fmt.Sprintf("lock %s: %v: %s", e.Path, ErrLocked, e.Holder)
}

// Unwrap makes errors.Is(err, ErrLocked) true.
func (*LockedError) Unwrap() error { return ErrLocked }

// Lock is an exclusive flock(2) on a file. The kernel releases it with the
// process, however that ends.
type Lock struct{ file *os.File }

// Acquire takes the lock at path without waiting and writes holder into it.
// When somebody else has it the error is ErrLocked and names them.
func Acquire(path, holder string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &LockedError{path, read(f)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		// The holder's name is a courtesy: on a full disk the lock holds
		// without it.
		_, _ = f.WriteAt([]byte(holder), 0)
	}
	return &Lock{file: f}, nil
}

func read(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 256))
	if err != nil || len(text) == 0 {
		return "an unnamed process"
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(text)), "?")
}

// Release gives the lock up.
func (l *Lock) Release() error { return l.file.Close() }
