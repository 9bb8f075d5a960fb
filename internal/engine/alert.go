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

// leastGap is between two readings of one check in the long run, however often it
// is alerted. As many as maxBurst may follow one another at once: one change alone
// is never gathered with what does not come, not even after a reading at the
// interval or with its recovery behind it.
const (
	leastGap = 50 * time.Millisecond
	maxBurst = 4
)

// Listener is an Alerter that waits without a goroutine: a thousand of those
// take 5 MB. Listen is called when Alert would be, and does not block. tell is
// called once, from any goroutine and perhaps before Listen has returned: with
// nil when the check should be read at once, with an error when the next
// interval is soon enough. stop ends that before; it does not block, and may be
// called at any time. A nil stop means that there is nothing to hear of now, or
// that it was told.
type Listener interface {
	Listen(tell func(err error)) (stop func())
}

// listens says whether a reader can hear from the kernel.
func listens(r Reader) bool {
	switch r.(type) {
	case Listener, Alerter:
		return true
	default:
		return false
	}
}

// listen listens to what a reading left to listen to; stop ends that and is nil
// for nothing.
func (e *Engine) listen(ctx context.Context, d dueReading) (stop func()) {
	tell := func(err error) {
		select {
		case e.alerts <- alert{d.watch, d.round, err == nil}:
		case <-ctx.Done():
		}
	}
	switch reader := d.check.Reader.(type) {
	case Listener:
		return reader.Listen(tell)
	case Alerter:
		wait := reader.Alert()
		if wait == nil {
			return nil
		}
		ctx, stop := context.WithCancel(ctx)
		go func() { tell(wait(ctx)) }()
		return stop
	default:
		return nil
	}
}

// alert is the end of a wait that a reading has begun.
type alert struct {
	watch   *watch
	round   uint64
	changed bool
}

// hear takes in that a reading has begun to listen.
func (w *watch) hear(r result) {
	switch {
	case r.deafen == nil:
	case w.heard == r.round: // it has told before the reading has come
		r.deafen()
	default:
		w.listening, w.deafen = true, r.deafen
	}
}

// alerted reads a check at once, or as soon as the reading that is out has
// ended: that one may have looked before the change.
func (e *Engine) alerted(a alert, now time.Time) {
	w := a.watch
	w.heard = a.round
	w.stopListening()
	switch {
	case !a.changed || w.resting() || e.quiet.Load():
	case !w.started.IsZero():
		w.again = true
	default:
		w.hasten(now)
	}
}

func (w *watch) stopListening() {
	if w.listening {
		w.deafen()
		w.listening, w.deafen = false, nil
	}
}

// hasten makes the next reading be now, or shortly.
func (w *watch) hasten(now time.Time) {
	at := now
	if soon := w.paid.Add(-(maxBurst - 1) * leastGap); soon.After(now) {
		at = soon
	}
	if !at.Before(w.next) {
		return
	}
	w.next = at
	if w.paid.Before(now) {
		w.paid = now
	}
	w.paid = w.paid.Add(leastGap)
}
