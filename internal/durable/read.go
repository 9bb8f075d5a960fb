package durable

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrForeign says that what is at a path is no file that this package wrote: a
// symbolic link, a FIFO, a device, a directory, another user's, or one that is
// too large.
var ErrForeign = errors.New("not a file of ours")

// ReadFile reads a file of at most so many bytes. It never waits, whatever is at
// path. The error is an ErrForeign, or the system's, such as fs.ErrNotExist.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%w: %s is no regular file of at most %d bytes", ErrForeign, path, most)
	}
	return io.ReadAll(io.LimitReader(f, most))
}
