package checks

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// maxProcText bounds a file of proc(5) about the whole host: /proc/stat has a
// line of numbers for every interrupt.
const maxProcText = 1 << 20

// readInto appends a file of proc(5) or sysfs(5) to buf, which grows as it
// must, and returns it: also with an error, so that it is used again. It
// returns errTooLong when there are more than limit bytes.
func readInto(path string, buf []byte, limit int) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return buf, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= limit {
				return buf, fmt.Errorf("read %q: %w: more than %d bytes", path, errTooLong, limit)
			}
			buf = append(buf, make([]byte, max(4<<10, len(buf)))...)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return buf, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// pageSize is that of memory in bytes.
func pageSize() float64 { return float64(os.Getpagesize()) }
