package checks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowCall is of a mount that does not answer.
func TestSlowCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowCall[int]{verb: "stat", path: "/data"}
		release := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		_, err := c.do(ctx, func() int { <-release; return 1 })
		if want := `stat "/data": stuck for 12s: the mount does not answer`; !errors.Is(err, ErrStuck) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := c.do(t.Context(), func() int { return 2 }); !errors.Is(err, ErrStuck) {
			t.Errorf("got %v, want %v", err, ErrStuck)
		}
		close(release)
		synctest.Wait()
		if n, err := c.do(t.Context(), func() int { return 3 }); n != 3 || err != nil {
			t.Errorf("got %d, %v, want 3", n, err)
		}
	})
}
