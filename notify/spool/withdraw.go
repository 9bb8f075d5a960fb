package spool

import (
	"fmt"

	"tocsin/internal/durable"
)

// Withdraw takes an item out of the queue that is in no mail yet and of which
// nobody is to hear. One that is in a mail, or gone, stays as it was; that is no
// error.
func (s *Spool) Withdraw(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.items[id]
	if !known || len(e.mailed) > 0 {
		return nil
	}
	if !e.held {
		if err := durable.Rename(durable.Move{From: s.path(queueDir, id, itemExt), To: s.path(sentDir, id, itemExt)}); err != nil {
			return fmt.Errorf("withdraw %s: %w", id, err)
		}
	}
	s.leave(id)
	return nil
}
