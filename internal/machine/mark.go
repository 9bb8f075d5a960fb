package machine

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/boot"
	"tocsin/internal/systemd"
)

// MarkStart marks that the machine came up, in the file at path. A mark that is
// damaged is begun anew and says so to the next verdict.
func MarkStart(path, proc string, now time.Time) error {
	this, err := life(proc, now)
	if err != nil {
		return fmt.Errorf("mark the boot: %w", err)
	}
	if _, err := boot.OpenMark(path, this); err != nil {
		return fmt.Errorf("mark the boot: %w", err)
	}
	return nil
}

// MarkStop marks that the machine goes down in order, if it does: its unit may
// be stopped for other reasons.
func MarkStop(ctx context.Context, path, proc string, bus systemd.Bus, now time.Time) error {
	this, err := life(proc, now)
	if err != nil {
		return fmt.Errorf("mark the end of the boot: %w", err)
	}
	s := bus.Situation(ctx, proc, "tocsin-bootmark.service")
	if _, err := boot.CloseMark(path, this, s.Going, now); err != nil {
		return fmt.Errorf("mark the end of the boot: %w", err)
	}
	return nil
}

func life(proc string, now time.Time) (boot.Life, error) {
	key, id, err := boot.ReadKey(proc)
	return boot.Life{Key: key, BootID: id, Kernel: kernel(proc), Began: now}, err
}
