package control_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/control"
)

// serve starts a server and returns its socket once that answers.
func serve(t *testing.T, path string, a control.Agent) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		done <- control.Serve(ctx, path, a, slog.New(slog.DiscardHandler), func() { close(ready) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("serve: %v", err)
	}
}

func TestCommandsReachTheAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "s")
	var got []string
	serve(t, path, control.Agent{
		Retry: func(id string) error { got = append(got, "retry "+id); return nil },
		Drop:  func(id string) error { got = append(got, "drop "+id); return errors.New("no such mail") },
		Reserve: func(server string, n int) error {
			got = append(got, server+strings.Repeat("!", n))
			return nil
		},
		Act: func(verb string, names []string, all bool, by string) error {
			if by == "" || by == "somebody" {
				t.Errorf("got %q as who asks", by)
			}
			got = append(got, verb+" "+strings.Join(names, "+")+map[bool]string{true: "all"}[all])
			return nil
		},
	})
	c := control.Client{Path: path}
	if err := c.Retry(t.Context(), "abc"); err != nil {
		t.Error(err)
	}
	if err := c.Drop(t.Context(), "x"); err == nil || err.Error() != "no such mail" {
		t.Errorf("got %v, want the agent's own words", err)
	}
	if err := c.Reserve(t.Context(), "gmail", 2); err != nil {
		t.Error(err)
	}
	for _, verb := range control.Verbs() {
		if err := c.Act(t.Context(), verb, []string{"a", "b"}, false); err != nil {
			t.Error(err)
		}
	}
	if err := c.Act(t.Context(), "monitor", nil, true); err != nil {
		t.Error(err)
	}
	if want := "retry abc,drop x,gmail!!,monitor a+b,unmonitor a+b,start a+b,stop a+b,restart a+b,monitor all"; strings.Join(got, ",") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("got mode %v, %v, want 0660", info.Mode(), err)
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, control.Agent{Retry: func(string) error { t.Error("a bad request was done"); return nil }})
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}}
	tests := []struct {
		name, method, url, body string
		status                  int
	}{
		{"no JSON", http.MethodPost, "/v1/retry", "id=x", http.StatusBadRequest},
		{"unknown field", http.MethodPost, "/v1/retry", `{"nonsense":1}`, http.StatusBadRequest},
		{"more behind it", http.MethodPost, "/v1/retry", `{"id":"x"} rm`, http.StatusBadRequest},
		{"two requests", http.MethodPost, "/v1/retry", `{"id":"x"}{"id":"y"}`, http.StatusBadRequest},
		{"too large behind it", http.MethodPost, "/v1/retry", `{"id":"x"}` + strings.Repeat(" ", 1<<20), http.StatusBadRequest},
		{"too large", http.MethodPost, "/v1/retry", `{"id":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusBadRequest},
		{"wrong method", http.MethodGet, "/v1/retry", "", http.StatusMethodNotAllowed},
		{"unknown command", http.MethodPost, "/v1/nonsense", "{}", http.StatusNotFound},
		{"unknown version", http.MethodPost, "/v2/retry", "{}", http.StatusNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://tocsin"+tt.url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status {
				t.Errorf("got status %d, want %d", response.StatusCode, tt.status)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	if err := (control.Client{Path: filepath.Join(dir, "absent")}).Retry(t.Context(), ""); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("got %v for no socket", err)
	}
	path := filepath.Join(dir, "stale")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close() // the agent died and left its socket
	if err := (control.Client{Path: path}).Retry(t.Context(), ""); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("got %v for a stale socket", err)
	}
	serve(t, path, control.Agent{Retry: func(string) error { return nil }})
	if err := (control.Client{Path: path}).Retry(t.Context(), ""); err != nil {
		t.Errorf("got %v, want the stale socket replaced", err)
	}
}

func TestWhatIsNoSocketIsNotReplaced(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"file":    func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"symlink": func(path string) error { return os.Symlink("/etc/passwd", path) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := filepath.Join(t.TempDir(), "s")
		if err := plant(path); err != nil {
			t.Fatal(err)
		}
		err := control.Serve(t.Context(), path, control.Agent{}, slog.New(slog.DiscardHandler), nil)
		if err == nil || !strings.Contains(err.Error(), "no socket") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: it was deleted", name)
		}
	}
}
