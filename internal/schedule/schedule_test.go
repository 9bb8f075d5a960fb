package schedule_test

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/schedule"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestClockChanges goes through the nights in which the clock is changed.
func TestClockChanges(t *testing.T) {
	for _, c := range []struct{ name, zone, every, except, from, want string }{
		{"forward: the gap is made up for right after", "Europe/Berlin", "30 2 * * *", "", "2026-03-28T12:00:00Z", "03-29 03:00 CEST, 03-30 02:30 CEST"},
		{"forward: the minute after the gap once", "Europe/Berlin", "30 2-3 * * *", "", "2026-03-29T00:00:00Z", "03-29 03:00 CEST, 03-29 03:30 CEST, 03-30 02:30 CEST"},
		{"forward: what comes anyway, once", "Europe/Berlin", "0 * * * *", "", "2026-03-29T00:00:00Z", "03-29 01:00 CET, 03-29 03:00 CEST, 03-29 04:00 CEST"},
		{"forward: nothing in the gap", "Europe/Berlin", "30 1,3 * * *", "", "2026-03-29T00:00:00Z", "03-29 01:30 CET, 03-29 03:30 CEST"},
		{"forward: a masked minute of the gap", "Europe/Berlin", "30 2 * * *", "* 2 * * sun", "2026-03-28T12:00:00Z", "03-30 02:30 CEST"},
		{"forward: masked right after the gap", "Europe/Berlin", "30 2 * * *", "* 3 * * *", "2026-03-28T12:00:00Z", "03-30 02:30 CEST"},
		{"back: once", "Europe/Berlin", "30 2 * * *", "", "2026-10-24T12:00:00Z", "10-25 02:30 CEST, 10-26 02:30 CET"},
		{"back: every minute of the clock once", "Europe/Berlin", "0,59 * * * *", "", "2026-10-25T00:10:00Z", "10-25 02:59 CEST, 10-25 03:00 CET, 10-25 03:59 CET"},
		{"back: started in the hour that comes again", "Europe/Berlin", "*/30 2-4 * * *", "", "2026-10-25T01:10:00Z", "10-25 03:00 CET, 10-25 03:30 CET"},
		{"half an hour forward", "Australia/Lord_Howe", "10,40 2 * * *", "", "2026-10-03T12:00:00Z", "10-04 02:30 +11, 10-04 02:40 +11, 10-05 02:10 +11"},
		{"half an hour back", "Australia/Lord_Howe", "15,45 1-2 * * *", "", "2026-04-04T14:00:00Z", "04-05 01:15 +11, 04-05 01:45 +11, 04-05 02:15 +1030, 04-05 02:45 +1030"},
		{"no midnight", "America/Sao_Paulo", "0 0,1 4 11 *", "", "2018-11-01T00:00:00Z", "11-04 01:00 -02, 2019-11-04 00:00 -03"},
		{"a day that never was", "Pacific/Apia", "0 12 30 12 *", "", "2011-12-29T00:00:00Z", "12-31 00:00 +14, 2012-12-30 12:00 +14"},
		{"an interval's mask", "Europe/Berlin", "", "* 0-6 * * *", "2026-03-29T00:30:00Z", "03-29 07:00 CEST"},
		{"a mask counts both times", "Europe/Berlin", "", "* 2 * * *", "2026-10-25T00:30:00Z", "10-25 03:00 CET"},
		{"1970", "America/New_York", "30 * * * *", "", "1970-01-01T00:00:10Z", "1969-12-31 19:30 EST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := schedule.Schedule{Zone: zone(t, c.zone)}
			if c.every != "" {
				s.Every = parse(t, c.every)
			}
			if c.except != "" {
				s.Except = parse(t, c.except)
			}
			at, err := time.Parse(time.RFC3339, c.from)
			if err != nil {
				t.Fatal(err)
			}
			year := at.Format("2006-")
			var got []string
			for range strings.SplitSeq(c.want, ", ") {
				at = s.Next(at)
				got = append(got, strings.TrimPrefix(at.Format("2006-01-02 15:04 MST"), year))
				at = at.Add(time.Minute)
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

// TestEveryMinuteOnce walks minute by minute through the times of the year in
// which clocks are changed: what Next says is what the clock on the wall says,
// each minute of it once.
func TestEveryMinuteOnce(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"} {
		loc := zone(t, name)
		walk(t, loc, time.Date(2026, 3, 25, 0, 0, 0, 0, loc), time.Date(2026, 4, 8, 0, 0, 0, 0, loc))
		walk(t, loc, time.Date(2026, 9, 1, 0, 0, 0, 0, loc), time.Date(2026, 10, 28, 0, 0, 0, 0, loc))
	}
}

func walk(t *testing.T, loc *time.Location, at, end time.Time) {
	t.Helper()
	s := schedule.Schedule{Every: parse(t, "*/7 1-3 * * *", "5 12 * * mon"), Except: parse(t, "14 2 * * *"), Zone: loc}
	mask := schedule.Schedule{Except: s.Every, Zone: loc}
	shown := map[int64]bool{} // what the clock has shown
	for next := s.Next(at); at.Before(end); at = at.Add(time.Minute) {
		_, offset := at.Zone()
		clock := at.Unix() + int64(offset)
		due := mask.Masked(at) && !s.Masked(at) && !shown[clock]
		shown[clock] = true
		if _, before := at.Add(-time.Minute).Zone(); !due && next.Equal(at) {
			if offset <= before {
				t.Errorf("%s: next says %v, the clock does not", loc, at)
			}
			due = true // made up for
		}
		if !due {
			continue
		}
		if !next.Equal(at) {
			t.Fatalf("%s: got next %v, want %v", loc, next, at)
		}
		next = s.Next(at.Add(time.Minute))
	}
}

func TestGap(t *testing.T) {
	for _, c := range []struct {
		every, except string
		want          time.Duration
	}{
		{"* * * * *", "", time.Minute},
		{"*/5 8-19 * * mon-fri", "", 5 * time.Minute},
		{"0,50 * * * *", "", 10 * time.Minute},
		{"0 4 * * *", "", 24 * time.Hour},
		{"0 4 * * *", "* * * * 1-6", 7 * 24 * time.Hour},
		{"0 0 29 2 *", "", 4*365*24*time.Hour + 24*time.Hour},
		{"0 0 30 2 *", "", 0},
		{"0 0 31 4,6,9,11 *", "", 0},
		{"0 3 * * *", "* 0-6 * * *", 0},
		{"", "* * * * *", 0},
		{"", "* 0-6 * * *", time.Minute},
	} {
		s := schedule.Schedule{Zone: time.UTC}
		if c.every != "" {
			s.Every = parse(t, c.every)
		}
		if c.except != "" {
			s.Except = parse(t, c.except)
		}
		if got := s.Gap(); got != c.want {
			t.Errorf("%q without %q: got %v, want %v", c.every, c.except, got, c.want)
		}
		if got := s.Never(); got != (c.want == 0) {
			t.Errorf("%q without %q: got never %t", c.every, c.except, got)
		}
		if never := s.Next(time.Unix(1_800_000_000, 0)).IsZero(); never != (c.want == 0) {
			t.Errorf("%q without %q: never is %t", c.every, c.except, never)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	l, _ := schedule.Parse("*/5 8-19 * * mon-fri")
	s := schedule.Schedule{Every: []schedule.Line{l}}
	for b.Loop() {
		s.Next(time.Unix(1_800_000_000, 0))
	}
}
