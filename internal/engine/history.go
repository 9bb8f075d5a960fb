package engine

import (
	"math"
	"slices"
	"time"

	"tocsin"
)

// buckets is how many points a series keeps: a window is folded into as many
// buckets, so that a six-hour window on a one-second interval costs no more
// than on a minute's.
const buckets = 512

// Window is how far rules look back at a metric.
type Window struct {
	Metric string
	Length time.Duration
}

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
	series map[Window]*series
	sorted []float64 // room for Quantile
}

// series is what one window holds. Each has its own: the buckets of a day are
// longer than a short window, and would say nothing of it.
type series struct {
	points []Point
	picked bool   // whether quantiles are asked for
	picks  []pick // single readings, for them
}

// NewHistory keeps what the windows look back at, and what the quantiles of
// picks need, which are among them; either may be nil.
func NewHistory(windows, picks []Window) *History {
	if len(windows) == 0 {
		return &History{}
	}
	h := &History{series: make(map[Window]*series, len(windows))}
	for _, w := range windows {
		h.series[w] = &series{picked: slices.Contains(picks, w)}
	}
	return h
}

// Add takes in a reading.
func (h *History) Add(r tocsin.Reading) {
	for w, s := range h.series {
		v, ok := r.Values.Find(w.Metric)
		if !ok || v.Kind() == tocsin.TextValue || v.Kind() == tocsin.NoValue {
			continue
		}
		s.points = add(s.points, w.Length, r.At, v.Float())
		if s.picked && v.Kind() == tocsin.NumberValue {
			s.picks = addPick(s.picks, w.Length, r.At, v.Float())
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

// Window returns the points of one of its windows that are at most as old as
// that is long, oldest first, and whether they cover the whole of it: no hole as
// long as itself is at its begin. The slice is the history's own.
func (h *History) Window(w Window, now time.Time) (points []Point, covered bool) {
	if h == nil || h.series[w] == nil {
		return nil, false
	}
	s, d := h.series[w].points, w.Length
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
