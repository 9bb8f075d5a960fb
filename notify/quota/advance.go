package quota

import (
	"time"
)

// Where mail comes one by one and fast, the flush of each reservation would be
// the third beside the two of its file in the spool. So where the limits are so
// wide that it does not matter, one flush is for many: an advance says on disk
// that so many recipients may have been mailed by now. What is drawn on it is
// noted without a flush, and what a crash leaves of it counts as used.
const (
	advanceOf = 32
	// wideRoom is how much of every limit has to be left: a crash costs a
	// sixty-fourth of that at most.
	wideRoom = 64 * advanceOf
	// busyGap is how soon after the reservation before this one comes.
	busyGap = time.Second
)

// maxRecipients bounds what a record may say.
const maxRecipients = 1 << 30

// advance is what may still go without a flush. The zero advance is none.
type advance struct {
	left   int       // recipients
	before time.Time // the newest reservation
}

// draw takes recipients out of the advance of an account, and says whether it
// has as many.
func (l *Ledger) draw(account string, recipients int) bool {
	a := l.advances[account]
	enough := a.left >= recipients
	a.left = max(0, a.left-recipients)
	l.advances[account] = a
	return enough
}

// append makes a reservation durable, unless it is so by an advance.
func (l *Ledger) append(account string, u Use, v Verdict) error {
	a := l.advances[account]
	busy := u.At.Sub(a.before) < busyGap && v.Room >= wideRoom && v.Messages >= wideRoom
	a.before = u.At
	l.advances[account] = a
	if l.draw(account, u.Recipients) {
		return l.log.Note(record(reserved, account, u))
	}
	if !busy {
		return l.log.Append(record(reserved, account, u))
	}
	if err := l.log.Note(record(reserved, account, u)); err != nil {
		return err
	}
	if err := l.log.Append(record(advanced, account, Use{At: u.At, Recipients: advanceOf})); err != nil {
		return err
	}
	a.left = advanceOf
	l.advances[account] = a
	return nil
}

// note writes a reservation down that the next Commit makes durable, unless it
// is so by an advance.
func (l *Ledger) note(account string, u Use, _ Verdict) error {
	if !l.draw(account, u.Recipients) {
		l.intended = true
	}
	return l.log.Note(record(reserved, account, u))
}

// spend counts as used now what is left of the advances: nobody knows how much
// of it went.
func (l *Ledger) spend(now time.Time) {
	for account, a := range l.advances {
		for range a.left {
			l.used[account] = append(l.used[account], Use{At: now, Recipients: 1})
		}
		delete(l.advances, account)
	}
}

// redeem is spend, and writes it down, so that the next process counts the same.
// Where that fails it counts as used then once more.
func (l *Ledger) redeem(now time.Time) {
	for account, a := range l.advances {
		if a.left == 0 {
			continue
		}
		for range a.left {
			if l.log.Note(record(over, account, Use{At: now, Recipients: 1})) != nil {
				break
			}
		}
		_ = l.log.Append(record(advanced, account, Use{At: now}))
	}
	l.spend(now)
}

// giveBack ends the advances: nothing of them is out.
func (l *Ledger) giveBack() error {
	written := false
	for account, a := range l.advances {
		if a.left == 0 {
			continue
		}
		written = true
		if err := l.log.Note(record(advanced, account, Use{At: a.before})); err != nil {
			return err
		}
	}
	if !written {
		return nil
	}
	return l.log.Commit()
}
