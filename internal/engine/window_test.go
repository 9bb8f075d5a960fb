package engine

import (
	"math"
	"testing"
	"time"

	"tocsin"
)

func series(window, interval time.Duration, values ...float64) (*History, time.Time) {
	h := NewHistory(map[string]time.Duration{"m": window})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, v := range values {
		if i > 0 {
			now = now.Add(interval)
		}
		h.Add(tocsin.Reading{At: now, Values: map[string]tocsin.Value{"m": tocsin.Number(v)}})
	}
	return h, now
}

func TestWindows(t *testing.T) {
	const minute = time.Minute
	tests := []struct {
		name   string
		f      WindowFunc
		values []float64 // 10 s apart, window 60 s
		want   float64
		ok     bool
	}{
		{"avg", Avg, []float64{9, 1, 2, 3, 4, 5, 6, 6}, 27.0 / 7, true},
		{"avg not covered", Avg, []float64{1, 2, 3}, 0, false},
		{"avg just covered", Avg, []float64{7, 7, 7, 7, 7, 7, 7}, 7, true},
		{"max", Max, []float64{99, 1, 2, 8, 4, 5, 6, 6}, 8, true},
		{"min", Min, []float64{-9, 4, 2, 8, 4, 5, 6, 6}, 2, true},
		{"min not covered", Min, []float64{1}, 0, false},
		{"delta", Delta, []float64{0, 10, 20, 30, 40, 50, 60, 70}, 60, true},
		{"rate", Rate, []float64{0, 10, 20, 30, 40, 50, 60, 70}, 1, true},
		{"time to, rising", TimeTo(100, minute), []float64{10, 20, 30, 40, 50}, 50, true},
		{"time to, falling", TimeTo(0, minute), []float64{50, 40, 30, 20, 10}, 10, true},
		{"time to, flat", TimeTo(100, minute), []float64{10, 10, 10, 10, 10}, math.Inf(1), true},
		{"time to, away", TimeTo(100, minute), []float64{50, 40, 30, 20, 10}, math.Inf(1), true},
		{"time to, reached", TimeTo(100, minute), []float64{96, 97, 98, 99, 100}, 0, true},
		{"time to, passed", TimeTo(100, minute), []float64{98, 99, 100, 101, 102}, 0, true},
		{"time to, too little", TimeTo(100, minute), []float64{10, 20, 30, 40}, 0, false},
		{"nothing", Max, nil, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, now := series(minute, 10*time.Second, tt.values...)
			points, covered := h.Window("m", minute, now)
			got, ok := tt.f(points, covered)
			if ok != tt.ok || (ok && math.Abs(got-tt.want) > 1e-9 && got != tt.want) {
				t.Errorf("got %v, %v, want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// TestHistoryIsBounded runs a six-hour window on a one-second interval for a
// day: the memory stays, and so does the peak.
func TestHistoryIsBounded(t *testing.T) {
	const window = 6 * time.Hour
	h := NewHistory(map[string]time.Duration{"m": window})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	peak := now.Add(20 * time.Hour)
	for range 24 * 3600 {
		v := 1.0
		if now.Equal(peak) {
			v = 1000
		}
		h.Add(tocsin.Reading{At: now, Values: map[string]tocsin.Value{"m": tocsin.Number(v)}})
		now = now.Add(time.Second)
	}
	points, covered := h.Window("m", window, now)
	if len(points) > buckets+2 || !covered {
		t.Errorf("got %d points, covered %v, want at most %d", len(points), covered, buckets+2)
	}
	if got, ok := Max(points, covered); !ok || got != 1000 {
		t.Errorf("got peak %v, %v, want 1000", got, ok)
	}
}

func TestHistoryLeavesTextOut(t *testing.T) {
	h := NewHistory(map[string]time.Duration{"m": time.Minute})
	h.Add(tocsin.Reading{Values: map[string]tocsin.Value{"m": tocsin.Text("x"), "other": tocsin.Number(1)}})
	if points, covered := h.Window("m", time.Minute, time.Time{}); len(points) != 0 || covered {
		t.Errorf("got %v, %v", points, covered)
	}
	var none *History
	if points, covered := none.Window("m", time.Minute, time.Time{}); len(points) != 0 || covered {
		t.Errorf("got %v, %v of no history", points, covered)
	}
}
