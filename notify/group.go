package notify

import (
	"slices"
	"time"

	"tocsin"
	"tocsin/notify/spool"
)

// lead is the recipient whose turn it is among those of a letter that are
// pending: the one that was tried the longest ago. A letter has several routes
// only when a reload gave them to it, or when it is delivered directly.
func lead(l spool.Letter) string {
	pending := l.Delivery.Pending(*l.Mail)
	if len(pending) == 0 {
		return ""
	}
	return slices.MinFunc(pending, func(a, b string) int {
		return l.Delivery.Recipients[a].At.Compare(l.Delivery.Recipients[b].At)
	})
}

// together lists the pending recipients that go in one transaction: those of
// one route, and directly those of one domain.
func (c *Courier) together(l spool.Letter, a Account) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setup.Domains.Together(l.Delivery.Pending(*l.Mail), lead(l), a.Direct)
}

// resume is when a letter goes on after a try of one group of its recipients: as
// that says, or earlier for the others, at once for those that were never
// tried. It is pure.
func resume(l spool.Letter, group []string, a Account, now time.Time) time.Time {
	var mine, others []string
	for _, address := range l.Delivery.Pending(*l.Mail) {
		if slices.Contains(group, address) {
			mine = append(mine, address)
		} else {
			others = append(others, address)
		}
	}
	next := l.Delivery.Next
	for _, address := range others {
		at := l.Delivery.Recipients[address].At
		if at.IsZero() {
			return now
		}
		at = retryAt(a, l.Delivery.Attempts, l.Mail.Severity == tocsin.Critical, at)
		if len(mine) == 0 {
			mine, next = others, at
		}
		next = earlier(next, at)
	}
	return next
}
