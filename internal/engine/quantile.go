package engine

import (
	"math"
	"slices"
	"time"
)

// maxPicks is how many readings of a window a quantile is computed from. Of
// more, one is picked in each 4096th of the window: the result then lies within
// a percentile or two of the true one, at 64 KiB a window.
const maxPicks = 4096

// pick is one reading that was picked.
type pick struct {
	at    time.Time
	value float64
}

// addPick takes in a reading of a metric whose quantiles are asked for.
func addPick(picks []pick, window time.Duration, at time.Time, v float64) []pick {
	if n := len(picks); n > 0 && at.Sub(picks[n-1].at) < window/maxPicks {
		return picks
	}
	drop := 0
	for drop < len(picks) && at.Sub(picks[drop].at) > window {
		drop++
	}
	if drop > 0 {
		picks = picks[:copy(picks, picks[drop:])]
	}
	return append(picks, pick{at, v})
}

// Quantile is the value that a share (0 to 1) of the readings of a window is at
// most, between two readings in proportion; false when the window is not
// covered or the history was not made to keep its picks.
func (h *History) Quantile(w Window, share float64, now time.Time) (float64, bool) {
	if _, covered := h.Window(w, now); !covered {
		return 0, false
	}
	h.sorted = h.sorted[:0]
	for _, p := range h.series[w].picks {
		if now.Sub(p.at) <= w.Length {
			h.sorted = append(h.sorted, p.value)
		}
	}
	n := len(h.sorted)
	if n == 0 {
		return 0, false
	}
	slices.Sort(h.sorted)
	rank := share * float64(n-1)
	below, part := math.Modf(rank)
	i := int(below)
	if i+1 >= n {
		return h.sorted[n-1], true
	}
	return h.sorted[i] + part*(h.sorted[i+1]-h.sorted[i]), true
}
