package engine

import (
	"context"
	"time"
)

// mostWake is how long the engine sleeps at most; leastWake, while there is a
// schedule: the clock on the wall may be set meanwhile, and not every kernel
// says so.
const (
	mostWake  = time.Hour
	leastWake = time.Minute
)

// wake is when the engine has to look again.
func (e *Engine) wake() time.Time {
	now := time.Now()
	wake := now.Add(mostWake)
	for _, w := range e.watches {
		if w.resting() {
			if at := e.recalls(w, now); !at.IsZero() && at.Before(wake) {
				wake = at
			}
			continue
		}
		if at := e.wakeFor(w, now); at.Before(wake) {
			wake = at
		}
	}
	for _, a := range e.asking {
		if a.until.Before(wake) {
			wake = a.until
		}
	}
	return wake
}

// wakeFor is when the engine has to look at a check again.
func (e *Engine) wakeFor(w *watch, now time.Time) time.Time {
	at := w.wake()
	if soon := now.Add(leastWake); soon.Before(at) && (w.check.Schedule.ByClock() || e.lasting(w)) {
		return soon
	}
	return at
}

func (w *watch) wake() time.Time {
	if deadline := w.started.Add(w.check.Timeout + w.excused); !w.started.IsZero() && !w.late && deadline.Before(w.next) {
		return deadline
	}
	return w.next
}

// heldUp is how much later than planned a tick comes of an agent that was stopped
// itself, or whose machine was.
const heldUp = time.Second

// excuse gives the readings that are out the time back for which the agent was
// held up: they did not hang, or nobody knows.
func (e *Engine) excuse(late time.Duration) {
	if late < heldUp {
		return
	}
	for _, w := range e.watches {
		if !w.started.IsZero() {
			w.excused += late
		}
	}
}

// tick starts the readings that are due and notices those that are late.
func (e *Engine) tick(ctx context.Context, now time.Time) {
	quiet := e.quiet.Load()
	due := e.due[:0]
	for _, w := range e.watches {
		if w.resting() {
			if !quiet {
				e.recall(ctx, w, now)
			}
			continue
		}
		if !w.started.IsZero() && !w.late && now.Sub(w.started) >= w.check.Timeout+w.excused {
			w.late = true
			if !quiet {
				e.stuck(ctx, w, now)
			}
		}
		if w.setBack(now) {
			w.begin(now)
		}
		if now.Before(w.next) {
			if !quiet && w.next.Sub(now) > leastWake {
				e.between(ctx, w, now)
			}
			continue
		}
		if w.job == nil && w.check.Schedule.Masked(now) {
			w.begin(now)
			continue
		}
		w.follow(e.began, now)
		w.lookSoon(now)
		w.heed(now)
		switch {
		case quiet:
		case w.started.IsZero():
			if w.slept(now) {
				e.pause(w)
			}
			due = append(due, w)
		case w.late:
			e.stuck(ctx, w, now)
		}
	}
	e.start(ctx, due, now)
	clear(due)
	e.due = due
	e.settleAsking(ctx, now)
}

// begin plans the first reading from now on: at once, or in the first minute
// that the schedule allows. The minute of the last one does not come again.
func (w *watch) begin(now time.Time) {
	w.planned = now.Round(0)
	spread := w.phase % min(firstSpread, w.check.Interval)
	switch s := &w.check.Schedule; {
	case s.Timed():
		from := now
		if !w.read.IsZero() && w.read.Truncate(time.Minute).Equal(now.Truncate(time.Minute)) {
			from = now.Add(time.Minute)
		}
		w.at(s.Next(from), spread, now)
	case s.Masked(now):
		w.at(s.Next(now), spread, now)
	default:
		w.next = now.Add(spread)
	}
}

// follow plans the reading after the one of now.
func (w *watch) follow(began, now time.Time) {
	w.planned = now.Round(0)
	if s := &w.check.Schedule; s.Timed() {
		w.at(s.Next(now.Add(time.Minute)), w.phase%firstSpread, now)
		return
	}
	w.next = after(began.Add(w.phase), w.check.Interval, now)
	if soon := w.next.Add(-w.check.Interval); soon.After(now) && w.check.Schedule.Masked(soon) {
		w.next = soon // which moves to the end of the mask
	}
}

// slept says that a mask has kept the check from being read for so long that
// nobody knows what happened meanwhile.
func (w *watch) slept(now time.Time) bool {
	s := &w.check.Schedule
	return len(s.Except) > 0 && !s.Timed() && !w.read.IsZero() && now.Sub(w.read) > 2*w.check.Interval
}

// at plans a reading for a minute, or for now when that has begun. One that
// never comes is looked for again in a year.
func (w *watch) at(minute time.Time, spread time.Duration, now time.Time) {
	if minute.IsZero() {
		minute = now.AddDate(1, 0, 0)
	}
	w.next = minute.Add(spread)
	if minute.Before(now) {
		w.next = now
	}
}

// mostBack is how far the clock may be set back without that minutes which were
// read come again.
const mostBack = time.Hour

// setBack says that the clock was set back so far, such as from a wrong year,
// that what was planned by it may never come.
func (w *watch) setBack(now time.Time) bool {
	return w.check.Schedule.ByClock() && w.planned.Sub(now.Round(0)) > mostBack
}

// after is the first time after now on the grid of an interval that begins at
// origin. A first reading shortly before it is not repeated at once.
func after(origin time.Time, interval time.Duration, now time.Time) time.Time {
	n := now.Sub(origin)/interval + 1
	next := origin.Add(n * interval)
	if next.Sub(now) < interval/2 {
		next = next.Add(interval)
	}
	return next
}

// pause breaks what For and ClearFor of a check wait for: nobody looked, so
// nobody knows whether it held.
func (e *Engine) pause(w *watch) {
	for _, id := range w.ids {
		if s, ok := e.rules[id]; ok {
			s.pending, s.clearing = time.Time{}, time.Time{}
			e.keepRule(id, s)
		}
	}
}

// lastRead is when the checks with a timed schedule were read last.
func lastRead(watches []*watch) map[string]time.Time {
	read := make(map[string]time.Time)
	for _, w := range watches {
		if w.check.Schedule.Timed() && !w.read.IsZero() {
			read[w.check.ID()] = w.read
		}
	}
	return read
}
