package engine

import (
	"math"
	"time"

	"tocsin"
)

// buckets is how many points a series keeps: a window is folded into as many
// buckets, so that a six-hour window on a one-second interval costs no more
// than on a minute's.
const buckets = 512

// Point is a stretch of one metric's samples: one sample, or as many as fell
// into one bucket of a long window.
type Point struct {
	First, Last           time.Time
	FirstValue, LastValue float64
	Min, Max, Sum         float64
	Count                 int
}

// History keeps the recent past of the metrics that rules look back at. It is
// in memory only: after a start a window has no data until it is covered.
type History struct {
	windows map[string]time.Duration
	series  map[string][]Point
	// picked holds single readings, for quantiles.
	picked map[Picks][]pick
	sorted []float64 // room for Quantile
}

// NewHistory keeps each metric for as long as windows says, and what the
// quantiles of picks need; either may be nil.
func NewHistory(windows map[string]time.Duration, picks []Picks) *History {
	h := &History{windows: windows}
	if len(windows)+len(picks) == 0 {
		return h
	}
	h.series, h.picked = make(map[string][]Point, len(windows)), make(map[Picks][]pick, len(picks))
	for _, p := range picks {
		h.picked[p] = nil
	}
	return h
}

// Add takes in a reading.
func (h *History) Add(r tocsin.Reading) {
	for metric, window := range h.windows {
		v, ok := r.Values.Find(metric)
		if !ok || v.Kind() == tocsin.TextValue || v.Kind() == tocsin.NoValue {
			continue
		}
		h.series[metric] = add(h.series[metric], window, r.At, v.Float())
	}
	for p, picked := range h.picked {
		if v := r.Values.Of(p.Metric); v.Kind() == tocsin.NumberValue {
			h.picked[p] = addPick(picked, p.Window, r.At, v.Float())
		}
	}
}

func add(s []Point, window time.Duration, at time.Time, v float64) []Point {
	width := window / buckets
	if n := len(s); n > 0 && at.Sub(s[n-1].First) < width {
		p := &s[n-1]
		p.Last, p.LastValue = at, v
		p.Min, p.Max, p.Sum, p.Count = math.Min(p.Min, v), math.Max(p.Max, v), p.Sum+v, p.Count+1
		return s
	}
	// One point older than the window stays, so that the window is known to
	// be covered.
	drop := 0
	for drop+1 < len(s) && at.Sub(s[drop+1].Last) > window {
		drop++
	}
	if drop > 0 {
		s = s[:copy(s, s[drop:])]
	}
	return append(s, Point{First: at, Last: at, FirstValue: v, LastValue: v, Min: v, Max: v, Sum: v, Count: 1})
}

// Window returns the points of a metric that are at most d old, oldest first,
// and whether they cover the whole of d: no hole as long as d is at its begin.
// The slice is the history's own.
func (h *History) Window(metric string, d time.Duration, now time.Time) (points []Point, covered bool) {
	if h == nil {
		return nil, false
	}
	s := h.series[metric]
	from := 0
	for from < len(s) && now.Sub(s[from].Last) > d {
		from++
	}
	points = s[from:]
	switch {
	case len(points) == 0:
	case from > 0 && points[0].First.Sub(s[from-1].Last) <= d:
		covered = true
	case len(points) > 1:
		// After a hole it begins anew. Half an interval of slack: samples never
		// fall exactly on the window's edge.
		covered = now.Sub(points[0].First) >= d-gap(points)/2
	}
	return points, covered
}

func gap(s []Point) time.Duration {
	return s[len(s)-1].Last.Sub(s[0].First) / time.Duration(len(s)-1)
}
