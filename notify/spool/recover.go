package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tocsin/internal/durable"
)

// What is kept of sent mail: the newest files, and whatever is so young that
// the engine may not have saved its state since.
const (
	keepSent    = 400
	keepSentFor = 10 * time.Minute
	// Large ones go earlier: no state of the engine hangs on them.
	maxSent   = 256 << 20 // bytes in all
	largeSent = 64 << 10
)

// pickupAge is after how long an unfinished file of another process is swept.
const pickupAge = time.Hour

// recover reads the tree. It is idempotent: a crash in the middle of it is
// recovered from by the next one.
func (s *Spool) recover(now time.Time) error {
	for _, sub := range []string{queueDir, mailDir, sentDir, badmailDir} {
		if err := durable.Sweep(filepath.Join(s.dir, sub), 0, now); err != nil {
			return err
		}
	}
	if err := durable.Sweep(filepath.Join(s.dir, pickupDir), pickupAge, now); err != nil {
		return err
	}
	if err := s.recoverItems(); err != nil {
		return err
	}
	if err := s.recoverFinished(); err != nil {
		return err
	}
	if err := s.recoverMails(); err != nil {
		return err
	}
	if err := s.recoverHolds(); err != nil {
		return err
	}
	return s.prune(now)
}

func (s *Spool) recoverItems() error {
	for _, sub := range []string{sentDir, badmailDir} {
		names, err := list(filepath.Join(s.dir, sub), itemExt)
		if err != nil {
			return err
		}
		for _, name := range names {
			s.told[strings.TrimSuffix(name, itemExt)] = true
		}
	}
	return s.each(queueDir, itemExt, func(path string) error {
		item, err := readItem(path)
		if err != nil {
			return err
		}
		if s.told[item.ID] {
			return os.Remove(path) // a retried put after the item was told
		}
		s.admit(item, false)
		return nil
	})
}

// recoverFinished ends items whose mails were finished just before a crash.
func (s *Spool) recoverFinished() error {
	var moves []durable.Move
	for _, sub := range []string{sentDir, badmailDir} {
		names, err := list(filepath.Join(s.dir, sub), mailExt)
		if err != nil {
			return err
		}
		for _, name := range names {
			if len(s.items) == 0 {
				break // nothing is left that could be finished
			}
			m, err := readMail(filepath.Join(s.dir, sub, name))
			if err != nil {
				continue // history
			}
			for _, id := range m.Items {
				e, ok := s.items[id]
				if !ok {
					continue
				}
				e.mailed[m.key()] = m.ID
				if e.last(m.key()) {
					moves = append(moves, durable.Move{From: s.path(queueDir, id, itemExt), To: s.path(sentDir, id, itemExt)})
				}
				s.settle(id, m.key())
			}
		}
	}
	return durable.Rename(moves...)
}

func (s *Spool) recoverMails() error {
	err := s.each(mailDir, mailExt, func(path string) error {
		m, err := readMail(path)
		if err != nil {
			return err
		}
		// Without a readable state the mail was being tried for the first
		// time, or the state is lost: at worst a recipient gets it twice,
		// with the same Message-ID.
		d := Delivery{Attempts: 1}
		if data, err := readFile(s.path(mailDir, m.ID, stateExt)); err == nil {
			if err := json.Unmarshal(data, &d); err != nil {
				s.log.Error("mail state is damaged, the mail is tried anew", "mail", m.ID, "err", err)
				d = Delivery{Attempts: 1}
			}
		}
		m.Data = nil
		s.mails[m.ID] = &letter{mail: m, delivery: d.clone(), recorded: true}
		for _, id := range m.Items {
			if e, ok := s.items[id]; ok {
				e.mailed[m.key()] = m.ID
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	states, err := list(filepath.Join(s.dir, mailDir), stateExt)
	if err != nil {
		return err
	}
	for _, name := range states {
		if s.mails[strings.TrimSuffix(name, stateExt)] == nil {
			if err := os.Remove(filepath.Join(s.dir, mailDir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls take for every file and moves what is damaged to corrupt/, where
// a person finds it. That is an alarm, not a reason to stop. A file of a later
// version stays where it is: in pickup/ until that version takes it, elsewhere it
// is an error, because what belongs together is not understood in part.
func (s *Spool) each(sub, ext string, take func(path string) error) error {
	names, err := list(filepath.Join(s.dir, sub), ext)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		path := filepath.Join(s.dir, sub, name)
		err := take(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, durable.ErrNewer) {
			if sub != pickupDir {
				return fmt.Errorf("read %s: %w", path, err)
			}
			s.letLie(path, err)
			continue
		}
		if !errors.Is(err, ErrDamaged) {
			failed = errors.Join(failed, err)
			continue
		}
		if err := s.setAside(path, err); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		failed = errors.Join(failed, s.flush())
	}
	return failed
}

// letLie says of a file that it stays in pickup/, once.
func (s *Spool) letLie(path string, why error) {
	if s.left[path] || len(s.left) >= maxDamaged {
		return
	}
	s.left[path] = true
	s.log.Error("a submitted item is of a newer tocsin and stays where it is until that runs", "file", path, "err", why)
}

func readMail(path string) (Mail, error) {
	data, err := readFile(path)
	if err != nil {
		return Mail{}, err
	}
	var m Mail
	body, err := decode("mail", data, &m)
	if err != nil {
		return Mail{}, err
	}
	if !validID(m.ID) || filepath.Base(path) != m.ID+mailExt || len(m.Recipients) == 0 {
		return Mail{}, fmt.Errorf("%w: holds mail %q", ErrDamaged, m.ID)
	}
	m.Data = body
	return m, nil
}

// Prune forgets old sent mail, and what was given up when that is too much.
func (s *Spool) Prune(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prune(now)
}

func (s *Spool) prune(now time.Time) error {
	if err := s.pruneBadmail(maxBadmail); err != nil {
		return err
	}
	dir := filepath.Join(s.dir, sentDir)
	infos, total, err := byAge(dir)
	if err != nil {
		return err
	}
	// What is finished of an item that still waits for another notifier is
	// known from its mails alone.
	needed := make(map[string]bool)
	for _, e := range s.items {
		for _, id := range e.mailed {
			needed[id+mailExt] = true
		}
	}
	for i, info := range infos {
		old := i < len(infos)-keepSent && now.Sub(info.ModTime()) >= keepSentFor
		bulky := total > maxSent && info.Size() > largeSent
		if !old && !bulky || needed[info.Name()] {
			continue
		}
		total -= info.Size()
		if err := os.Remove(filepath.Join(dir, info.Name())); err != nil {
			return err
		}
		delete(s.told, strings.TrimSuffix(info.Name(), itemExt))
	}
	return nil
}
