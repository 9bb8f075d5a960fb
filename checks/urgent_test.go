package checks

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// shared is a log that several goroutines write.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// logged is a host with a log, and the number of its lines.
func logged(t *testing.T, proc string) (*Host, func() int) {
	t.Helper()
	out := &shared{}
	h, _ := fixtureHost(t, proc)
	h.Log = slog.New(slog.NewTextHandler(out, nil))
	return h, func() int {
		out.mu.Lock()
		defer out.mu.Unlock()
		return strings.Count(out.text.String(), "\n")
	}
}

// outOfBand is a connection and what makes it urgent (tcp(7)).
func outOfBand(t *testing.T) (fd int, urge func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	file := func(c net.Conn) int {
		f, err := c.(*net.TCPConn).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return int(f.Fd())
	}
	in, out := file(server), file(client)
	return in, func() {
		if err := unix.Sendto(out, []byte("!"), unix.MSG_OOB, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestUrgent(t *testing.T) {
	fd, urge := outOfBand(t)
	u, err := newUrgent()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.add(fd); err != nil {
		t.Fatal(err)
	}
	first, done := make(chan bool), make(chan error, 1)
	go func() {
		calls := 0
		done <- u.each(func(bool) bool {
			if calls++; calls == 1 {
				close(first)
			}
			return calls > 1
		})
	}()
	<-first
	urge()
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil after the event", err)
	}
	// What was urgent already is told at once.
	if err := u.await(t.Context()); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	u.close()
	if err := u.add(fd); err == nil {
		t.Error("got nil of a closed instance, want an error")
	}
}

func TestUrgentEndsWithItsContext(t *testing.T) {
	fd, _ := outOfBand(t)
	u, err := newUrgent()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.add(fd); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.await(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestUrgentRefusesRegularFiles(t *testing.T) {
	u, err := newUrgent()
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	f, err := os.Open(write(t, "x", t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := u.add(int(f.Fd())); !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want %v", err, unix.EPERM)
	}
}
