package quota

import (
	"math"
	"time"
)

// Use is what was sent at one time: one message to some recipients.
type Use struct {
	At         time.Time
	Recipients int

	serial uint64 // names it for Settle; 0 when it is from before the start
}

// reserve is the part of each hour and day that is kept for critical events:
// one in so many.
const reserve = 5

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
}

// Decide says what limit allows after used, oldest first. It is pure. Windows
// shorter than least are left out: a limit per second only paces.
func Decide(limit Limit, used []Use, critical bool, least time.Duration, now time.Time) Verdict {
	v := Verdict{Room: Unlimited, Messages: Unlimited}
	for _, w := range limit.Windows() {
		if w.Length < least {
			continue
		}
		left, until := w.left(used, critical, now)
		switch {
		case left <= 0:
			v.Room, v.Messages = 0, 0
			if until.After(v.Until) {
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

// allowed is how much of the window may be used.
func (w Window) allowed(critical bool) int {
	if critical || w.Length < time.Hour {
		return w.Max
	}
	return w.Max - w.Max/reserve
}

// left says how much of the window is unused and, when nothing is, when the
// oldest uses that must leave it will have.
func (w Window) left(used []Use, critical bool, now time.Time) (int, time.Time) {
	allowed, total := w.allowed(critical), 0
	oldest := len(used)
	for i := len(used) - 1; i >= 0 && now.Sub(used[i].At) <= w.Length+guard; i-- {
		total += w.cost(used[i])
		oldest = i
	}
	left := allowed - total
	until := now
	for i := oldest; total >= allowed && i < len(used); i++ {
		total -= w.cost(used[i])
		until = used[i].At.Add(w.Length + guard + time.Millisecond)
	}
	return left, until
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
