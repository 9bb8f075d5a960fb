package clock_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/clock"
)

// shift sets the clock by a number of nanoseconds.
func shift(t *testing.T, by int64) error {
	t.Helper()
	_, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &unix.Timex{
		Modes: unix.ADJ_SETOFFSET | unix.ADJ_NANO, Time: unix.Timeval{Sec: min(0, by), Usec: max(by, by+1_000_000_000*-min(0, by))},
	})
	return err
}

// TestWatch sets the clock of this machine by a nanosecond, and back. That is
// for everybody on it, so somebody has to ask for it.
func TestWatch(t *testing.T) {
	if os.Getenv("TOCSIN_SET_CLOCK") == "" {
		t.Skip("this sets the clock of the machine by a nanosecond: run it with TOCSIN_SET_CLOCK=1")
	}
	if err := shift(t, 0); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("setting the clock takes CAP_SYS_TIME")
	} else if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	told, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- clock.Watch(ctx, func() { told <- struct{}{} }) }()
	for i, by := range []int64{1, -1, 1, -1} {
		// Until it listens nothing is heard, so it is tried again.
		for heard := false; !heard; {
			if err := shift(t, by); err != nil {
				t.Fatal(err)
			}
			select {
			case <-told:
				heard = true
			case <-time.After(50 * time.Millisecond):
				if err := shift(t, -by); err != nil {
					t.Fatal(err)
				}
			case err := <-ended:
				t.Fatalf("%d: got %v, want word of the clock", i, err)
			}
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestWatchEnds ends with its context.
func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := clock.Watch(ctx, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
