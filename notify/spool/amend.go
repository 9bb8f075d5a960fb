package spool

import (
	"fmt"

	"tocsin/internal/durable"
)

// Amend replaces an item that is in no mail yet, for the one thing that cannot
// be waited for before the item is durable: what a program printed while the
// machine goes down. An item that is in a mail already, or gone, stays as it
// was; that is no error.
func (s *Spool) Amend(item Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.items[item.ID]
	if !known || len(e.mailed) > 0 {
		return nil
	}
	if !e.held {
		data, err := encode("item", item, item.Raw)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(s.path(queueDir, item.ID, itemExt), data); err != nil {
			return fmt.Errorf("amend %s: %w", item.ID, err)
		}
	}
	e.take(&item)
	s.wake()
	return nil
}
