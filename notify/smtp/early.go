package smtp

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errEarly is for a reply that was there before its command.
var errEarly = fmt.Errorf("%w: a reply came before its command", ErrProtocol)

// early reads such a reply. Only "421 closing" may come unasked (RFC 5321 3.8).
func (w *wire) early() (response, error) {
	resp, err := readResponse(w.r)
	if err != nil {
		return response{}, fmt.Errorf("%w: %w", errEarly, err)
	}
	if resp.code != codeClosing {
		return response{}, fmt.Errorf("%w: %d", errEarly, resp.code)
	}
	return resp, nil
}

// recordTime is how long the rest of a TLS record may take whose begin is
// there.
const recordTime = 100 * time.Millisecond

// pending says whether there is something to read before anything was asked. A
// message that was answered before its final dot was not taken: the answer is
// one to something else, or a lie.
func (w *wire) pending() bool {
	if w.r.Buffered() > 0 {
		return true
	}
	// Without anything in the kernel, TLS alone may have something left: that
	// it gives at once, whatever the deadline.
	by := time.Unix(1, 0)
	if arrived(w.raw) {
		by = time.Now().Add(recordTime)
	}
	if w.conn.SetReadDeadline(by) != nil {
		return false
	}
	_, err := w.r.Peek(1)
	return err == nil
}

// pender is a connection of a test, which knows what it holds.
type pender interface{ Pending() bool }

// arrived says whether the kernel has something to read, without waiting for
// it (recv(2), MSG_DONTWAIT).
func arrived(conn net.Conn) bool {
	if p, ok := conn.(pender); ok {
		return p.Pending()
	}
	system, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	if raw.Control(func(fd uintptr) {
		n, _, _ = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}) != nil {
		return false
	}
	return n > 0
}

// premature reads an answer to a message that came before its final dot. Of
// these only a refusal counts: a server may say early that it will not have it.
// In any case the conversation is over.
func (s *Session) premature(ctx context.Context, began time.Time) (Reply, error) {
	defer s.shut()
	if err := s.conn.SetReadDeadline(time.Now().Add(lastWordsTimeout)); err != nil {
		return Reply{}, s.fail(ctx, PhaseDot, err)
	}
	resp, err := readResponse(s.r)
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", errEarly, err)
	case resp.code < 400:
		err = fmt.Errorf("%w: %d", errEarly, resp.code)
	}
	reply, _, err := s.heard(ctx, PhaseDot, began, "", resp, err)
	return reply, err
}
