package checks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
		stop := r.Listen(func(err error) { done <- err })
		step.do() // before or after the wait has begun
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: got %v, want nil", step.name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: not told", step.name)
		}
		stop() // does no harm
	}
	for began := time.Now(); !host.paths.unused(); { // whoever was told, was told first
		if runtime.Gosched(); time.Since(began) > 10*time.Second {
			t.Fatal("what nobody waits for is watched")
		}
	}
}

// unused says that no directory is watched, and by no instance.
func (e *pathEvents) unused() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.watcher == nil && len(e.dirs) == 0
}

// TestAlertEvent waits until the watch is there, so that inotify alone can
// wake it.
func TestAlertEvent(t *testing.T) {
	path := write(t, "a", t.TempDir(), "file")
	var e pathEvents
	looked := make(chan struct{}, 2)
	done := make(chan error, 1)
	e.listen(path, false, func() bool { looked <- struct{}{}; return false }, func(err error) { done <- err })
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
	told := func(path string) error {
		done := make(chan error, 1)
		e.listen(path, false, func() bool { return false }, func(err error) { done <- err })
		return <-done
	}
	if err := told(filepath.Join(t.TempDir(), "no/file")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	e.mu.Lock()
	e.dirs = map[string]map[*pathWait]bool{}
	for i := range maxWatched {
		e.dirs[strconv.Itoa(i)] = map[*pathWait]bool{}
	}
	e.mu.Unlock()
	path := write(t, "", t.TempDir(), "file")
	if err := told(path); err == nil || err.Error() != fmt.Sprintf("wait for %q: too many directories are watched", path) {
		t.Errorf("got %v, want that there are too many", err)
	}
	e.mu.Lock()
	clear(e.dirs)
	e.mu.Unlock()
	e.end(&pathWait{}) // the last one
	if !e.unused() {
		t.Error("got a watcher that nobody needs, want none")
	}
	var last pathReader
	last.behind = true
	heard := errors.New("not told")
	if stop := last.Listen(func(err error) { heard = err }); heard != nil || stop != nil {
		t.Errorf("got %v of a reader with more to read, want nil", heard)
	}
}

// TestAWaitThatStops: also one that stops before its watch is there.
func TestAWaitThatStops(t *testing.T) {
	path := write(t, "a", t.TempDir(), "file")
	var e pathEvents
	tell := func(error) { t.Error("told after the stop") }
	w := &pathWait{tell: tell}
	e.end(w)
	e.begin(w, path, false, func() bool { return false })
	if !e.unused() {
		t.Error("a wait that was over is listened to")
	}
	w = &pathWait{tell: tell}
	e.begin(w, path, false, func() bool { return false })
	if len(e.dirs) != 1 || !e.conclude(w) || e.conclude(w) {
		t.Error("a wait does not end once")
	}
	e.leave(w)
	write(t, "ab", path)
	if !e.unused() {
		t.Error("somebody listens to what nobody waits for")
	}
}
