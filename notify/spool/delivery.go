package spool

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"tocsin/internal/durable"
)

// Compose freezes a mail to one target before it goes on the wire. A message of
// another program that has no other target is frozen already: it is written only
// when it has to be tried again. When the disk does not take a mail, one of a
// single item goes from memory: it would be the same mail again. One of several
// items is refused with the disk's error.
func (s *Spool) Compose(m Mail, t Target) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.willing(m); err != nil {
		return err
	}
	held := s.frozen(m)
	if held {
		s.freeze(m, t, true)
		return nil
	}
	data, err := encode("mail", m, m.Data)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.path(mailDir, m.ID, mailExt), data); err != nil {
		if len(m.Items) > 1 {
			return fmt.Errorf("compose %s: %w", m.ID, err)
		}
		s.log.Error("mail goes out from memory: the spool's disk does not take it", "mail", m.ID, "err", err)
		held = true
	}
	s.freeze(m, t, held)
	return nil
}

// frozen says whether a mail is the bytes of its only item, and that has no
// other target, whose end must be known from this one's mail.
func (s *Spool) frozen(m Mail) bool {
	e, ok := s.items[m.Items[0]]
	return ok && len(m.Items) == 1 && e.item.Event == nil && len(e.item.Targets) == 1 && e.size == len(m.Data)
}

// willing refuses a mail of what was dropped or put on hold meanwhile.
func (s *Spool) willing(m Mail) error {
	for _, id := range m.Items {
		if s.items[id] == nil || s.onHold[id] {
			return fmt.Errorf("compose %s: %s: %w", m.ID, id, ErrWithdrawn)
		}
	}
	return nil
}

func (s *Spool) freeze(m Mail, t Target, held bool) {
	if !held || s.frozen(m) {
		m.Data = nil // it is on the disk
	}
	s.mails[m.ID] = &letter{mail: m, delivery: Delivery{Attempts: 1, Recipients: map[string]Recipient{}}, held: held}
	for _, id := range m.Items {
		if e, ok := s.items[id]; ok {
			e.mailed[t.key()] = m.ID
		}
	}
}

// Record keeps how far a mail is. On an error it is kept in memory alone: the
// mail's state decides when it is tried again, never whether.
func (s *Spool) Record(id string, d Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.mails[id]
	if !ok {
		return nil // dropped meanwhile
	}
	l.delivery = d.clone()
	if err := s.write(l); err != nil {
		if s.mails[id] == nil {
			return nil // its message is damaged and was set aside
		}
		s.log.Error("state of a mail is in memory alone: the spool's disk does not take it", "mail", id, "err", err)
		return nil
	}
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("record %s: %w", id, err)
	}
	l.recorded = true
	return durable.WriteFile(s.path(mailDir, id, stateExt), data)
}

// write makes a mail durable that was only held.
func (s *Spool) write(l *letter) error {
	if !l.held {
		return nil
	}
	bytes, err := s.data(l)
	if err != nil {
		return err
	}
	data, err := encode("mail", l.mail, bytes)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.path(mailDir, l.mail.ID, mailExt), data); err != nil {
		return err
	}
	l.held, l.mail.Data = false, nil
	return nil
}

// Data is the bytes of a mail that is not finished. One whose file turns out to be
// damaged, and cannot be made of its message, is an ErrUnknown: it is in corrupt/,
// and the events in it wait again.
func (s *Spool) Data(id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.mails[id]
	if !ok {
		return nil, fmt.Errorf("read mail %s: %w", id, ErrUnknown)
	}
	return s.data(l)
}

func (s *Spool) data(l *letter) ([]byte, error) {
	if l.mail.Data != nil {
		return l.mail.Data, nil
	}
	if l.held {
		return s.raw(l.mail.Items[0])
	}
	m, err := readMail(s.path(mailDir, l.mail.ID, mailExt))
	if beyondRepair(err) {
		return s.loseMail(l, err)
	}
	return m.Data, err
}

// How many finished mails wait to be durable, and for how long the first does
// while others follow.
const (
	maxUnsynced = 64
	flushAfter  = 500 * time.Millisecond
)

// Flush makes the end of finished mails durable. Until then a power cut brings
// them back, to be sent once more as the same mail.
func (s *Spool) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flush()
}

func (s *Spool) flush() error {
	if err := s.unsynced.Settle(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	s.finished = 0
	return nil
}

// Finish ends a mail of which every recipient has a verdict. A mail that some
// recipient never gets is kept in badmail/ with the reasons. The rename of the
// mail is what makes it finished; a crash before it means one more copy, and so
// does a power cut before the next Flush.
func (s *Spool) Finish(id string, d Delivery, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.mails[id]
	if !ok {
		return nil // dropped meanwhile
	}
	refused := d.Refused(l.mail)
	if len(refused) > 0 {
		data, err := s.data(l)
		if err != nil { // of an ErrUnknown there is nothing left to end
			return fmt.Errorf("badmail %s: %w", id, err)
		}
		if err := s.writeBadmail(l.mail, data, d, now); err != nil {
			return err
		}
	}
	to := sentDir
	if len(refused) == len(l.mail.Recipients) {
		to = badmailDir
	}
	var moves []durable.Move
	if !l.held {
		moves = append(moves, durable.Move{From: s.path(mailDir, id, mailExt), To: s.path(to, id, mailExt)})
	}
	key := l.mail.key()
	for _, itemID := range l.mail.Items {
		if e, ok := s.items[itemID]; ok && !e.held && e.last(key) {
			moves = append(moves, durable.Move{From: s.path(queueDir, itemID, itemExt), To: s.path(sentDir, itemID, itemExt)})
		}
	}
	// Memory follows the disk: after an error nothing has changed, and the
	// moves are made again.
	if err := s.unsynced.Move(moves...); err != nil {
		return fmt.Errorf("finish %s: %w", id, err)
	}
	if s.finished++; s.finished == 1 {
		s.since = now
	}
	if s.finished >= maxUnsynced || len(refused) > 0 || now.Sub(s.since) >= flushAfter {
		if err := s.flush(); err != nil {
			return err
		}
	}
	delete(s.mails, id)
	s.release(id)
	for _, itemID := range l.mail.Items {
		s.settle(itemID, key)
	}
	if !l.recorded {
		return nil
	}
	// A state without its mail means nothing; recover deletes what is left.
	if err := os.Remove(s.path(mailDir, id, stateExt)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("finish %s: %w", id, err)
	}
	return nil
}

// last says whether key is the only target of the item that is not finished.
func (e *entry) last(key string) bool {
	for _, t := range e.item.Targets {
		if t.key() != key && !e.finished[t.key()] {
			return false
		}
	}
	return true
}

// settle notes that one target of an item is done.
func (s *Spool) settle(itemID, key string) {
	e, ok := s.items[itemID]
	if !ok {
		return
	}
	done := e.last(key)
	e.finished[key] = true
	if done {
		s.leave(itemID)
	}
}

// leave takes an item out of the queue for good.
func (s *Spool) leave(itemID string) {
	close(s.items[itemID].gone)
	s.unload(s.items[itemID])
	s.release(itemID)
	delete(s.items, itemID)
	s.told[itemID] = true
}
