//go:build e2e

package e2e

import (
	"context"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// gate is the address of a mail server that is down: connections are refused
// until it opens, and go to target from then on. The port is its own all the
// time.
type gate struct {
	t      *testing.T
	fd     int
	port   int
	target string
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	// Bound and not listening: the kernel refuses who comes.
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := unix.Getsockname(fd)
	must(t, err)
	return &gate{t: t, fd: fd, port: name.(*unix.SockaddrInet4).Port, target: target}
}

// open lets connections through.
func (g *gate) open() {
	g.t.Helper()
	must(g.t, unix.Listen(g.fd, 64))
	file := os.NewFile(uintptr(g.fd), "gate")
	listener, err := net.FileListener(file)
	must(g.t, err)
	must(g.t, file.Close())
	g.t.Cleanup(func() { _ = listener.Close() })
	ctx := g.t.Context()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go g.forward(ctx, conn)
		}
	}()
}

func (g *gate) forward(ctx context.Context, client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", g.target)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // ends with either side
		done <- struct{}{}
	}
	go pipe(server, client)
	go pipe(client, server)
	<-done
}
