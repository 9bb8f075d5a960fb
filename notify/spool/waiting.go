package spool

import (
	"cmp"
	"slices"
	"time"
)

// Waiting is an item that is in no mail to one of its targets yet.
type Waiting struct {
	Item   *Item // shared and immutable
	Target Target
	// Held says that the item is in memory alone. It may not go in a digest:
	// a composition that is not durable must be the same after a crash, and
	// only that of a single item is.
	Held bool

	key, id string // of Target, and of both; empty when they are not known
}

// Due is when the item may go. One that seems to come from the future waits for
// nothing: the clock went back. A moment is not the future: whoever asks took
// the time before the item was put.
func (w Waiting) Due(now time.Time) time.Time {
	const moment = time.Second
	if w.Item.Queued.After(now.Add(moment)) {
		return now
	}
	return w.Item.Queued.Add(w.Target.Hold)
}

// Key is equal for what can go in one mail.
func (w Waiting) Key() string { return cmp.Or(w.key, w.Target.key()) }

// ID names the item and its target for as long as both wait.
func (w Waiting) ID() string {
	if w.id != "" {
		return w.id
	}
	return waitingID(w.Item.ID, w.Key())
}

func waitingID(item, key string) string { return item + "\n" + key }

// Waiting lists what is in no mail yet and not on hold, in no order.
func (s *Spool) Waiting() []Waiting { return s.AppendWaiting(nil) }

// AppendWaiting is Waiting, behind what list has: for somebody who asks often
// while much waits.
func (s *Spool) AppendWaiting(list []Waiting) []Waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	list = slices.Grow(list, len(s.items))
	for _, e := range s.items {
		if len(s.onHold) > 0 && s.onHold[e.item.ID] {
			continue
		}
		for i := range e.item.Targets {
			if _, ok := e.mailed[e.keys[i]]; !ok {
				list = append(list, Waiting{e.item, e.item.Targets[i], e.held, e.keys[i], e.ids[i]})
			}
		}
	}
	return list
}

// Letter is a mail that is not finished, with its state.
type Letter struct {
	Mail     *Mail // shared and immutable
	Delivery Delivery
}

// Letters lists the mails that are not finished and not on hold, in no order.
func (s *Spool) Letters() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	letters := make([]Letter, 0, len(s.mails))
	for id, l := range s.mails {
		if s.onHold[id] {
			continue
		}
		letters = append(letters, Letter{&l.mail, l.delivery.clone()})
	}
	return letters
}

// Going says whether a mail is neither finished nor on hold.
func (s *Spool) Going(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.mails[id]
	return ok && !s.onHold[id]
}
