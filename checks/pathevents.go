package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// maxWatched bounds the directories that are watched for one host, far below
// what the kernel allows (fs.inotify.max_user_watches).
const maxWatched = 1024

// pathEvents hears from the kernel of changes to paths, with one inotify(7)
// instance for all, which is there as long as somebody waits. The zero value is
// ready for use. What it misses, such as
// the overflow of a queue or a path that is bound to a second place, the next
// reading finds.
type pathEvents struct {
	mu      sync.Mutex
	watcher *fsnotify.Watcher // nil when nobody waits
	dirs    map[string]map[*pathWait]bool
}

// pathWait waits for changes to a path, and to the entries of a directory.
type pathWait struct {
	names map[string]bool
	inner string // the directory, "" for none
	dirs  []string
	woken chan struct{}
}

// await returns nil when something has happened to the path, or has before the
// call, as changed says. It holds no lock and no watch while changed hangs.
func (e *pathEvents) await(ctx context.Context, path string, inner bool, changed func() bool) error {
	if changed() { // and no watch is put on a mount that is dead
		return nil
	}
	w, err := newPathWait(path, inner)
	if err == nil {
		if err = e.enter(w); err == nil {
			defer e.leave(w)
		}
	}
	switch {
	case changed():
		return nil
	case err != nil:
		return fmt.Errorf("wait for %q: %w", path, err)
	}
	select {
	case <-w.woken:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for %q: %w", path, ctx.Err())
	}
}

// newPathWait finds the directories to watch. Their links are followed, for
// the kernel knows one watch a directory, whatever its name.
func newPathWait(path string, inner bool) (*pathWait, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	w := &pathWait{names: map[string]bool{filepath.Join(dir, filepath.Base(path)): true}, dirs: []string{dir}, woken: make(chan struct{}, 1)}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		if target = leadsTo(path, dir); target == "" {
			return w, nil // it is not there yet
		}
	}
	w.names[target] = true
	if d := filepath.Dir(target); d != dir {
		w.dirs = append(w.dirs, d)
	}
	if inner && err == nil {
		w.inner = target
		w.dirs = append(w.dirs, target)
	}
	return w, nil
}

// leadsTo is the place that a link in dir names where nothing is yet, "" when
// there is no such link or no directory for it.
func leadsTo(path, dir string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(target))
	if err != nil {
		return ""
	}
	return filepath.Join(parent, filepath.Base(target))
}

// enter puts a wait on its directories.
func (e *pathEvents) enter(w *pathWait) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watcher == nil {
		watcher, err := fsnotify.NewWatcher()
		if err != nil {
			return err
		}
		if e.watcher = watcher; e.dirs == nil {
			e.dirs = map[string]map[*pathWait]bool{}
		}
		go e.hear(watcher)
		go func() {
			for range watcher.Errors { // what was lost is found by the next reading
			}
		}()
	}
	for _, dir := range w.dirs {
		err := errors.New("too many directories are watched")
		if len(e.dirs) < maxWatched || e.dirs[dir] != nil {
			// Also where there is a watch: it may have ended with a directory
			// of that name.
			err = e.watcher.Add(dir)
		}
		if err != nil {
			e.drop(w)
			return err
		}
		if e.dirs[dir] == nil {
			e.dirs[dir] = map[*pathWait]bool{}
		}
		e.dirs[dir][w] = true
	}
	return nil
}

func (e *pathEvents) leave(w *pathWait) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop(w)
}

// drop takes a wait off its directories.
func (e *pathEvents) drop(w *pathWait) {
	for _, dir := range w.dirs {
		waits := e.dirs[dir]
		if !waits[w] {
			continue
		}
		if delete(waits, w); len(waits) == 0 {
			delete(e.dirs, dir)
			_ = e.watcher.Remove(dir) // it may have gone by itself
		}
	}
	if len(e.dirs) == 0 && e.watcher != nil {
		_ = e.watcher.Close() // it only reads
		e.watcher = nil
	}
}

// hear hands events to those that wait for them.
func (e *pathEvents) hear(watcher *fsnotify.Watcher) {
	for event := range watcher.Events {
		e.mu.Lock()
		dir := filepath.Dir(event.Name)
		for w := range e.dirs[dir] {
			if w.names[event.Name] || w.inner == dir {
				w.wake()
			}
		}
		for w := range e.dirs[event.Name] { // the directory itself
			w.wake()
		}
		e.mu.Unlock()
	}
}

func (w *pathWait) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}
