package spool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrUnknown says that no queued item or mail has the id.
var ErrUnknown = errors.New("no such item or mail in the queue")

// Retry lets a mail (by its id, that of one of its items, or an unambiguous
// beginning of either) go at once, also one that was on hold; an empty id means
// every one that is not.
func (s *Spool) Retry(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	if id == "" {
		for _, l := range s.mails {
			l.delivery.Next = time.Time{}
		}
		return nil
	}
	mailID, itemID, err := s.find(id)
	if err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	s.release(mailID)
	s.release(itemID)
	for _, l := range s.mails {
		if l.mail.ID == mailID || slices.Contains(l.mail.Items, itemID) {
			s.release(l.mail.ID)
			l.delivery.Next = time.Time{}
		}
	}
	return nil
}

// Drop gives up a mail, or an item that is in no mail yet, for good. It is kept
// in badmail/ with the reason.
func (s *Spool) Drop(id, reason string, now time.Time) error {
	s.mu.Lock()
	mailID, itemID, err := s.find(id)
	if err == nil && mailID == "" {
		mailID = s.carrier(itemID)
	}
	if err != nil {
		s.mu.Unlock()
		return fmt.Errorf("drop: %w", err)
	}
	if mailID == "" {
		defer s.mu.Unlock()
		return s.dropItem(itemID, reason, now)
	}
	l := s.mails[mailID]
	d := l.delivery.clone()
	for _, address := range d.Pending(l.mail) {
		d.Recipients[address] = Recipient{Status: Failed, Reply: reason, At: now}
	}
	s.mu.Unlock()
	return s.Finish(mailID, d, now)
}

// carrier is the unfinished mail that holds an item, if any.
func (s *Spool) carrier(itemID string) string {
	for _, l := range s.mails {
		if slices.Contains(l.mail.Items, itemID) {
			return l.mail.ID
		}
	}
	return ""
}

// find resolves the beginning of an id.
func (s *Spool) find(id string) (mailID, itemID string, err error) {
	matches := 0
	for have := range s.mails {
		if strings.HasPrefix(have, id) {
			mailID, matches = have, matches+1
		}
	}
	for have := range s.items {
		if strings.HasPrefix(have, id) {
			itemID, matches = have, matches+1
		}
	}
	switch {
	case matches == 0 || id == "":
		return "", "", fmt.Errorf("%q: %w", id, ErrUnknown)
	case matches > 1:
		return "", "", fmt.Errorf("%q: %w: %d ids begin so", id, ErrUnknown, matches)
	}
	return mailID, itemID, nil
}
