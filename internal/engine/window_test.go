package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tocsin"
)

func filled(window, interval time.Duration, values ...float64) (*History, time.Time) {
	h := NewHistory([]Window{{"m", window}}, nil)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, v := range values {
		if i > 0 {
			now = now.Add(interval)
		}
		h.Add(tocsin.Reading{At: now, Values: tocsin.ValuesOf(map[string]tocsin.Value{"m": tocsin.Number(v)})})
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
			h, now := filled(minute, 10*time.Second, tt.values...)
			points, covered := h.Window(Window{"m", minute}, now)
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
	h := NewHistory([]Window{{"m", window}}, nil)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	peak := now.Add(20 * time.Hour)
	for range 24 * 3600 {
		v := 1.0
		if now.Equal(peak) {
			v = 1000
		}
		h.Add(tocsin.Reading{At: now, Values: tocsin.ValuesOf(map[string]tocsin.Value{"m": tocsin.Number(v)})})
		now = now.Add(time.Second)
	}
	points, covered := h.Window(Window{"m", window}, now)
	if len(points) > buckets+2 || !covered {
		t.Errorf("got %d points, covered %v, want at most %d", len(points), covered, buckets+2)
	}
	if got, ok := Max(points, covered); !ok || got != 1000 {
		t.Errorf("got peak %v, %v, want 1000", got, ok)
	}
}

// TestWindowsAreApart: a short window holds what it holds without the long one
// beside it, and little more of memory than its readings take.
func TestWindowsAreApart(t *testing.T) {
	short, long := Window{"m", 5 * time.Second}, Window{"m", 7 * 24 * time.Hour}
	both, alone := NewHistory([]Window{short, long}, []Window{short}), NewHistory([]Window{short}, []Window{short})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3000 {
		now = now.Add(time.Second)
		both.Add(reading(now, float64(i*i)))
		alone.Add(reading(now, float64(i*i)))
		got, gotCovered := both.Window(short, now)
		want, wantCovered := alone.Window(short, now)
		if !slices.Equal(got, want) || gotCovered != wantCovered {
			t.Fatalf("after %d readings: got %v, %t, want %v, %t", i+1, got, gotCovered, want, wantCovered)
		}
	}
	median, ok := both.Quantile(short, 0.5, now)
	if want, _ := alone.Quantile(short, 0.5, now); !ok || median != want {
		t.Errorf("got median %v, %t, want %v", median, ok, want)
	}
	if points, _ := both.Window(long, now); len(points) != 3 || points[0].Count+points[1].Count+points[2].Count != 3000 {
		t.Errorf("got %v of the long window, want 3000 readings in 3 buckets", points)
	}
	if n := cap(both.series[short].points); n > 16 {
		t.Errorf("got room for %d points in a window of 5 readings", n)
	}
	if n := cap(both.series[long].picks); n > 0 {
		t.Errorf("got room for %d picks in a window without quantiles", n)
	}
}

func TestHistoryLeavesTextOut(t *testing.T) {
	h := NewHistory([]Window{{"m", time.Minute}}, nil)
	h.Add(tocsin.Reading{Values: tocsin.ValuesOf(map[string]tocsin.Value{"m": tocsin.Text("x"), "other": tocsin.Number(1)})})
	if points, covered := h.Window(Window{"m", time.Minute}, time.Time{}); len(points) != 0 || covered {
		t.Errorf("got %v, %v", points, covered)
	}
	var none *History
	if points, covered := none.Window(Window{"m", time.Minute}, time.Time{}); len(points) != 0 || covered {
		t.Errorf("got %v, %v of no history", points, covered)
	}
}

func TestQuantile(t *testing.T) {
	const window = time.Minute
	for _, c := range []struct {
		name   string
		values []float64 // 10 s apart
		share  float64
		want   float64
		ok     bool
	}{
		{"median", []float64{99, 7, 1, 2, 3, 4, 5, 6}, 0.5, 4, true},
		{"least", []float64{99, 7, 1, 2, 3, 4, 5, 6}, 0, 1, true},
		{"greatest", []float64{99, 7, 1, 2, 3, 4, 5, 6}, 1, 7, true},
		{"between two", []float64{0, 10, 20, 30, 40, 50, 60}, 0.95, 57, true},
		{"not covered", []float64{1, 2, 3}, 0.5, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, now := NewHistory([]Window{{"m", window}}, []Window{{"m", window}}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i, v := range c.values {
				if i > 0 {
					now = now.Add(10 * time.Second)
				}
				h.Add(reading(now, v))
			}
			got, ok := h.Quantile(Window{"m", window}, c.share, now)
			if ok != c.ok || math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %v, %t, want %v, %t", got, ok, c.want, c.ok)
			}
		})
	}
	var none *History
	if _, ok := none.Quantile(Window{"m", window}, 0.5, time.Time{}); ok {
		t.Error("got a quantile of no history")
	}
}

// TestQuantileIsBounded compares a day's window of a reading a second with the
// true quantiles of its values, which rise and fall with spikes on them.
func TestQuantileIsBounded(t *testing.T) {
	const window = 24 * time.Hour
	h, now := NewHistory([]Window{{"m", window}}, []Window{{"m", window}}), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	var all []float64
	for range 30 * 3600 {
		v := 50 * random.Float64()
		if random.IntN(10) == 0 {
			v += 50
		}
		all = append(all, v)
		now = now.Add(time.Second)
		h.Add(reading(now, v))
	}
	if n := cap(h.series[Window{"m", window}].picks); n > 2*maxPicks {
		t.Errorf("got room for %d picks, want at most %d", n, 2*maxPicks)
	}
	last := slices.Sorted(slices.Values(all[len(all)-24*3600:]))
	for _, share := range []float64{0.01, 0.5, 0.9, 0.95, 0.99} {
		got, ok := h.Quantile(Window{"m", window}, share, now)
		at, _ := slices.BinarySearch(last, got)
		if rank := float64(at) / float64(len(last)); !ok || math.Abs(rank-share) > 0.02 {
			t.Errorf("quantile %v: got %v, which is quantile %v", share, got, rank)
		}
	}
}
