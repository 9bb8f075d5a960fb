package checks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errTooLong is for a file that is longer than its bound.
var errTooLong = errors.New("too long")

// readFile reads a file of proc(5), which has no size to ask for. It returns
// the first limit bytes and errTooLong when there are more.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return data[:limit], fmt.Errorf("read %q: %w: more than %d bytes", path, errTooLong, limit)
	}
	return data, nil
}

// procDir is an open directory of proc(5): /proc itself or one /proc/PID. All
// that is read through an open /proc/PID belongs to one process: once it has
// ended, its files answer ESRCH, and a new process with the same number does
// not show through.
type procDir int

// openDir opens a directory. The caller closes it.
func openDir(path string) (procDir, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return procDir(fd), nil
	}
}

// openPID opens /proc/PID. The caller closes it.
func openPID(proc string, pid int32) (procDir, error) {
	return openDir(filepath.Join(proc, strconv.FormatInt(int64(pid), 10)))
}

// close closes the directory. Nothing was written, so nothing can be lost.
func (d procDir) close() { _ = unix.Close(int(d)) }

// read reads a file into buf and returns what fits; a full buffer means that
// the file may be longer. The files of one process come in one piece, so one
// read(2) is enough. The name ends in NUL: a string would be copied to the
// heap for every file of every process.
func (d procDir) read(name, buf []byte) ([]byte, error) {
	fd, err := d.open(name, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}

// open is openat(2) of a name that ends in NUL.
func (d procDir) open(name []byte, flags int) (int, error) {
	if len(name) == 0 || name[len(name)-1] != 0 {
		return -1, unix.EINVAL
	}
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(d), uintptr(unsafe.Pointer(&name[0])), //nolint:gosec // unix.Openat copies the name to the heap.
			uintptr(flags|unix.O_RDONLY|unix.O_CLOEXEC), 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// countFDs is the number of open file descriptors of the process whose
// /proc/PID this is. It needs the right to trace it (ptrace(2)).
func (d procDir) countFDs(buf []byte) (int, error) {
	fd, err := d.open([]byte("fd\x00"), unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	// Since Linux 6.2 the size of the directory is the number, which saves
	// walking through the 100,000 connections of a proxy.
	var file unix.Stat_t
	var on unix.Statfs_t
	if unix.Fstat(fd, &file) == nil && file.Size > 0 && unix.Fstatfs(fd, &on) == nil && on.Type == unix.PROC_SUPER_MAGIC {
		return int(file.Size), nil
	}
	n := 0
	err = procDir(fd).numbers(buf, func(int32) error { n++; return nil })
	return n, err
}

// numbers calls each for every entry of the directory whose name is a number,
// and stops at its first error. buf holds the entries, 4 KiB or more.
func (d procDir) numbers(buf []byte, each func(n int32) error) error {
	for {
		n, err := unix.Getdents(int(d), buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if err := eachNumber(buf[:n], each); err != nil {
			return err
		}
	}
}

// eachNumber walks through the records of getdents64(2): inode (8 bytes),
// offset (8), length of the record (2), type (1), name up to a NUL.
func eachNumber(records []byte, each func(n int32) error) error {
	const nameAt = 19
	for len(records) >= nameAt {
		length := int(binary.NativeEndian.Uint16(records[16:]))
		if length < nameAt || length > len(records) {
			return fmt.Errorf("read directory: a record of %d bytes", length)
		}
		if n, ok := number(records[nameAt:length]); ok {
			if err := each(n); err != nil {
				return err
			}
		}
		records = records[length:]
	}
	return nil
}

// number is the decimal number before the first NUL; false for anything else.
func number(name []byte) (int32, bool) {
	n := int64(0)
	for i, c := range name {
		switch {
		case c == 0:
			return int32(n), i > 0
		case c < '0' || c > '9' || n > 1<<27:
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return 0, false
}
