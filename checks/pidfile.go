package checks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxPID is PID_MAX_LIMIT of the kernel on 64 bits.
const maxPID = 1 << 22

// errNoPID is for a pidfile that was left alone without the number of a process, as
// a full disk or a power cut leaves one.
var errNoPID = errors.New("it names no process")

// pidfile is a pidfile that is read again when it has changed.
type pidfile struct {
	path string
	was  unix.Stat_t // when it was read; zero when that tells nothing
	pid  int32
}

// read is readPidfile, which a file that is the same as before is spared.
func (p *pidfile) read() (int32, error) {
	var now unix.Stat_t
	if err := unix.Stat(p.path, &now); err == nil && p.was.Ino != 0 && unchanged(&now, &p.was) {
		return p.pid, nil
	}
	pid, err := readPidfile(p.path)
	p.was, p.pid = unix.Stat_t{}, pid
	if err == nil && time.Since(time.Unix(now.Ctim.Unix())) > settled {
		p.was = now
	}
	return pid, err
}

// unchanged says whether a file is what it was. What rename(2) puts in its
// place has another inode; what writes to it sets its times.
func unchanged(a, b *unix.Stat_t) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim && a.Mode == b.Mode
}

// readPidfile is the process number on the first line of a file. The error
// wraps fs.ErrNotExist when there is no such file. A pipe does not hold it, for
// the file is opened without waiting and only a regular file is read.
func readPidfile(path string) (int32, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, unix.ENXIO): // a socket
		return 0, fmt.Errorf("read pidfile %q: not a regular file", path)
	case errors.Is(err, unix.ENOTDIR):
		return 0, fmt.Errorf("read pidfile %q: %w", path, os.ErrNotExist)
	case err != nil:
		return 0, fmt.Errorf("read pidfile %q: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var file unix.Stat_t
	if err := unix.Fstat(fd, &file); err != nil {
		return 0, fmt.Errorf("read pidfile %q: %w", path, err)
	}
	if file.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, fmt.Errorf("read pidfile %q: not a regular file", path)
	}
	var buf [256]byte
	n, err := unix.Read(fd, buf[:])
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(fd, buf[:])
	}
	if err != nil {
		return 0, fmt.Errorf("read pidfile %q: %w", path, err)
	}
	pid, err := parsePID(buf[:n])
	if err != nil {
		return 0, fmt.Errorf("read pidfile %q: %w", path, leftAlone(err, time.Since(time.Unix(file.Ctim.Unix()))))
	}
	return pid, nil
}

// leftAlone is why a pidfile that nobody has touched for some time has no number of
// a process. Whoever has just made it may be about to write one.
func leftAlone(err error, since time.Duration) error {
	if since > settled {
		return fmt.Errorf("%w: %w", errNoPID, err)
	}
	return err
}

// parsePID is the process number that a pidfile begins with. More may follow
// after white space: PostgreSQL keeps its directory and port there.
func parsePID(data []byte) (int32, error) {
	words := bytes.Fields(bytes.TrimRight(data, "\x00"))
	if len(words) == 0 {
		return 0, errors.New("no process number in it: the file is empty")
	}
	word := words[0]
	if pid, ok := integer(word); ok && pid >= 1 && pid <= maxPID && word[0] != '-' {
		return int32(pid), nil
	}
	cut := ""
	if len(word) > 32 {
		word, cut = word[:32], "..."
	}
	return 0, fmt.Errorf("no process number in it: it begins with %q%s", word, cut)
}
