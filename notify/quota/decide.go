package quota

import (
	"math"
	"time"
)

// Use is what was sent at one time: one message to some recipients.
type Use struct {
	At         time.Time
	Recipients int
	Critical   bool

	serial uint64 // names it for Settle; 0 when it is from before the start
}

// guard is what a use counts longer than its window. A provider's clock ticks
// when the command arrives there, a little after ours.
const guard = 50 * time.Millisecond

// Unlimited is the room where no window limits.
const Unlimited = math.MaxInt

// Verdict is what may be sent now.
type Verdict struct {
	// Room is how many recipients one message may have now, 0 for none.
	Room int
	// Messages is how many messages may go now.
	Messages int
	// Until is when there is room again, if Room is 0.
	Until time.Time
	// Window names the window that is used up, if Room is 0.
	Window string
	// Pace says how much of the room to use now.
	Pace Pace
}

// Decide says what limit allows after used, oldest first. It is pure.
func Decide(limit Limit, used []Use, critical bool, now time.Time) Verdict {
	v := Verdict{Room: Unlimited, Messages: Unlimited, Pace: unhurried()}
	v.Pace.look(limit, used, critical, now)
	for _, w := range limit.Windows() {
		base, share := w.kept()
		o, left := w.outlook(used, base, now)
		v.Pace.tighten(o, share, critical)
		if critical {
			o, left = w.outlook(used, 0, now)
			share = 0
		} else if share > 0 {
			left = min(left, o.slack(share))
		}
		switch {
		case left <= 0:
			v.Room, v.Messages = 0, 0
			if until := now.Add(o.until(share)); until.After(v.Until) {
				v.Until, v.Window = until, w.Name
			}
		case w.Recipients:
			v.Room = min(v.Room, left)
		default:
			v.Messages = min(v.Messages, left)
		}
	}
	return v
}

// kept is what others leave of an hour or a day for critical mail, a fifth: a
// quarter of that at all times, and of the rest as much as a steady use of it
// takes until there is room again.
func (w Window) kept() (base, share int) {
	if w.Length < time.Hour {
		return 0, 0
	}
	kept := w.Max / reserve
	return kept / 4, kept - kept/4
}

func (w Window) cost(u Use) int {
	if w.Recipients {
		return u.Recipients
	}
	return 1
}

// Usage is how far one window is used.
type Usage struct {
	Window Window
	Used   int
	// Frees is when the oldest use leaves the window; zero when there is none.
	Frees time.Time
}

// Usages says how far each window of limit is used.
func Usages(limit Limit, used []Use, now time.Time) []Usage {
	windows := limit.Windows()
	usages := make([]Usage, 0, len(windows))
	for _, w := range windows {
		u := Usage{Window: w}
		for i := len(used) - 1; i >= 0 && now.Sub(used[i].At) <= w.Length+guard; i-- {
			u.Used += w.cost(used[i])
			u.Frees = used[i].At.Add(w.Length + guard)
		}
		usages = append(usages, u)
	}
	return usages
}
