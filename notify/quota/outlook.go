package quota

import (
	"math"
	"time"
)

// outlook is what a window will have room for: by each moment at which a use
// leaves it, how much may have been sent until then.
type outlook struct {
	window Window
	used   []Use // in the window, oldest first
	now    time.Time
	left   int // of the window now
}

// step is a moment of an outlook.
type step struct {
	in     time.Duration // from now
	budget int           // may be sent before that, in all
}

// outlook looks ahead, and leaves base out of account; it also says how much of
// the window is left now.
func (w Window) outlook(used []Use, base int, now time.Time) (o outlook, left int) {
	first, total := len(used), 0
	for first > 0 && now.Sub(used[first-1].At) <= w.Length+guard {
		first--
		total += w.cost(used[first])
	}
	left = w.Max - base - total
	return outlook{window: w, used: used[first:], now: now, left: left}, left
}

// steps yields the moments in the order of time; the last one is a whole window
// from now. They are not kept: of a day there are thousands.
func (o outlook) steps(yield func(step) bool) {
	budget := o.left
	for _, u := range o.used {
		if !yield(step{u.At.Sub(o.now) + o.window.Length + guard + time.Millisecond, budget}) {
			return
		}
		budget += o.window.cost(u)
	}
	yield(step{o.window.Length, budget})
}

// slack is how much may be sent now beside a steady use of share per window.
func (o outlook) slack(share int) int {
	least := math.Inf(1)
	for s := range o.steps {
		least = min(least, float64(s.budget)-o.steady(share, s.in))
	}
	return int(math.Floor(least))
}

// steady is what a steady use of share per window takes in d.
func (o outlook) steady(share int, d time.Duration) float64 {
	return float64(share) * float64(d) / float64(o.window.Length)
}

// gap is how far apart uses are that last for ever beside a steady use of share
// per window; at most a window.
func (o outlook) gap(share int) time.Duration {
	gap := float64(0)
	for s := range o.steps {
		rest := float64(s.budget) - o.steady(share, s.in)
		if rest <= 0 {
			return o.window.Length
		}
		gap = max(gap, float64(s.in)/rest)
	}
	return time.Duration(min(gap, float64(o.window.Length)))
}

// until is when there is room for one beside a steady use of share per window.
func (o outlook) until(share int) time.Duration {
	var wait time.Duration
	for s := range o.steps {
		if float64(s.budget)-o.steady(share, s.in) >= 1 {
			continue
		}
		// By then what was in the way has left the window, or enough of the
		// steady use lies behind.
		in := s.in
		if share > 0 && s.budget >= 1 {
			in -= time.Duration(float64(s.budget-1) / float64(share) * float64(o.window.Length))
		}
		wait = max(wait, in)
	}
	return wait
}
