package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tocsin/internal/durable"
)

// maxDamaged is how many damaged files are remembered by name.
const maxDamaged = 100

// Damaged says which files were moved to corrupt/ since it was called last.
func (s *Spool) Damaged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	damaged := s.damaged
	s.damaged = nil
	return damaged
}

// setAside moves a damaged file to corrupt/, where a person finds it. A power cut
// before the next flush brings it back, to be found damaged once more.
func (s *Spool) setAside(path string, why error) error {
	to := filepath.Join(s.dir, corruptDir, filepath.Base(path))
	if _, err := os.Lstat(to); err == nil {
		to = filepath.Join(s.dir, corruptDir, NewID()+"-"+filepath.Base(path))
	}
	if err := s.unsynced.Move(durable.Move{From: path, To: to}); err != nil {
		return fmt.Errorf("set aside damaged spool file: %w", err)
	}
	s.log.Error("damaged spool file moved to corrupt", "file", path, "err", why)
	if len(s.damaged) < maxDamaged {
		s.damaged = append(s.damaged, fmt.Sprintf("the spool file %s was damaged and is now %s: %v", path, to, why))
	}
	return nil
}

// beyondRepair says whether it is the content that is damaged. A file that may not
// be read has it still, and so may one that the disk does not give just now.
func beyondRepair(err error) bool {
	return errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrPermission)
}

// loseItem takes a message out of the queue whose file is damaged, and the mail
// that has its bytes from there. The error is an ErrUnknown: they wait no more.
func (s *Spool) loseItem(id string, why error) error {
	if err := s.setAside(s.path(queueDir, id, itemExt), why); err != nil {
		return err
	}
	for _, mailID := range s.items[id].mailed {
		if l, ok := s.mails[mailID]; ok && l.held && l.mail.Data == nil {
			s.forgetMail(l)
		}
	}
	s.leave(id)
	delete(s.told, id) // whoever has it still may put it again
	return fmt.Errorf("read %s: %w: %w", id, ErrUnknown, why)
}

// loseMail does without the file of a mail, which is damaged. A message is in the
// queue as well, and its mail goes on with it. Events wait again, for a new mail;
// the error is an ErrUnknown then. At worst a recipient gets them twice, with the
// same Message-ID, as after a start.
func (s *Spool) loseMail(l *letter, why error) ([]byte, error) {
	if err := s.setAside(s.path(mailDir, l.mail.ID, mailExt), why); err != nil {
		return nil, err
	}
	if e := s.items[l.mail.Items[0]]; e != nil && e.item.Event == nil {
		l.held = true
		data, err := s.data(l)
		if err != nil {
			return nil, err
		}
		if err := s.write(l); err != nil {
			s.log.Error("mail is in memory alone: the spool's disk does not take it", "mail", l.mail.ID, "err", err)
		}
		return data, nil
	}
	s.forgetMail(l)
	s.wake()
	return nil, fmt.Errorf("read mail %s: %w: %w", l.mail.ID, ErrUnknown, why)
}

// forgetMail has the items of a mail wait as if they never were in it.
func (s *Spool) forgetMail(l *letter) {
	for _, id := range l.mail.Items {
		if e, ok := s.items[id]; ok {
			delete(e.mailed, l.mail.key())
			if s.onHold[l.mail.ID] {
				if err := s.keepBack(id); err != nil {
					s.onHold[id] = true // until the next start
					s.log.Error("hold is in memory alone: the spool's disk does not take it", "item", id, "err", err)
				}
			}
		}
	}
	s.release(l.mail.ID)
	delete(s.mails, l.mail.ID)
	_ = os.Remove(s.path(mailDir, l.mail.ID, stateExt)) // recover deletes what is left
}
