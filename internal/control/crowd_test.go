package control_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/control"
)

// TestACrowdKeepsNobodyOut: however many open the socket and say nothing, or
// half of something, whoever asks is answered.
func TestACrowdKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, control.Agent{
		Status: func(context.Context, []string) (control.Status, error) {
			return control.Status{Host: "h"}, nil
		},
	})
	var conns []net.Conn
	for i := range 1000 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "GET /v1/sta") // the other end may have gone
		}
	}
	for range 20 {
		if s, err := (control.Client{Path: path}).Status(t.Context(), nil); err != nil || s.Host != "h" {
			t.Fatalf("got %+v, %v", s, err)
		}
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// TestWhoDoesNotReadLosesTheTurn: an answer that nobody takes is in memory, so
// there are few of them at a time, and not for long.
func TestWhoDoesNotReadLosesTheTurn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	large := strings.Repeat("x", 8<<20)
	var made atomic.Int32
	serve(t, path, control.Agent{
		Status: func(context.Context, []string) (control.Status, error) {
			made.Add(1)
			return control.Status{Host: large}, nil
		},
	})
	for range 20 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nHost: tocsin\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	s, err := (control.Client{Path: path}).Status(t.Context(), nil)
	if err != nil && !strings.Contains(err.Error(), "too many ask at the same time") || err == nil && s.Host != large {
		t.Fatalf("got %d bytes, %v", len(s.Host), err)
	}
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("answered after %s", took)
	}
	if n := made.Load(); n > 8+8*int32(time.Since(began)/(5*time.Second)+1) {
		t.Errorf("%d answers were made", n)
	}
}

func TestAPublicSocketIsToLookAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, control.Agent{Public: true, Status: func(context.Context, []string) (control.Status, error) { return control.Status{}, nil }})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	if _, err := (control.Client{Path: path}).Status(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
