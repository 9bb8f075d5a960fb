package engine

import (
	"context"
	"fmt"
	"time"
)

// Health is how the engine itself is doing.
type Health struct {
	// Late counts the checks whose reading has missed its timeout and is still
	// out.
	Late int
	// Unwritten counts the events that are not on disk.
	Unwritten int
	// Unsaved says that the state of the rules could not be saved: a restart
	// would take it from the events.
	Unsaved bool
}

// Health asks the deciding goroutine.
func (e *Engine) Health(ctx context.Context) (Health, error) {
	var h Health
	err := e.inquire(ctx, func(time.Time) {
		for _, w := range e.watches {
			if w.late {
				h.Late++
			}
		}
	})
	h.Unwritten, h.Unsaved = e.emitter.behind()
	return h, err
}

// inquire has the deciding goroutine look at what is its own. It must not block
// and not change anything.
func (e *Engine) inquire(ctx context.Context, look func(now time.Time)) error {
	done := make(chan struct{})
	select {
	case e.inquiries <- func() { look(time.Now()); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ask engine: %w", ctx.Err())
	}
}

// behind counts the events that are not on disk, and says whether the state is
// not.
func (e *emitter) behind() (events int, unsaved bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.left, e.stale
}
