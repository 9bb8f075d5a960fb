package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mute takes connections at a path of its own, says begin to each that asks and
// answers nothing more.
func mute(t *testing.T, begin string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go func() {
				if _, err := conn.Read(make([]byte, 1)); err == nil { // no answer comes before its question
					_, _ = io.WriteString(conn, begin)
				}
			}()
		}
	}()
	return path
}

func TestAnAgentThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	who := fmt.Sprintf("the agent (process %d) has not answered for 0.25 s", os.Getpid())
	for name, begin := range map[string]string{"says nothing": "", "stops in the middle": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"} {
		c := Client{Path: mute(t, begin), Patience: 250 * time.Millisecond}
		_, looked := c.Status(t.Context(), nil)
		_, acted := c.Silence(t.Context(), Request{All: true})
		_, reloaded := c.Reload(t.Context())
		for what, err := range map[string]error{"status": looked, "silence": acted, "reload": reloaded} {
			silent := new(NoAnswer)
			if !errors.As(err, &silent) || !strings.HasPrefix(err.Error(), who) || !strings.Contains(err.Error(), "restart it") {
				t.Errorf("%s, %s: got %v", name, what, err)
				continue
			}
			if got, want := strings.Contains(err.Error(), "may still take effect"), what != "status"; got != want {
				t.Errorf("%s, %s: may still take effect: %t in %v", name, what, got, err)
			}
		}
	}
}

// TestWhoeverIsInterrupted did not wait in vain.
func TestWhoeverIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Client{Path: mute(t, "")}.Status(ctx, nil)
	if silent := new(NoAnswer); !errors.Is(err, context.Canceled) || errors.As(err, &silent) {
		t.Errorf("got %v", err)
	}
}

// TestLookingIsSoonOver: whoever looks is told that there is a crowd before he
// takes the agent for dead, and a plugin before it is itself taken for that.
func TestLookingIsSoonOver(t *testing.T) {
	if PluginPatience > 8*time.Second || stoppedPatience >= PluginPatience || turnWait+2*time.Second > PluginPatience || PluginPatience > lookPatience || lookPatience >= patience {
		t.Errorf("a look takes %s, a plugin's %s, %s where the agent is stopped, and a turn %s of it", lookPatience, PluginPatience, stoppedPatience, turnWait)
	}
}

func TestNoSocketHasALongPath(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", maxPath))
	if _, err := (Client{Path: long}).Status(t.Context(), nil); !errors.Is(err, ErrLongPath) {
		t.Errorf("got %v", err)
	}
	if _, err := listen(long, false); !errors.Is(err, ErrLongPath) {
		t.Errorf("got %v", err)
	}
	// The longest that there may be.
	dir, err := os.MkdirTemp("", "s") //nolint:usetesting // that of a test has no short name
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := listen(filepath.Join(dir, strings.Repeat("x", maxPath-len(dir)-1)), false)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
