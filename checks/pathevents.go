package checks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	pathPlace
	tell func(error)
	over bool // told, or nobody listens any more
}

// pathPlace is what is to be watched for a path.
type pathPlace struct {
	names []string
	inner string // the directory, "" for none
	dirs  []string
}

// listen has tell called when something happens to the path, or has before the
// call, as changed says; with an error, when that cannot be heard. changed may
// hang: no lock is held and no watch is there meanwhile.
func (e *pathEvents) listen(path string, inner bool, changed func() bool, tell func(error)) (stop func()) {
	w := &pathWait{tell: tell}
	go e.begin(w, path, inner, changed)
	// The kernel may hold who takes a watch away.
	return func() { go e.end(w) }
}

// begin puts the watches of a path in place.
func (e *pathEvents) begin(w *pathWait, path string, inner bool, changed func() bool) {
	if changed() { // and no watch is put on a mount that is dead
		e.told([]*pathWait{w}, nil)
		return
	}
	at, err := findPath(path, inner)
	if err == nil {
		err = e.enter(w, at)
	}
	switch {
	case changed():
		e.told([]*pathWait{w}, nil)
	case err != nil:
		e.told([]*pathWait{w}, fmt.Errorf("wait for %q: %w", path, err))
	}
}

// told has those who still wait told, and then ends their waits, which may take
// the kernel longer than all that follows from the event.
func (e *pathEvents) told(all []*pathWait, err error) {
	for _, w := range all {
		if e.conclude(w) {
			w.tell(err)
		}
	}
	for _, w := range all {
		e.leave(w)
	}
}

// end ends a wait: nobody is told any more.
func (e *pathEvents) end(w *pathWait) {
	e.conclude(w)
	e.leave(w)
}

// conclude says that a wait is over; false when it was.
func (e *pathEvents) conclude(w *pathWait) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := w.over
	w.over = true
	return !was
}

func (e *pathEvents) leave(w *pathWait) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop(w)
}

// findPath finds the directories to watch. Their links are followed, for the
// kernel knows one watch a directory, whatever its name.
func findPath(path string, inner bool) (w pathPlace, err error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return w, err
	}
	w.names, w.dirs = []string{filepath.Join(dir, filepath.Base(path))}, []string{dir}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		if target = leadsTo(path, dir); target == "" {
			return w, nil // it is not there yet
		}
	}
	if target != w.names[0] {
		w.names = append(w.names, target)
	}
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
func (e *pathEvents) enter(w *pathWait, at pathPlace) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.over {
		return nil
	}
	w.pathPlace = at
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
		// It takes 8 ms (the kernel waits for a grace period), and nobody needs to
		// wait for that. An instance that is only read from has no error to tell.
		watcher := e.watcher
		go func() { _ = watcher.Close() }()
		e.watcher = nil
	}
}

// hear hands events to those that wait for them.
func (e *pathEvents) hear(watcher *fsnotify.Watcher) {
	for event := range watcher.Events {
		e.told(e.meant(event.Name), nil)
	}
}

// meant are those who wait for what has happened to a name.
func (e *pathEvents) meant(name string) []*pathWait {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*pathWait
	dir := filepath.Dir(name)
	for w := range e.dirs[dir] {
		if slices.Contains(w.names, name) || w.inner == dir {
			all = append(all, w)
		}
	}
	for w := range e.dirs[name] { // the directory itself
		all = append(all, w)
	}
	return all
}
