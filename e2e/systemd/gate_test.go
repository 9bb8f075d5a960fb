//go:build e2esystemd

package systemd

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// gate is the mail server as the machine sees it: Postfix behind a delay of
// its greeting, or nobody, and then the kernel refuses who comes.
type gate struct {
	t       *testing.T
	address string
	target  string

	mu       sync.Mutex
	delay    time.Duration
	listener net.Listener
	conns    map[net.Conn]bool
}

// mailPort is where the gate is. The address is the test's alone.
const mailPort = "587"

func newGate(ctx context.Context, t *testing.T, host, target string) *gate {
	t.Helper()
	g := &gate{t: t, address: net.JoinHostPort(host, mailPort), target: target, conns: make(map[net.Conn]bool)}
	t.Cleanup(g.shut)
	g.open(ctx)
	return g
}

// open lets connections through from now on.
func (g *gate) open(ctx context.Context) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	g.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", g.address)
	must(g.t, err)
	go g.accept(g.listener)
}

// shut refuses connections from now on and ends those there are.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener == nil {
		return
	}
	_ = g.listener.Close()
	g.listener = nil
	for conn := range g.conns {
		_ = conn.Close()
	}
}

// slow sets how long the greeting takes.
func (g *gate) slow(delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = delay
}

func (g *gate) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		delay := g.delay
		if g.listener == listener {
			g.conns[conn] = true
			go g.forward(conn, delay)
		} else {
			_ = conn.Close()
		}
		g.mu.Unlock()
	}
}

func (g *gate) forward(client net.Conn, delay time.Duration) {
	defer func() {
		_ = client.Close()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.conns, client)
	}()
	<-time.After(delay)
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).Dial("tcp", g.target)
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
