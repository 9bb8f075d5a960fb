//go:build e2e

package e2e

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// transcript is text that grows and can be waited for.
type transcript struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{}
}

func newTranscript() *transcript { return &transcript{grown: make(chan struct{})} }

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	close(tr.grown)
	tr.grown = make(chan struct{})
	return tr.text.Write(p)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// await waits until words are in the text n times.
func (tr *transcript) await(ctx context.Context, t *testing.T, words string, n int) {
	t.Helper()
	for {
		tr.mu.Lock()
		text, grown := tr.text.String(), tr.grown
		tr.mu.Unlock()
		if strings.Count(text, words) >= n {
			return
		}
		select {
		case <-grown:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %q %d times in:\n%s", words, n, text)
		}
	}
}

// listenNotify is the service manager's end of sd_notify(3): what comes in is
// one line a variable, until the connection's deadline.
func listenNotify(t *testing.T, path string) (*transcript, net.Conn) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	told := newTranscript()
	go func() {
		defer conn.Close()
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = told.Write(append(buf[:n:n], '\n'))
		}
	}()
	return told, conn
}

// agent is a running tocsin run.
type agent struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     *transcript // its stderr
	manager *transcript // what it told the service manager
	exited  chan struct{}
	began   time.Time
}

// spawn starts an agent whose stderr goes elsewhere, and leaves it to the
// caller to end it.
func (s *station) spawn(ctx context.Context, stderr io.Writer, env ...string) *agent {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.dir, "n")
	must(s.t, err)
	socket := filepath.Join(dir, "notify")
	told, conn := listenNotify(s.t, socket)
	a := &agent{t: s.t, cmd: s.command(ctx, "run"), manager: told, exited: make(chan struct{})}
	a.cmd.Env = append(append(a.cmd.Env, "NOTIFY_SOCKET="+socket), env...)
	a.cmd.Stderr = stderr
	if s.group != nil {
		a.cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(s.group.Fd())}
	}
	a.began = time.Now()
	must(s.t, a.cmd.Start())
	go func() {
		_ = a.cmd.Wait() // the state of the process says it
		// What it said last may still be read.
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_ = os.RemoveAll(dir)
		close(a.exited)
	}()
	return a
}

// launch starts an agent without waiting until it is ready.
func (s *station) launch(ctx context.Context, env ...string) *agent {
	s.t.Helper()
	log := newTranscript()
	a := s.spawn(ctx, log, env...)
	a.log = log
	s.t.Cleanup(func() {
		a.kill()
		if s.t.Failed() {
			s.t.Logf("stderr of the agent:\n%s", tail(log.String(), 60))
		}
		if strings.Contains(log.String(), password) {
			s.t.Error("the password is in the agent's stderr")
		}
	})
	return a
}

// start starts an agent and waits until it is ready.
func (s *station) start(ctx context.Context, env ...string) *agent {
	s.t.Helper()
	a := s.launch(ctx, env...)
	a.ready(ctx, 1)
	return a
}

// ready waits until the agent has said n times that it is ready.
func (a *agent) ready(ctx context.Context, n int) {
	a.t.Helper()
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-a.exited:
			cancel() // it never will be
		case <-watched.Done():
		}
	}()
	a.manager.await(watched, a.t, "READY=1", n)
}

func (a *agent) signal(sig syscall.Signal) {
	a.t.Helper()
	must(a.t, a.cmd.Process.Signal(sig))
}

// kill ends the agent as a power cut would end its process.
func (a *agent) kill() {
	_ = a.cmd.Process.Kill() // it may have ended
	<-a.exited
}

// wait waits for the agent's end and returns its exit code.
func (a *agent) wait(ctx context.Context) int {
	a.t.Helper()
	select {
	case <-a.exited:
	case <-ctx.Done():
		a.t.Fatal("the agent did not end")
	}
	return a.cmd.ProcessState.ExitCode()
}

// stop ends the agent as the service manager does.
func (a *agent) stop(ctx context.Context) {
	a.t.Helper()
	a.signal(syscall.SIGTERM)
	if code := a.wait(ctx); code != 0 {
		a.t.Errorf("got exit code %d after SIGTERM, want 0", code)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
