//go:build e2e && bench

package e2e

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/postbox"
)

// The things of TestIsolation that do not answer, and for how long.
const (
	silentHosts   = 10
	isolationTime = 25 * time.Second
	isolatedKills = 20
)

// TestIsolation prints how late other checks begin while hosts do not answer, a
// program runs for 20 s and the mail server is dead, all at once. A lost alert
// fails it; how late they are does not.
func TestIsolation(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	dead := newSilence(t, address(box))
	c := newClock(t, timed)
	victims, blocks := s.victims(isolatedKills, "30s")
	blocks = append(append(blocks, c.checks()...), mailTo("ops", "ops@example.com"),
		s.account("box", dead.port(), "implicit", box, unlimited+"\n  timeout = \"5s\"\n  retry = [\"1s\", \"2s\"]"))
	a := s.watching(ctx, blocks...)
	alone := c.measure(10 * time.Second)
	a.stop(ctx)

	for i := range silentHosts {
		blocks = append(blocks,
			askHost(fmt.Sprintf("unheard%d", i), fullPort(t)), // its connection is never taken
			askHost(fmt.Sprintf("silent%d", i), newSilence(t, "").port()))
	}
	blocks = append(blocks, s.runProgram("slow", s.script("slow", "#!/bin/sh\nprintf . >>\"$1\"\nsleep 20\n"), "21s", "30s"))
	a = s.watching(ctx, blocks...)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(isolationTime / isolatedKills / 2)
		defer tick.Stop()
		for _, v := range victims {
			<-tick.C
			v.kill()
		}
	})
	beside := c.measure(isolationTime)
	wg.Wait()
	if n := len(box.Mails()); n > 0 || s.runs("slow") == 0 {
		t.Errorf("%d mails went through a dead server, the slow program ran %d times", n, s.runs("slow"))
	}
	began := time.Now()
	dead.open()
	s.ok(ctx, "queue", "retry")
	told, victim := map[string]bool{}, regexp.MustCompile(`\bp\d{3}\b`) // a digest tells several
	for len(told) < isolatedKills {
		l := receive(ctx, t, box)
		for _, name := range victim.FindAllString(l.subject+"\n"+l.text, -1) {
			told[name] = true
		}
	}
	back := time.Since(began)
	a.stop(ctx)
	fmt.Printf("other checks late, alone:                                          %s\n", quantiles(alone))
	fmt.Printf("  with %d silent hosts, a program of 20 s and a dead mail server:  %s\n", 2*silentHosts, quantiles(beside))
	fmt.Printf("  alerts meanwhile: %d, all told %.0f ms after the server was back\n", len(told), milliseconds(back))
}

// askHost is a check of a port of this machine, which takes its whole timeout.
func askHost(name string, port int) string {
	return fmt.Sprintf("check \"host\" %q {\n  address = \"127.0.0.1\"\n  port = %d\n  interval = \"5s\"\n  timeout = \"4s\"\n  rule \"slow\" {\n    when = response.time > 1000\n  }\n}\n", name, port)
}

// fullPort is a port whose queue is full: the kernel drops who else comes.
func fullPort(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(fd, 0))
	name, err := unix.Getsockname(fd)
	must(t, err)
	port := name.(*unix.SockaddrInet4).Port
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return port
}

// silence is a server that takes connections and says nothing, until it opens:
// then they go to target.
type silence struct {
	listener net.Listener
	target   string
	opened   atomic.Bool

	mu   sync.Mutex
	held []net.Conn
}

func newSilence(t *testing.T, target string) *silence {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &silence{listener: l, target: target}
	t.Cleanup(func() {
		_ = l.Close()
		s.hangUp()
	})
	go s.serve()
	return s
}

func (s *silence) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *silence) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.opened.Load() {
			go s.forward(conn)
			continue
		}
		s.mu.Lock()
		s.held = append(s.held, conn)
		s.mu.Unlock()
	}
}

// open ends the silence.
func (s *silence) open() {
	s.opened.Store(true)
	s.hangUp()
}

func (s *silence) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.held {
		_ = conn.Close()
	}
	s.held = nil
}

func (s *silence) forward(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", s.target)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(server, client); done <- struct{}{} }()
	go func() { _, _ = io.Copy(client, server); done <- struct{}{} }()
	<-done
}
