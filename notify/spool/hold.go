package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/durable"
)

// holdExt marks, in queue/, a mail or an item that a person keeps back.
const holdExt = ".hold"

// PutOnHold keeps a mail, or an item that is in no mail yet, back until Retry names
// it or Drop gives it up. The id is as for Retry.
func (s *Spool) PutOnHold(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	mailID, itemID, err := s.find(id)
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if mailID == "" {
		mailID = s.carrier(itemID)
	}
	if mailID == "" {
		mailID = itemID
	}
	if l := s.mails[mailID]; l != nil { // a hold on what only memory knows would be on nothing
		if err := s.write(l); err != nil {
			return fmt.Errorf("hold: %w", err)
		}
	}
	return s.keepBack(mailID)
}

// keepBack puts a mail or an item on hold.
func (s *Spool) keepBack(id string) error {
	if err := durable.WriteFile(s.path(queueDir, id, holdExt), nil); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	s.onHold[id] = true
	return nil
}

// release ends a hold. The file of one that is gone means nothing.
func (s *Spool) release(id string) {
	if s.onHold[id] {
		delete(s.onHold, id)
		_ = os.Remove(s.path(queueDir, id, holdExt))
	}
}

// recoverHolds comes last: a hold on nothing is deleted.
func (s *Spool) recoverHolds() error {
	holds, err := holds(s.dir)
	if err != nil {
		return err
	}
	for id := range holds {
		if s.items[id] == nil && s.mails[id] == nil {
			if err := os.Remove(s.path(queueDir, id, holdExt)); err != nil {
				return err
			}
			continue
		}
		s.onHold[id] = true
	}
	return nil
}

func holds(dir string) (map[string]bool, error) {
	names, err := list(filepath.Join(dir, queueDir), holdExt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	held := make(map[string]bool, len(names))
	for _, name := range names {
		held[strings.TrimSuffix(name, holdExt)] = true
	}
	return held, nil
}
