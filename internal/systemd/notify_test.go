package systemd_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/internal/systemd"
)

// manager listens where a service manager does.
func manager(t *testing.T) (systemd.Manager, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return systemd.Manager{Log: slog.New(slog.DiscardHandler)}, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestTheManagerIsTold(t *testing.T) {
	m, next := manager(t)
	m.Ready("watching")
	if got := next(); got != "READY=1\nSTATUS=watching" {
		t.Errorf("got %q", got)
	}
	m.Reloading()
	got := next()
	usec, ok := strings.CutPrefix(got, "RELOADING=1\nMONOTONIC_USEC=")
	if n, err := strconv.ParseInt(usec, 10, 64); !ok || err != nil || n <= 0 {
		t.Errorf("got %q", got)
	}
	m.Status("paused")
	if got := next(); got != "STATUS=paused" {
		t.Errorf("got %q", got)
	}
	m.Stopping()
	if got := next(); got != "STOPPING=1\nSTATUS=stopping" {
		t.Errorf("got %q", got)
	}
}

func TestTheWatchdogStarvesWhenAPartDoesNotAnswer(t *testing.T) {
	m, next := manager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan error)
	done := make(chan struct{})
	go func() {
		m.Watch(ctx, func(context.Context) error { return <-answers })
		close(done)
	}()
	answers <- errors.New("deadlock")
	answers <- nil
	if got := next(); got != "WATCHDOG=1" { // the first of them: the error fed nothing
		t.Errorf("got %q", got)
	}
	cancel()
	close(answers)
	<-done
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	m := systemd.Manager{Log: slog.New(slog.DiscardHandler)}
	m.Ready("x")
	m.Watch(t.Context(), func(context.Context) error { t.Error("asked"); return nil })
}
