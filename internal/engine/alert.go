package engine

import (
	"context"
	"time"
)

// Alerter is a reader that hears from the kernel when what it reads changes.
// Alert is called after a Read, from its goroutine, when none is out. What it
// returns waits, at the same time as later readings, until the check should be
// read at once, and says so with nil; an error, also that of ctx, means that
// the next interval is soon enough. A nil function means that there is nothing
// to hear of now.
type Alerter interface {
	Alert() func(ctx context.Context) error
}

// leastGap is between two readings of one check, however often it is alerted.
const leastGap = 50 * time.Millisecond

// listen waits for what a reading left to wait for.
func (e *Engine) listen(ctx context.Context, w *watch, wait func(context.Context) error) {
	ctx, w.deafen = context.WithCancel(ctx)
	w.listening = true
	go func() {
		err := wait(ctx)
		select {
		case e.alerts <- alert{w, err == nil}:
		case <-ctx.Done():
		}
	}()
}

// alert is the end of a wait.
type alert struct {
	watch   *watch
	changed bool
}

// alerted reads a check at once, or as soon as the reading that is out has
// ended: that one may have looked before the change.
func (e *Engine) alerted(a alert, now time.Time) {
	w := a.watch
	w.deafen()
	w.listening = false
	switch {
	case !a.changed || w.resting() || e.quiet.Load():
	case !w.started.IsZero():
		w.again = true
	default:
		w.hasten(now)
	}
}

// hasten makes the next reading be now, or shortly.
func (w *watch) hasten(now time.Time) {
	at := now
	if soon := w.read.Add(leastGap); soon.After(now) {
		at = soon
	}
	if at.Before(w.next) {
		w.next = at
	}
}
