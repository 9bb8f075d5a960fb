// Package clock hears that the clock on the wall was set.
package clock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Synchronised says whether the kernel knows that something keeps the clock on the
// wall right (adjtimex(2)). It does not of one that was set by hand, or not at all.
func Synchronised() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// never is when the timer would go off: as far ahead as the kernel counts, which
// is beyond the year 2262 (KTIME_MAX).
const never = 1<<63/1_000_000_000 - 1

// Watch calls set each time that the clock on the wall has jumped: somebody set
// it, or the machine was suspended, but not that it was slewed or changes to
// summer time (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET). It takes a
// descriptor and no thread, and returns when ctx ends, with its error, or when
// the kernel cannot tell.
func Watch(ctx context.Context, set func()) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch the clock: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timer")
	defer timer.Close()
	at := unix.ItimerSpec{Value: unix.Timespec{Sec: never}}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &at, nil); err != nil {
		return fmt.Errorf("watch the clock: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = timer.Close() })() // which ends Read
	for {
		switch _, err := timer.Read(make([]byte, 8)); {
		case errors.Is(err, syscall.ECANCELED):
			set() // it goes on to hear of the next time
		case ctx.Err() != nil:
			return fmt.Errorf("watch the clock: %w", ctx.Err())
		default:
			return fmt.Errorf("watch the clock: the timer went off: %w", err)
		}
	}
}
