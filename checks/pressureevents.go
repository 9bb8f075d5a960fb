package checks

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pressureTrigger is a stall of a fifth of 2 s, of some task. Without
// CAP_SYS_RESOURCE the kernel takes only windows of a multiple of 2 s
// (Documentation/accounting/psi.rst).
const pressureTrigger = "some 400000 2000000"

// Alert waits until the kernel says that tasks have stalled for want of what
// some rule asks the pressure of: then the averages rise, and are read every
// 2 s as long as it lasts.
func (r *systemReader) Alert() func(ctx context.Context) error {
	if len(r.pressures) == 0 || r.spec.Metrics == nil || r.deaf.Load() {
		return nil
	}
	return func(ctx context.Context) error {
		stall, err := r.openStall()
		if err != nil {
			// The kernel will say the same the next time.
			if !r.deaf.Swap(true) {
				r.host.log().Info("pressure not listened to, read at the interval only", "err", err)
			}
			return err
		}
		if err := stall.await(ctx); err != nil {
			return err
		}
		r.stalled.Store(true)
		return nil
	}
}

// stall is the triggers of a check.
type stall struct {
	events *urgent
	files  []int
}

// openStall sets a trigger for each resource that a wanted metric is of.
func (r *systemReader) openStall() (*stall, error) {
	events, err := newUrgent()
	if err != nil {
		return nil, err
	}
	s := &stall{events: events}
	resource := ""
	for _, p := range r.pressures {
		if p.resource == resource {
			continue
		}
		resource = p.resource
		if err := s.add(filepath.Join(r.host.proc(), "pressure", resource)); err != nil {
			s.close()
			return nil, fmt.Errorf("listen to pressure of %s: %w", resource, err)
		}
	}
	return s, nil
}

// add sets the trigger of one file of /proc/pressure, which lasts until that is
// closed.
func (s *stall) add(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	s.files = append(s.files, fd)
	if _, err := unix.Write(fd, append([]byte(pressureTrigger), 0)); err != nil {
		return err
	}
	return s.events.add(fd)
}

// await returns nil when a trigger has fired.
func (s *stall) await(ctx context.Context) error {
	defer s.close()
	if err := s.events.await(ctx); err != nil {
		return fmt.Errorf("wait for pressure: %w", err)
	}
	return nil
}

func (s *stall) close() {
	s.events.close()
	for _, fd := range s.files {
		_ = unix.Close(fd) // nothing was written but the trigger
	}
}
