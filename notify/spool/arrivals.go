package spool

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"tocsin/internal/durable"
)

// Arrivals yields after something came into pickup/; see Watch.
func (s *Spool) Arrivals(ctx context.Context) (<-chan struct{}, error) {
	return Watch(ctx, filepath.Join(s.dir, pickupDir))
}

// Watch yields after something came into dir, once for any number of files,
// until ctx ends. It is a hint (inotify(7)): a queue that overflowed or a
// directory that was replaced is not told, so one looks now and then as well. An
// error, mostly too many watches on the machine
// (fs.inotify.max_user_instances), means that there are no hints.
func Watch(ctx context.Context, dir string) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	if err := w.Add(dir); err != nil {
		_ = w.Close() // there is nothing in it
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	hints := make(chan struct{}, 1)
	go func() {
		defer func() { _ = w.Close() }() // it only reads
		for {
			select {
			case <-ctx.Done():
				return
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				gone := e.Name == dir && e.Op != fsnotify.Chmod // removed or renamed
				if !gone && (!e.Has(fsnotify.Create) || durable.IsTemp(filepath.Base(e.Name))) {
					continue
				}
			case _, ok := <-w.Errors: // what was lost is found by the next look
				if !ok {
					return
				}
			}
			select {
			case hints <- struct{}{}:
			default: // somebody will look anyway
			}
		}
	}()
	return hints, nil
}
