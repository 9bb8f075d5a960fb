package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tocsin/internal/durable"
)

// Listing is what a spool held at one moment, read without its lock and
// without changing it.
type Listing struct {
	// Items are in no mail yet to the targets that are left, oldest first;
	// those of pickup/ are among them.
	Items []Item
	// Letters are mails that are not finished, oldest first.
	Letters []Letter
	// OnHold holds the ids of the items and mails that are kept back.
	OnHold map[string]bool
	// Badmail and Corrupt count what a person should look at.
	Badmail, Corrupt int
}

// Waiting lists the items that are not on hold with each target that is left.
func (l Listing) Waiting() []Waiting {
	waiting := make([]Waiting, 0, len(l.Items))
	for i := range l.Items {
		if l.OnHold[l.Items[i].ID] {
			continue
		}
		for _, t := range l.Items[i].Targets {
			waiting = append(waiting, Waiting{Item: &l.Items[i], Target: t})
		}
	}
	return waiting
}

// Going lists the letters that are not on hold.
func (l Listing) Going() []Letter {
	return slices.DeleteFunc(slices.Clone(l.Letters), func(letter Letter) bool { return l.OnHold[letter.Mail.ID] })
}

// List reads the spool in dir, whoever owns it. What vanishes meanwhile is left
// out, and so is what is damaged. What waits and is of a later version is a
// durable.ErrNewer: nobody is told that nothing waits.
func List(dir string) (Listing, error) {
	var l Listing
	mailed := make(map[string]bool)
	note := func(m Mail) {
		for _, id := range m.Items {
			mailed[id+"\n"+m.key()] = true
		}
	}
	mails, err := list(filepath.Join(dir, mailDir), mailExt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("list spool: %w", err)
	}
	for _, name := range mails {
		path := filepath.Join(dir, mailDir, name)
		m, err := readMail(path)
		if errors.Is(err, durable.ErrNewer) {
			return l, fmt.Errorf("list %s: %w", path, err)
		}
		if err != nil {
			continue
		}
		d := Delivery{Attempts: 1}
		if data, err := readFile(filepath.Join(dir, mailDir, m.ID+stateExt)); err == nil {
			_ = json.Unmarshal(data, &d) // an unreadable state says nothing
		}
		m.Data = nil
		l.Letters = append(l.Letters, Letter{&m, d.clone()})
		note(m)
	}
	for _, sub := range []string{sentDir, badmailDir} {
		names, _ := list(filepath.Join(dir, sub), mailExt) // absent: nothing is finished
		for _, name := range names {
			if m, err := readMail(filepath.Join(dir, sub, name)); err == nil {
				note(m)
			}
		}
	}
	if l.Items, err = listItems(dir, mailed); err != nil {
		return l, err
	}
	if l.OnHold, err = holds(dir); err != nil {
		return l, fmt.Errorf("list spool: %w", err)
	}
	l.Badmail, l.Corrupt = count(filepath.Join(dir, badmailDir), reasonExt), count(filepath.Join(dir, corruptDir), "")
	slices.SortFunc(l.Items, func(a, b Item) int { return a.Queued.Compare(b.Queued) })
	slices.SortFunc(l.Letters, func(a, b Letter) int { return a.Mail.Queued.Compare(b.Mail.Queued) })
	return l, nil
}

// listItems lists what is in no mail yet to some of its targets: mailed says to
// which ones it is.
func listItems(dir string, mailed map[string]bool) (items []Item, err error) {
	for _, sub := range []string{queueDir, pickupDir} {
		names, err := list(filepath.Join(dir, sub), itemExt)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list spool: %w", err)
		}
		for _, name := range names {
			path := filepath.Join(dir, sub, name)
			item, err := readItem(path)
			if errors.Is(err, durable.ErrNewer) {
				return nil, fmt.Errorf("list %s: %w", path, err)
			}
			if err != nil {
				continue
			}
			item.Raw = nil
			item.Targets = slices.DeleteFunc(item.Targets, func(t Target) bool { return mailed[item.ID+"\n"+t.key()] })
			if len(item.Targets) > 0 {
				items = append(items, item)
			}
		}
	}
	return items, nil
}

// Kept counts the mails and events in badmail: what somebody never got.
func (s *Spool) Kept() int { return count(filepath.Join(s.dir, badmailDir), reasonExt) }

func count(dir, ext string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	n := 0
	for _, entry := range entries {
		if ext == "" || filepath.Ext(entry.Name()) == ext {
			n++
		}
	}
	return n
}
