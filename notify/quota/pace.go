package quota

import (
	"slices"
	"time"
)

// The parts of an hour's or a day's limit, one in so many: what is kept for
// critical events, and what a storm of those leaves for the others.
const (
	reserve = 5
	floor   = 20
)

// Pace keeps the budget of an hour or a day from being spent in its first
// minutes. The zero value lets nothing go at once and nothing wait.
type Pace struct {
	// Recipients and Messages are how many may go at once, a mail each.
	Recipients, Messages int
	// PerRecipient and PerMessage are how much time each further one takes up,
	// when none may go at once; 0 when no budget is short.
	PerRecipient, PerMessage time.Duration
	// Last is the newest use by what is as critical; zero when there is none.
	Last time.Time
	// Recent counts the messages of the last ten minutes that were as critical,
	// where an hour or a day is limited to less than plenty.
	Recent int
}

// plenty is a limit of an hour or a day that is there for form's sake.
const plenty = 10_000

// recentTime is how far Pace.Recent looks back.
const recentTime = 10 * time.Minute

// unhurried is the pace where no limit is.
func unhurried() Pace { return Pace{Recipients: Unlimited, Messages: Unlimited} }

// Allows says whether so many may go at once.
func (p Pace) Allows(recipients, messages int) bool {
	return recipients <= p.Recipients && messages <= p.Messages
}

// Next is when a message to so many recipients may go, of those that may not go
// at once.
func (p Pace) Next(recipients int) time.Time {
	wait := p.PerRecipient
	if wait > 0 && recipients > int(longest/wait) {
		wait = longest
	} else {
		wait *= time.Duration(recipients)
	}
	return p.Last.Add(max(p.PerMessage, wait))
}

// look notes what was sent lately.
func (p *Pace) look(limit Limit, used []Use, critical bool, now time.Time) {
	budget := slices.ContainsFunc(limit.Windows(), func(w Window) bool { return w.Length >= time.Hour && w.Max <= plenty })
	for _, u := range slices.Backward(used) {
		if u.Critical != critical {
			continue
		}
		if p.Last.IsZero() {
			p.Last = u.At
		}
		if !budget || now.Sub(u.At) > recentTime {
			return
		}
		p.Recent++
	}
}

// tighten takes in what one window has to say, of which others leave share to
// what is critical.
func (p *Pace) tighten(o outlook, share int, critical bool) {
	w := o.window
	if w.Length < time.Minute {
		return // a limit per second only spaces mails out
	}
	n, per := &p.Messages, &p.PerMessage
	if w.Recipients {
		n, per = &p.Recipients, &p.PerRecipient
	}
	if w.Length < time.Hour {
		*n = min(*n, max(0, o.slack(0)))
		return
	}
	// At once goes what leaves half of one's own part or, of what is critical,
	// what leaves both parts that are kept.
	kept, spared := share, share+(w.Max-w.Max/reserve)/2
	if critical {
		share, spared = w.Max/floor, kept+w.Max/floor
	}
	free := o.slack(spared)
	*n = min(*n, max(0, free))
	if free > 0 {
		return
	}
	gap := o.gap(share)
	if critical && kept > 0 { // as often as what is kept for it lasts
		gap = min(gap, w.Length/time.Duration(kept))
	}
	*per = max(*per, gap)
}
