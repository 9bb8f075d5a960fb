package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestAlerts waits for real events: each must wake the wait of the reading
// before it.
func TestAlerts(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(elsewhere, "target"), link); err != nil {
		t.Fatal(err)
	}
	host := NewHost("")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name, kind, path string
		do               func()
	}{
		{"create", "file", file, func() { write(t, "a", file) }},
		{"write", "file", file, func() { write(t, "ab", file) }},
		{"chmod", "file", file, func() { must(os.Chmod(file, 0o600)) }},
		{"rename", "file", file, func() { must(os.Rename(file, file+".1")) }},
		{"rename back", "file", file, func() { must(os.Rename(file+".1", file)) }},
		{"remove", "file", file, func() { must(os.Remove(file)) }},
		{"entry", "directory", dir, func() { write(t, "", dir, "entry") }},
		{"target made", "file", link, func() { write(t, "", elsewhere, "target") }},
		{"target written", "file", link, func() { write(t, "x", elsewhere, "target") }},
		{"fifo", "fifo", filepath.Join(dir, "fifo"), func() { must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600)) }},
		{"directory removed", "directory", elsewhere, func() { must(os.RemoveAll(elsewhere)) }},
	} {
		r, ok := open(t, host, step.kind, map[string]string{"path": step.path}).(*pathReader)
		if !ok {
			t.Fatal("got another reader")
		}
		read(t, r)
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		wait := r.Alert()
		go func() { done <- wait(ctx) }()
		step.do() // before or after the wait has begun
		if err := <-done; err != nil {
			t.Errorf("%s: got %v, want nil", step.name, err)
		}
		cancel()
	}
	if len(host.paths.dirs) > 0 || host.paths.watcher != nil {
		t.Errorf("got %d directories that are watched, want none", len(host.paths.dirs))
	}
}

// TestAlertEvent waits until the watch is there, so that inotify alone can
// wake it.
func TestAlertEvent(t *testing.T) {
	path := write(t, "a", t.TempDir(), "file")
	var e pathEvents
	looked := make(chan struct{}, 2)
	done := make(chan error, 1)
	go func() {
		done <- e.await(t.Context(), path, false, func() bool { looked <- struct{}{}; return false })
	}()
	<-looked
	<-looked // the second look comes after the watch
	write(t, "a", filepath.Dir(path), "other")
	write(t, "ab", path)
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestAlertErrors(t *testing.T) {
	var e pathEvents
	unchanged := func() bool { return false }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.await(ctx, write(t, "", t.TempDir(), "file"), false, unchanged); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err := e.await(t.Context(), filepath.Join(t.TempDir(), "no/file"), false, unchanged); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	for i := range maxWatched {
		e.dirs[strconv.Itoa(i)] = map[*pathWait]bool{}
	}
	path := write(t, "", t.TempDir(), "file")
	if err := e.await(t.Context(), path, false, unchanged); err == nil || err.Error() != fmt.Sprintf("wait for %q: too many directories are watched", path) {
		t.Errorf("got %v, want that there are too many", err)
	}
	clear(e.dirs)
	e.leave(&pathWait{}) // the last one
	if e.watcher != nil {
		t.Error("got a watcher that nobody needs, want none")
	}
	var last pathReader
	last.behind = true
	if err := last.Alert()(t.Context()); err != nil {
		t.Errorf("got %v of a reader with more to read, want nil", err)
	}
}
