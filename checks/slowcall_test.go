package checks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
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

// TestReadHere: it finds what Read finds.
func TestReadHere(t *testing.T) {
	h := NewHost("")
	for kind, wants := range map[string][]string{"file": {"exists", "size", "mode"}, "filesystem": {"exists", "space.total", "mount"}} {
		r := open(t, h, kind, map[string]string{"path": map[string]string{"file": "/etc/passwd", "filesystem": "/"}[kind]}, wants...)
		here, ok := r.(interface {
			ReadHere(ctx context.Context) (tocsin.Reading, error)
			Stuck(since time.Duration) error
		})
		if !ok {
			t.Fatalf("%s: cannot be read here", kind)
		}
		want := read(t, r).Values
		if got, err := here.ReadHere(t.Context()); err != nil || !slices.Equal(got.Values, want) || len(want) != len(wants) {
			t.Errorf("%s: got %v, %v, want %v", kind, got.Values, err, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, err := here.ReadHere(ctx); !errors.Is(err, context.Canceled) || len(got.Values) > 0 {
			t.Errorf("%s: got %v, %v, want %v", kind, got.Values, err, context.Canceled)
		}
		if err := here.Stuck(12 * time.Second); !errors.Is(err, ErrStuck) || !strings.HasSuffix(err.Error(), "stuck for 12s: the mount does not answer") {
			t.Errorf("%s: got %v", kind, err)
		}
	}
}
