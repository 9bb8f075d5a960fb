package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/durable"
)

// The files beside what was given up.
const (
	emlExt    = ".eml"
	reasonExt = ".json"
)

// maxBadmail is how large badmail/ gets, in bytes, before its oldest mail is
// deleted.
const maxBadmail = 1 << 30

// Bad is what badmail/ID.json says of a mail that some recipient never got, or
// of an item that was given up before it was in a mail.
type Bad struct {
	Mail     *Mail     `json:"mail,omitempty"`
	Delivery *Delivery `json:"delivery,omitempty"`
	Item     *Item     `json:"item,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// ID is that of the mail or the item.
func (b Bad) ID() string {
	if b.Mail != nil {
		return b.Mail.ID
	}
	return b.Item.ID
}

// Refused lists the recipients who did not get it.
func (b Bad) Refused() []string {
	if b.Mail != nil {
		return b.Delivery.Refused(*b.Mail)
	}
	var refused []string
	for _, t := range b.Item.Targets {
		refused = append(refused, t.Addresses...)
	}
	return refused
}

// Why is the first reason.
func (b Bad) Why() string {
	for _, address := range b.Refused() {
		if b.Mail != nil {
			return address + ": " + b.Delivery.Recipients[address].Reply
		}
	}
	return b.Reason
}

func (s *Spool) writeBadmail(m Mail, data []byte, d Delivery, now time.Time) error {
	if err := durable.WriteFile(s.path(badmailDir, m.ID, emlExt), data); err != nil {
		return fmt.Errorf("badmail: %w", err)
	}
	return s.writeReason(m.ID, Bad{Mail: &m, Delivery: &d, At: now})
}

func (s *Spool) writeReason(id string, b Bad) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("badmail %s: %w", id, err)
	}
	if err := durable.WriteFile(s.path(badmailDir, id, reasonExt), text); err != nil {
		return fmt.Errorf("badmail: %w", err)
	}
	return nil
}

// dropItem gives up an item that is in no mail.
func (s *Spool) dropItem(id, reason string, now time.Time) error {
	e := s.items[id]
	if !e.held {
		if err := s.writeReason(id, Bad{Item: e.item, Reason: reason, At: now}); err != nil {
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

// Refusal is the first reason for which a recipient of a finished mail did not
// get it, empty when there is none.
func (s *Spool) Refusal(mailID string) string {
	b, err := readBad(s.path(badmailDir, mailID, reasonExt))
	if err != nil {
		return ""
	}
	return b.Why()
}

func readBad(path string) (Bad, error) {
	data, err := readFile(path)
	if err != nil {
		return Bad{}, err
	}
	var b Bad
	if err := json.Unmarshal(data, &b); err != nil {
		return Bad{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	whole := b.Mail != nil && b.Delivery != nil || b.Item != nil
	if !whole || filepath.Base(path) != b.ID()+reasonExt {
		return Bad{}, fmt.Errorf("%w: %s says nothing of its mail", ErrDamaged, path)
	}
	return b, nil
}

// Badmail lists what the spool in dir has given up, oldest first, whoever owns
// it. What is damaged is left out.
func Badmail(dir string) ([]Bad, error) {
	names, err := list(filepath.Join(dir, badmailDir), reasonExt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list badmail: %w", err)
	}
	bad := make([]Bad, 0, len(names))
	for _, name := range names {
		if b, err := readBad(filepath.Join(dir, badmailDir, name)); err == nil {
			bad = append(bad, b)
		}
	}
	slices.SortStableFunc(bad, func(a, z Bad) int { return a.At.Compare(z.At) })
	return bad, nil
}

// Requeue lets what was given up go once more, to those who did not get it. id
// may be the beginning of one. The mail's bytes stay the same, and so does its
// Message-ID.
func (s *Spool) Requeue(id string, now time.Time) error {
	bad, err := Badmail(s.dir)
	if err != nil {
		return fmt.Errorf("requeue: %w", err)
	}
	b, err := oneBad(bad, id)
	if err != nil {
		return fmt.Errorf("requeue: %w", err)
	}
	if b.Item != nil {
		return s.requeueItem(b)
	}
	return s.requeueMail(b, now)
}

func oneBad(bad []Bad, id string) (Bad, error) {
	var found []Bad
	for _, b := range bad {
		if id != "" && strings.HasPrefix(b.ID(), id) {
			found = append(found, b)
		}
	}
	switch {
	case len(found) == 0:
		return Bad{}, fmt.Errorf("%q: %w: not in badmail", id, ErrUnknown)
	case len(found) > 1:
		return Bad{}, fmt.Errorf("%q: %w: %d ids begin so", id, ErrUnknown, len(found))
	}
	return found[0], nil
}

func (s *Spool) requeueMail(b Bad, now time.Time) error {
	id := b.Mail.ID
	data, err := readFile(s.path(badmailDir, id, emlExt))
	if err != nil {
		return fmt.Errorf("requeue %s: %w", id, err)
	}
	item := Item{
		// Once more is once: also when this is interrupted and made again.
		ID:     tocsin.Identify("requeue", id, b.At.UTC().Format(time.RFC3339Nano)),
		Queued: now, Severity: b.Mail.Severity, From: b.Mail.From, Raw: data,
		Targets: []Target{{Notifier: b.Mail.Notifier, Addresses: b.Refused(), Template: b.Mail.Template}},
	}
	if err := s.Put(item); err != nil {
		return fmt.Errorf("requeue: %w", err)
	}
	// Which items the mail has told is still to be known.
	move := durable.Move{From: s.path(badmailDir, id, mailExt), To: s.path(sentDir, id, mailExt)}
	if _, err := os.Lstat(move.From); err == nil {
		if err := durable.Rename(move); err != nil {
			return fmt.Errorf("requeue %s: %w", id, err)
		}
	}
	return s.forget(id)
}

func (s *Spool) requeueItem(b Bad) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := b.Item.ID
	item, err := readItem(s.path(badmailDir, id, itemExt))
	if errors.Is(err, fs.ErrNotExist) && (s.items[id] != nil || s.told[id]) {
		return s.forget(id) // it was requeued before a crash
	}
	if err != nil {
		return fmt.Errorf("requeue %s: %w", id, err)
	}
	move := durable.Move{From: s.path(badmailDir, id, itemExt), To: s.path(queueDir, id, itemExt)}
	if err := durable.Rename(move); err != nil {
		return fmt.Errorf("requeue %s: %w", id, err)
	}
	delete(s.told, id)
	s.admit(item, false)
	if err := s.recoverFinished(); err != nil { // somebody may have it already
		return fmt.Errorf("requeue %s: %w", id, err)
	}
	return s.forget(id)
}

// Export finds the bytes of a mail, by its id or that of a message of another
// program, in the spool in dir: of one that waits, was given up or was sent. An
// event that waits is in no mail yet.
func Export(dir, id string) ([]byte, error) {
	var found [][]byte
	if id == "" || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("export %q: %w", id, ErrUnknown)
	}
	for _, sub := range []string{mailDir, badmailDir, sentDir} {
		paths, _ := filepath.Glob(filepath.Join(dir, sub, id+"*"+mailExt)) // the pattern is a good one
		for _, path := range paths {
			m, err := readMail(path)
			if err != nil {
				return nil, fmt.Errorf("export %q: %w", id, err)
			}
			found = append(found, m.Data)
		}
	}
	for _, sub := range []string{queueDir, pickupDir} {
		paths, _ := filepath.Glob(filepath.Join(dir, sub, id+"*"+itemExt))
		for _, path := range paths {
			item, err := readItem(path)
			if err != nil {
				return nil, fmt.Errorf("export %q: %w", id, err)
			}
			if item.Event != nil {
				return nil, fmt.Errorf("export %q: %w: it is an event and in no mail yet", id, ErrUnknown)
			}
			found = append(found, item.Raw)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("export %q: %w", id, ErrUnknown)
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("export %q: %w: %d ids begin so", id, ErrUnknown, len(found))
	}
}

// pruneBadmail deletes the oldest mail while badmail/ is larger than most.
// Nobody has looked at so much; below that nothing is ever deleted.
func (s *Spool) pruneBadmail(most int64) error {
	dir := filepath.Join(s.dir, badmailDir)
	infos, total, err := byAge(dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if total <= most {
			break
		}
		if filepath.Ext(info.Name()) == itemExt {
			continue // says that the item is not to be told again; it is small
		}
		s.log.Warn("badmail is too large, its oldest is deleted", "file", info.Name(), "most", most)
		if err := os.Remove(filepath.Join(dir, info.Name())); err != nil {
			return err
		}
		total -= info.Size()
	}
	return nil
}

// forget deletes what badmail/ says of something.
func (s *Spool) forget(id string) error {
	for _, ext := range []string{emlExt, reasonExt} {
		if err := os.Remove(s.path(badmailDir, id, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget badmail: %w", err)
		}
	}
	return nil
}
