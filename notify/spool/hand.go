package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/durable"
)

// ErrUnknown says that no queued item or mail has the id.
var ErrUnknown = errors.New("no such item or mail in the queue")

// Retry lets a mail (by its id, that of one of its items, or an unambiguous
// beginning of either) go at once; an empty id means every one.
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
	for _, l := range s.mails {
		if l.mail.ID == mailID || slices.Contains(l.mail.Items, itemID) {
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

func (s *Spool) dropItem(id, reason string, now time.Time) error {
	e := s.items[id]
	text, err := json.MarshalIndent(badItem{*e.item, reason, now}, "", "  ")
	if err != nil {
		return fmt.Errorf("drop %s: %w", id, err)
	}
	if !e.held {
		if err := durable.WriteFile(s.path(badmailDir, id, ".json"), text); err != nil {
			return fmt.Errorf("drop %s: %w", id, err)
		}
		move := durable.Move{From: s.path(queueDir, id, itemExt), To: s.path(badmailDir, id, itemExt)}
		if err := durable.Rename(move); err != nil {
			return fmt.Errorf("drop %s: %w", id, err)
		}
	}
	s.leave(id)
	return nil
}

// badItem is what badmail/ID.json says of an item that was given up before it
// was in a mail.
type badItem struct {
	Item   Item      `json:"item"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Refusal is the first reason for which a recipient of a finished mail did not
// get it, empty when there is none.
func (s *Spool) Refusal(mailID string) string {
	data, err := readFile(s.path(badmailDir, mailID, ".json"))
	if err != nil {
		return ""
	}
	var b badmail
	if err := json.Unmarshal(data, &b); err != nil {
		return ""
	}
	for _, address := range b.Delivery.Refused(b.Mail) {
		return address + ": " + b.Delivery.Recipients[address].Reply
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
