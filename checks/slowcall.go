package checks

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStuck is for a system call that has not come back and cannot be
// cancelled, such as statfs(2) on a mount whose server is gone. The check is
// read again once it has come back.
var ErrStuck = errors.New("stuck")

// slowCall makes calls that hang for as long as a mount is dead, one at a time.
type slowCall[T any] struct {
	verb, path string // of its errors
	spare      *spare // where its goroutines come from; may be nil
	out        chan T // of the call that is out, nil when none is
	since      time.Time
}

// do makes the call in a goroutine of its own. It returns ErrStuck when the
// deadline passes first, and again at once, without another call, until that
// one has come back; what it brings then is of another time and dropped.
func (c *slowCall[T]) do(ctx context.Context, call func() T) (T, error) {
	var none T
	if err := c.over(ctx); err != nil {
		return none, err
	}
	if c.out != nil {
		select {
		case <-c.out:
		default:
			return none, c.stuck()
		}
	}
	out := make(chan T, 1)
	c.out, c.since = out, time.Now()
	c.spare.run(func() { out <- call() })
	select {
	case answer := <-out:
		c.out = nil
		return answer, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return none, c.stuck()
		}
		return none, fmt.Errorf("%s %q: %w", c.verb, c.path, ctx.Err())
	}
}

// here makes the call in the goroutine of the caller, who waits for it however
// long it takes. A goroutine of its own costs twenty times what most calls do.
func (c *slowCall[T]) here(ctx context.Context, call func() T) (T, error) {
	if err := c.over(ctx); err != nil {
		var none T
		return none, err
	}
	return call(), nil
}

// over is the error of a call for which there is no time left, nil when there is.
func (c *slowCall[T]) over(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %q: %w", c.verb, c.path, err)
	}
	return nil
}

func (c *slowCall[T]) stuck() error { return c.stuckFor(time.Since(c.since)) }

func (c *slowCall[T]) stuckFor(since time.Duration) error {
	return fmt.Errorf("%s %q: %w for %s: the mount does not answer", c.verb, c.path, ErrStuck, since.Round(time.Second))
}
