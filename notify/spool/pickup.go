package spool

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tocsin/internal/durable"
)

// NewID makes the id of an item that no rule made.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// Submit hands an item to the agent that owns the spool in dir, from another
// process and whether the agent runs or not. It is durable when Submit returns
// nil.
func Submit(dir string, item Item) error {
	if err := item.check(); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	data, err := encode("item", item, item.Raw)
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if err := durable.WriteFileAs(filepath.Join(dir, pickupDir, item.ID+itemExt), data); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	return nil
}

// Collect takes in what other processes submitted and says how many items that
// were.
func (s *Spool) Collect() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.each(pickupDir, itemExt, func(path string) error {
		item, err := readItem(path)
		if err != nil {
			return err
		}
		if _, known := s.items[item.ID]; known || s.told[item.ID] {
			return durable.Remove(path)
		}
		s.arriving[item.ID] = item
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("collect: %w", err)
	}
	// After a power cut they are where they were, or in queue/: durable they are
	// in any case. What an error leaves half done is done by the next call.
	moves := make([]durable.Move, 0, len(s.arriving))
	for id := range s.arriving {
		moves = append(moves, durable.Move{From: s.path(pickupDir, id, itemExt), To: s.path(queueDir, id, itemExt)})
	}
	if err := s.unsynced.Move(moves...); err != nil {
		return 0, fmt.Errorf("collect: %w", err)
	}
	collected := len(s.arriving)
	for _, item := range s.arriving {
		s.admit(item, false)
	}
	clear(s.arriving)
	return collected, nil
}

// byAge lists the files of dir, the oldest first, and says how many bytes they
// have in all. What vanishes meanwhile is left out.
func byAge(dir string) (infos []fs.FileInfo, total int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			infos = append(infos, info)
			total += info.Size()
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	return infos, total, nil
}
