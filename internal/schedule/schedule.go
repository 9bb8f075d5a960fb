package schedule

import (
	"slices"
	"strings"
	"time"
)

// Schedule says in which minutes a check is read. The zero Schedule leaves all
// minutes to the check's interval.
type Schedule struct {
	// Every names the minutes in which the check is read, once in each. Empty
	// means that the interval decides.
	Every []Line
	// Except names the minutes in which it is not read.
	Except []Line
	// Zone is where the clock hangs; nil means time.Local.
	Zone *time.Location
}

// horizon is how far ahead is looked, in days: over 40 years every day of the
// month meets every weekday, also on 29 February.
const horizon = 40 * 366

const (
	minutesOfHour = 60
	minutesOfDay  = 24 * minutesOfHour
	allMinutes    = 1<<minutesOfHour - 1
	// epoch is 1970, where a machine without a battery wakes up, in a zone
	// west of Greenwich even a little before.
	epoch = 25567 * minutesOfDay
)

// wall is a minute of the clock on the wall, counted from 1900.
type wall int64

// date is a day as the lines see it.
type date struct{ day, month, weekday int }

// on is the day of a minute.
func (w wall) on() date {
	t := time.Unix(int64(w-epoch)*60, 0).UTC()
	return date{t.Day(), int(t.Month()), int(t.Weekday())}
}

// wallAt is what the clock shows at a moment when it is offset seconds ahead of
// UTC.
func wallAt(unix int64, offset int) wall {
	return wall(max(0, unix+int64(offset)+epoch*60) / 60)
}

// Timed says that the schedule names the minutes of the readings.
func (s *Schedule) Timed() bool { return len(s.Every) > 0 }

// ByClock says that the clock on the wall has a say in when the check is read.
func (s *Schedule) ByClock() bool { return len(s.Every)+len(s.Except) > 0 }

// Masked says that the check is not read in the minute of now.
func (s *Schedule) Masked(now time.Time) bool {
	if len(s.Except) == 0 {
		return false
	}
	_, offset := now.In(s.zone()).Zone()
	w := wallAt(now.Unix(), offset)
	return s.minutes(s.Except, w)&(1<<(w%minutesOfHour)) != 0
}

// Covers says that the minute of now is one of Every, if there are any, and none
// of Except.
func (s *Schedule) Covers(now time.Time) bool {
	if !s.ByClock() {
		return true
	}
	_, offset := now.In(s.zone()).Zone()
	w := wallAt(now.Unix(), offset)
	return s.open(w)&(1<<(w%minutesOfHour)) != 0
}

func (s *Schedule) zone() *time.Location {
	if s.Zone == nil {
		return time.Local
	}
	return s.Zone
}

// minutes is the set of minutes of an hour that some line matches.
func (s *Schedule) minutes(lines []Line, w wall) (set uint64) {
	hour := uint64(1) << (w / minutesOfHour % 24)
	var day date
	for i := range lines {
		if lines[i].hour&hour == 0 {
			continue
		}
		if day.day == 0 {
			day = w.on()
		}
		if lines[i].on(day) {
			set |= lines[i].minute
		}
	}
	return set
}

// open is the set of minutes of an hour in which the check may be read.
func (s *Schedule) open(w wall) uint64 {
	set := uint64(allMinutes)
	if s.Timed() {
		set = s.minutes(s.Every, w)
	}
	if set != 0 && len(s.Except) > 0 {
		set &^= s.minutes(s.Except, w)
	}
	return set
}

// next is the first open minute from one on and before another; false when
// there is none.
func (s *Schedule) next(from, before wall) (wall, bool) {
	for w := from; w < before; w += minutesOfHour - w%minutesOfHour {
		if w%minutesOfDay == 0 {
			if w = s.skip(w, before); w >= before {
				break
			}
		}
		if set := s.open(w) >> (w % minutesOfHour); set != 0 {
			w += wall(lowest(set))
			return w, w < before
		}
	}
	return 0, false
}

// skip goes on over whole days on which no line of Every matches.
func (s *Schedule) skip(w, before wall) wall {
	for s.Timed() && w < before {
		day := w.on()
		if slices.ContainsFunc(s.Every, func(l Line) bool { return l.on(day) }) {
			break
		}
		w += minutesOfDay
	}
	return w
}

// Next is the start of the first minute, from that of from on, in which the
// check may be read. Of a timed schedule it is a minute that the clock has not
// shown before: when it goes back, what it shows for the second time is left
// out. When it goes forward over a minute that was due, that is made up for
// right after. The zero time means never.
func (s *Schedule) Next(from time.Time) time.Time {
	end := from.AddDate(0, 0, horizon)
	for at := from; at.Before(end); {
		local := at.In(s.zone())
		_, offset := local.Zone()
		begins, ends := local.ZoneBounds()
		first := wallAt(at.Unix(), offset)
		limit := wallAt(end.Unix(), offset)
		if !ends.IsZero() && ends.Before(end) {
			limit = wallAt(ends.Unix()+59, offset)
		}
		if s.Timed() && !begins.IsZero() {
			_, before := begins.Add(-1).In(s.zone()).Zone()
			shown := wallAt(begins.Unix(), before) // what it showed when it was changed
			if start := wallAt(begins.Unix(), offset); first == start && s.missed(shown, start) {
				return begins
			}
			first = max(first, shown)
		}
		if w, ok := s.next(first, limit); ok {
			return time.Unix(int64(w-epoch)*60-int64(offset), 0).In(s.zone())
		}
		if ends.IsZero() {
			break
		}
		at = ends
	}
	return time.Time{}
}

// missed says whether a minute was due that the clock went over, and the one
// that it went to is not masked.
func (s *Schedule) missed(shown, start wall) bool {
	if shown >= start || s.minutes(s.Except, start)&(1<<(start%minutesOfHour)) != 0 {
		return false
	}
	_, found := s.next(shown, start)
	return found
}

// Never says that there is no minute in which the check may be read.
func (s *Schedule) Never() bool {
	from := wallAt(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), 0)
	_, ok := s.next(from, from+horizon*minutesOfDay)
	return !ok
}

// Gap is the shortest time between two minutes in which the check may be read,
// of the next three hundred and by a clock that is never changed; 0 when there is no
// such minute.
func (s *Schedule) Gap() time.Duration {
	from := wallAt(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), 0)
	before := from + horizon*minutesOfDay
	w, ok := s.next(from, before)
	if !ok {
		return 0
	}
	least := before - from
	for range 300 {
		following, ok := s.next(w+1, before)
		if !ok || least == 1 {
			break
		}
		least, w = min(least, following-w), following
	}
	return time.Duration(least) * time.Minute
}

// String is all of it, for telling one schedule from another.
func (s *Schedule) String() string {
	if !s.ByClock() {
		return ""
	}
	var b strings.Builder
	for _, l := range s.Every {
		b.WriteString("every " + l.text + "\n")
	}
	for _, l := range s.Except {
		b.WriteString("except " + l.text + "\n")
	}
	b.WriteString(s.zone().String())
	return b.String()
}
