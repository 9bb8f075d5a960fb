package spool_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/durable"
	"tocsin/notify/spool"
)

// newer is a spool file of a later version, which may be anything after its
// first words.
const newer = "tocsin 2 and what only that version knows\n\x00\x01"

// TestASpoolOfALaterVersionIsRefused: its file is named, and all stays as it is.
func TestASpoolOfALaterVersionIsRefused(t *testing.T) {
	for _, name := range []string{"queue/0000000000000002.item", "mail/0000000000000002.mail"} {
		dir := t.TempDir()
		put(t, open(t, dir), item(1))
		state := filepath.Join(dir, "mail/0000000000000002.state")
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(newer), 0o600), os.WriteFile(state, []byte("{}"), 0o600)); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		_, err := spool.Open(dir, slog.New(slog.DiscardHandler), noon())
		if !errors.Is(err, durable.ErrNewer) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("%s: got %v, want a durable.ErrNewer that names the file", name, err)
		}
		if _, err := spool.List(dir); !errors.Is(err, durable.ErrNewer) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: listed with %v", name, err)
		}
		wantFiles(t, dir, before...)
		if kept, err := os.ReadFile(path); err != nil || string(kept) != newer {
			t.Errorf("%s: got %q, %v", name, kept, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if w := open(t, dir).Waiting(); len(w) != 1 {
			t.Errorf("%s: without it got %d items, want 1", name, len(w))
		}
	}
}

// TestWhatALaterVersionSubmitsWaitsForIt: an upgrade replaces the commands before
// the agent.
func TestWhatALaterVersionSubmitsWaitsForIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	path := filepath.Join(dir, "pickup", "0000000000000002.item")
	if err := errors.Join(os.WriteFile(path, []byte(newer), 0o600), spool.Submit(dir, item(1))); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0, 0} {
		if n, err := s.Collect(); err != nil || n != want {
			t.Errorf("collect %d: got %d, %v, want %d", i, n, err, want)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != newer {
		t.Errorf("got %q, %v", kept, err)
	}
	if damaged := s.Damaged(); len(damaged) != 0 {
		t.Errorf("got %q", damaged)
	}
}
