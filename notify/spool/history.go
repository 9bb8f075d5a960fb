package spool

import (
	"fmt"
	"path/filepath"

	"tocsin"
)

// Events yields the event of every item that the spool still knows, queued or
// finished: what the engine's state is rolled forward from.
func (s *Spool) Events() ([]tocsin.Event, error) { return Events(s.dir) }

// Events yields the events that the spool in dir still knows, each once, in no
// order, whoever owns the spool. sent/ is read last, so that what moves there
// meanwhile is not missed.
func Events(dir string) ([]tocsin.Event, error) {
	var events []tocsin.Event
	seen := make(map[string]bool)
	for _, sub := range []string{queueDir, sentDir} {
		names, err := list(filepath.Join(dir, sub), itemExt)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			item, err := readItem(filepath.Join(dir, sub, name))
			if err != nil {
				continue // recover moved what was damaged; sent/ is history
			}
			seen[name] = true
			if item.Event != nil {
				events = append(events, *item.Event)
			}
		}
	}
	return events, nil
}
