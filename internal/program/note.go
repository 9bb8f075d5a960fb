package program

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// noteRoom is how much what a lasting program leaves can print when nobody
// reads any more, in bytes; the kernel may give less.
const noteRoom = 256 << 10

// notePause is how long what a daemon prints gathers before it is thrown away,
// so that a loud one costs little.
const notePause = 10 * time.Millisecond

// note is what a lasting program writes to, and what it leaves: a pipe whose
// write end is open for reading too (fifo(7)), so that nobody is killed by
// SIGPIPE when this process ends. While the program runs it is like any pipe.
// Then what is written is thrown away as long as this process lives, and nobody
// waits for it: a write into a full pipe fails (EAGAIN).
type note struct {
	read, write *os.File
	to          io.Writer
	copied      chan struct{} // closed when the copying has ended; nil before it began
}

// newNote makes a note that the user may open by its name, too (/dev/stderr).
func newNote(uid uint32) (*note, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer closeFile(w)
	if int(uid) != os.Geteuid() {
		_ = unix.Fchown(int(w.Fd()), int(uid), -1) // else it cannot open it, but write
	}
	_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, noteRoom) // else it is smaller
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		closeFile(r)
		return nil, fmt.Errorf("open a pipe: %w", err)
	}
	return &note{read: r, write: os.NewFile(uintptr(fd), "output")}, nil
}

// copy copies what is written until finish is called. A tail takes everything.
func (n *note) copy(to io.Writer) {
	n.to, n.copied = to, make(chan struct{})
	go func() {
		defer close(n.copied)
		_, _ = io.Copy(to, n.read)
	}()
}

// finish copies what the program has written by its end.
func (n *note) finish() {
	_ = n.read.SetReadDeadline(time.Unix(1, 0)) // which ends the copying
	<-n.copied
	_ = n.read.SetReadDeadline(time.Time{})
	_ = unix.SetNonblock(int(n.write.Fd()), true) // for all who have it
	raw, err := n.read.SyscallConn()
	if err != nil {
		return
	}
	data := make([]byte, noteRoom)
	got := 0
	err = raw.Read(func(fd uintptr) bool {
		for got < len(data) {
			k, err := unix.Read(int(fd), data[got:])
			if err == unix.EINTR {
				continue
			}
			if k <= 0 {
				break
			}
			got += k
		}
		return true
	})
	if err == nil {
		_, _ = n.to.Write(data[:got])
	}
}

// leave gives the note to those who still have it, and reads until they are
// gone, so that what they write does not fail.
func (n *note) leave() {
	closeFile(n.write)
	if n.copied == nil { // nobody has it
		closeFile(n.read)
		return
	}
	go func() {
		defer closeFile(n.read)
		data := make([]byte, 32<<10)
		for {
			if _, err := n.read.Read(data); err != nil {
				return
			}
			<-time.After(notePause)
		}
	}()
}
