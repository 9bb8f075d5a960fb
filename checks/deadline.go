package checks

import (
	"context"
	"time"
)

// The part of a reading's time that is kept for telling that what was waited
// for did not come: after the timeout nobody listens any more.
const (
	keptPart = 10
	keptMost = 500 * time.Millisecond
)

// early is ctx with a deadline a little before its own.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/keptPart, keptMost)))
}
