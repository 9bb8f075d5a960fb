package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tocsin"
)

// Events yields the event of every item that the spool still knows, queued or
// finished: what the engine's state is rolled forward from.
func (s *Spool) Events() ([]tocsin.Event, error) { return Events(s.dir, time.Time{}) }

// EventsSince is Events without what was written before since.
func (s *Spool) EventsSince(since time.Time) ([]tocsin.Event, error) { return Events(s.dir, since) }

// clockSlack is by how much the time of a file may be before that of the event
// in it: a file system takes the time of the last tick of the kernel, or whole
// seconds.
const clockSlack = 2 * time.Second

// Events yields the events that the spool in dir still knows, each once, in no
// order, whoever owns the spool. Files that were written before since are not
// read, for their events are older still; others may hold older ones too. The
// zero time reads all. sent/ is read last, so that what moves there meanwhile
// is not missed.
func Events(dir string, since time.Time) ([]tocsin.Event, error) {
	var events []tocsin.Event
	seen, told := make(map[string]bool), make(map[string]bool) // files, events
	for _, sub := range []string{queueDir, sentDir} {
		names, err := list(filepath.Join(dir, sub), itemExt)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			path := filepath.Join(dir, sub, name)
			if info, err := os.Lstat(path); !since.IsZero() && err == nil && info.ModTime().Before(since.Add(-clockSlack)) {
				continue
			}
			item, err := readItem(path)
			if err != nil {
				continue // recover moved what was damaged; sent/ is history
			}
			seen[name] = true
			if item.Event != nil && !told[item.Event.ID] { // a fallback has an item of its own
				told[item.Event.ID] = true
				events = append(events, *item.Event)
			}
		}
	}
	return events, nil
}
