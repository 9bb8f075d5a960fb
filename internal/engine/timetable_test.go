package engine

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
	"tocsin/internal/schedule"
)

func lines(t *testing.T, texts ...string) []schedule.Line {
	t.Helper()
	var out []schedule.Line
	for _, text := range texts {
		l, err := schedule.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

func timed(t *testing.T, s Reader, zone string, every ...string) Check {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	c := watching("a", s)
	c.Schedule = schedule.Schedule{Every: lines(t, every...), Zone: loc}
	c.Interval = c.Schedule.Gap()
	return c
}

// sleepUntil waits for a moment of the bubble, which begins in 2000.
func sleepUntil(t *testing.T, moment string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(at))
}

func clock(times []time.Time, loc *time.Location) string {
	var out []string
	for _, at := range times {
		out = append(out, at.In(loc).Format("15:04"))
	}
	return strings.Join(out, " ")
}

// TestEveryMinuteOfTheClockOnce runs the engine through nights in which the
// clock is changed.
func TestEveryMinuteOfTheClockOnce(t *testing.T) {
	for _, c := range []struct{ name, zone, every, from, to, want string }{
		{"forward", "Europe/Berlin", "30 1-3 * * *", "2000-03-25T23:10:00Z", "2000-03-26T02:10:00Z", "01:30 03:00 03:30"},
		{"forward, anyway", "Europe/Berlin", "*/30 * * * *", "2000-03-25T23:10:00Z", "2000-03-26T02:10:00Z", "00:30 01:00 01:30 03:00 03:30 04:00"},
		{"back", "Europe/Berlin", "*/30 * * * *", "2000-10-28T23:10:00Z", "2000-10-29T02:40:00Z", "01:30 02:00 02:30 03:00 03:30"},
		{"half an hour forward", "Australia/Lord_Howe", "15,45 * * * *", "2000-08-26T15:00:00Z", "2000-08-26T17:00:00Z", "01:45 02:30 02:45 03:15 03:45"},
		{"half an hour back", "Australia/Lord_Howe", "15,45 * * * *", "2000-03-25T14:00:00Z", "2000-03-25T16:30:00Z", "01:15 01:45 02:15 02:45"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sleepUntil(t, c.from)
				s := &source{}
				check := timed(t, s, c.zone, c.every)
				_, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, check)
				sleepUntil(t, c.to)
				stop()
				if got := clock(s.times(), check.Schedule.Zone); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
				for _, at := range s.times() {
					if late := at.Sub(at.Truncate(time.Minute)); late > firstSpread {
						t.Errorf("read %v after the minute began", late)
					}
				}
			})
		})
	}
}

// TestAMinuteIsReadOnceAcrossRestarts: and across a reload, while one that has
// begun and was not read is.
func TestAMinuteIsReadOnceAcrossRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		check := timed(t, s, "UTC", "*/5 * * * *")
		_, stop := running(t, path, &keeper{}, check) // at midnight
		time.Sleep(20 * time.Second)
		stop()
		e, stop := running(t, path, &keeper{}, check)
		time.Sleep(10 * time.Second)
		changed := check
		changed.Fingerprint = "another"
		if err := e.Reload(t.Context(), "host", []Check{changed}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := len(s.times()); n != 1 {
			t.Errorf("read %d times in one minute, want once", n)
		}
		stop()
		sleepUntil(t, "2000-01-01T00:05:40Z")
		_, stop = running(t, path, &keeper{}, check)
		time.Sleep(15 * time.Minute)
		stop()
		if got, want := clock(s.times(), time.UTC), "00:00 00:05 00:10 00:15 00:20"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestNothingIsReadInAMask: neither by the interval nor for what the kernel
// tells; after it at once, and For begins anew.
func TestNothingIsReadInAMask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, h := &keeper{}, &herald{news: make(chan error)}
		check := watching("a", h)
		check.Events = true
		check.Rules[0].For = 2 * time.Minute
		check.Schedule = schedule.Schedule{Except: lines(t, "30-59 0 * * *", "0 1 * * *"), Zone: time.UTC}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, check)
		sleepUntil(t, "2000-01-01T00:29:00Z")
		h.set(func(s *source) { s.bad = true })
		sleepUntil(t, "2000-01-01T00:40:00Z")
		before := h.times()
		if last := before[len(before)-1]; last.Minute() != 29 {
			t.Errorf("read at %s, want not after 00:29", last.Format(time.TimeOnly))
		}
		h.news <- nil // changed
		sleepUntil(t, "2000-01-01T01:00:59Z")
		if n := len(h.times()) - len(before); n != 0 {
			t.Errorf("read %d times in the mask", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(h.times()) - len(before); n != 1 {
			t.Errorf("read %d times when the mask had ended, want once", n)
		}
		time.Sleep(time.Minute)
		wants(t, k) // not "for 32 minutes": nobody looked
		time.Sleep(2 * time.Minute)
		wants(t, k, "a/r failed")
		stop()
	})
}

