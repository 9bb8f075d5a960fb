package smtp_test

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how much one side of a cable may send before the other reads, as
// the buffers of a real connection have it.
const window = 64 << 10

// cable is a connection in memory that behaves like one of TCP: what was sent
// and not read waits, a packet is read alone, and a side that hangs up does so
// with or without a reset. It works on the clock of testing/synctest, and a
// net.Pipe would not do: two sides that talk at once block there.
type cable struct {
	mu    sync.Mutex
	moved *sync.Cond
	reset bool
	ends  [2]end
}

// newCable returns both ends.
func newCable() (client, server *end) {
	c := &cable{}
	c.moved = sync.NewCond(&c.mu)
	for i := range c.ends {
		c.ends[i] = end{cable: c, peer: &c.ends[1-i]}
	}
	return &c.ends[0], &c.ends[1]
}

// end is one end of a cable; the zero value is not usable.
type end struct {
	cable  *cable
	peer   *end
	inbox  [][]byte // packets that came and were not read
	held   int      // bytes in inbox
	closed bool

	readBy, writeBy time.Time
	timers          [2]*time.Timer
}

func expired(by time.Time) bool { return !by.IsZero() && !time.Now().Before(by) }

// Read reads from one packet at most.
func (e *end) Read(p []byte) (int, error) {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	for {
		switch {
		case e.closed:
			return 0, net.ErrClosed
		case expired(e.readBy):
			return 0, os.ErrDeadlineExceeded
		case e.cable.reset:
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case len(e.inbox) > 0:
			n := copy(p, e.inbox[0])
			if e.inbox[0] = e.inbox[0][n:]; len(e.inbox[0]) == 0 {
				e.inbox = e.inbox[1:]
			}
			e.held -= n
			e.cable.moved.Broadcast()
			return n, nil
		case e.peer.closed:
			return 0, io.EOF
		}
		e.cable.moved.Wait()
	}
}

// Write sends a packet, in pieces when the window is full.
func (e *end) Write(p []byte) (n int, err error) {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	for n < len(p) {
		switch space := window - e.peer.held; {
		case e.closed:
			return n, net.ErrClosed
		case expired(e.writeBy):
			return n, os.ErrDeadlineExceeded
		case e.cable.reset, e.peer.closed:
			return n, os.NewSyscallError("write", syscall.EPIPE)
		case space > 0:
			piece := append([]byte(nil), p[n:min(len(p), n+space)]...)
			e.peer.inbox = append(e.peer.inbox, piece)
			e.peer.held += len(piece)
			n += len(piece)
			e.cable.moved.Broadcast()
		default:
			e.cable.moved.Wait()
		}
	}
	return n, nil
}

// Pending says whether there is something to read.
func (e *end) Pending() bool {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	return len(e.inbox) > 0
}

// Close hangs up. What was sent before is still read.
func (e *end) Close() error {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	e.closed = true
	for _, t := range e.timers {
		if t != nil {
			t.Stop()
		}
	}
	e.cable.moved.Broadcast()
	return nil
}

// abort hangs up with a reset: what was not read is lost.
func (e *end) abort() {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	e.cable.reset = true
	e.cable.moved.Broadcast()
}

// awaitHangup returns when the other side has hung up, without reading.
func (e *end) awaitHangup() {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	for !e.peer.closed {
		e.cable.moved.Wait()
	}
}

func (e *end) setBy(which int, by time.Time) {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	if which == 0 {
		e.readBy = by
	} else {
		e.writeBy = by
	}
	if e.timers[which] != nil {
		e.timers[which].Stop()
		e.timers[which] = nil
	}
	if !by.IsZero() && !e.closed {
		e.timers[which] = time.AfterFunc(time.Until(by), func() {
			e.cable.mu.Lock()
			defer e.cable.mu.Unlock()
			e.cable.moved.Broadcast()
		})
	}
	e.cable.moved.Broadcast()
}

func (e *end) SetReadDeadline(by time.Time) error  { e.setBy(0, by); return nil }
func (e *end) SetWriteDeadline(by time.Time) error { e.setBy(1, by); return nil }

func (e *end) SetDeadline(by time.Time) error {
	e.setBy(0, by)
	e.setBy(1, by)
	return nil
}

func (*end) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 49152} }
func (*end) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 587} }