// TestAMaskLeavesOneMinute: a grid that would only ever meet the mask.
func TestAMaskLeavesOneMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		check := watching("a", s)
		check.Interval = time.Hour
		check.Schedule = schedule.Schedule{Except: lines(t, "1-59 * * * *"), Zone: time.UTC}
		time.Sleep(10 * time.Minute)
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, check)
		sleepUntil(t, "2000-01-01T04:30:00Z")
		stop()
		if got, want := clock(s.times(), time.UTC), "01:00 02:00 03:00 04:00"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestATimedCheckHearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &herald{news: make(chan error)}
		check := timed(t, h, "UTC", "*/5 * * * *")
		check.Events = true
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, check)
		time.Sleep(14 * time.Minute)
		stop()
		if h.waits() != 0 || len(h.times()) != 3 {
			t.Errorf("waited %d times and read %d times, want never and three times", h.waits(), len(h.times()))
		}
	})
}

func TestNothingIsReadBeforeTheDelayIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state, _, err := OpenState(filepath.Join(t.TempDir(), "s"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		a, b, c := &source{}, &source{}, &source{}
		minutely := timed(t, b, "UTC", "* * * * *")
		minutely.Name, minutely.Fingerprint = "b", "b"
		e := New("host", []Check{watching("a", a), minutely}, state, &keeper{}, 90*time.Second, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		began := time.Now()
		go func() { e.Run(ctx); close(done) }()
		time.Sleep(10 * time.Second)
		fresh := watching("c", c)
		if err := e.Reload(t.Context(), "host", []Check{watching("a", a), minutely, fresh}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
		cancel()
		<-done
		for i, s := range []*source{a, b, c} {
			first := s.times()[0].Sub(began)
			if first < 90*time.Second || first > 90*time.Second+firstSpread {
				t.Errorf("check %d was first read after %v, want 90 s", i, first)
			}
		}
	})
}

// TestAClockThatWasFarAhead goes back by a year, as when a machine without a
// battery learns the time.
func TestAClockThatWasFarAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state, _, err := OpenState(filepath.Join(t.TempDir(), "s"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		e := New("host", []Check{timed(t, &source{}, "UTC", "0 * * * *")}, state, &keeper{}, 0, slog.New(slog.DiscardHandler))
		w, now := e.watches[0], time.Now().Round(0)
		w.begin(now.AddDate(1, 0, 0))
		e.tick(t.Context(), now.Add(30*time.Minute))
		if got := w.next.Truncate(time.Minute).Sub(now); got != time.Hour {
			t.Errorf("got the next reading in %v, want in the next hour", got)
		}
		// A little back is waited for: what was read does not come again.
		next := w.next
		e.tick(t.Context(), now.Add(10*time.Minute))
		if !w.next.Equal(next) {
			t.Errorf("got %v, want %v still", w.next, next)
		}
		// So is the end of a mask.
		w.check.Schedule = schedule.Schedule{Except: lines(t, "* * * 1-6 *"), Zone: time.UTC}
		w.begin(now.AddDate(1, 0, 0))
		e.tick(t.Context(), now)
		if got := w.next.Format("2006-01-02"); got != "2000-07-01" {
			t.Errorf("got %s after the mask, want the first of July", got)
		}
	})
}

// TestAWindowWithAHole begins anew: one reading after a night is no average.
func TestAWindowWithAHole(t *testing.T) {
	h, now := filled(10*time.Minute, 5*time.Minute, 1, 1, 1, 1)
	for i, want := range []bool{false, false, true, true} {
		at := now.Add(12*time.Hour + time.Duration(i)*5*time.Minute)
		h.Add(reading(at, 9))
		points, covered := h.Window(Window{"m", 10 * time.Minute}, at)
		if got, _ := Avg(points, covered); covered != want || want && got != 9 {
			t.Errorf("reading %d after the hole: covered %t, average %v", i+1, covered, got)
		}
	}
	// A hole that is shorter than the window is none.
	h, now = filled(time.Hour, 5*time.Minute, slices.Repeat([]float64{1}, 14)...)
	at := now.Add(20 * time.Minute)
	h.Add(reading(at, 1))
	if _, covered := h.Window(Window{"m", time.Hour}, at); !covered {
		t.Error("got an hour with a hole of 20 minutes not covered")
	}
}

func reading(at time.Time, v float64) tocsin.Reading {
	return tocsin.Reading{At: at, Values: tocsin.ValuesOf(map[string]tocsin.Value{"m": tocsin.Number(v)})}
}

// TestAClockThatIsSet tells the engine that the clock has come to a minute of
// the schedule, which it would have seen only at its next look.
func TestAClockThatIsSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{}, &keeper{}
		e, stop := running(t, path, k, timed(t, s, "UTC", "0 12 * * *"))
		time.Sleep(time.Second)
		synctest.Wait()
		reads := len(s.reads)
		w := e.watches[0]
		w.next = time.Now() // the clock of a bubble cannot be set: the schedule comes to it
		e.ClockSet()
		synctest.Wait()
		if len(s.reads) != reads+1 || time.Until(w.next) < time.Minute {
			t.Errorf("got %d readings and the next one in %s, want one at once", len(s.reads)-reads, time.Until(w.next))
		}
		e.ClockSet()
		synctest.Wait()
		if len(s.reads) != reads+1 {
			t.Errorf("got %d readings, want none without a reason", len(s.reads)-reads)
		}
		stop()
	})
}
