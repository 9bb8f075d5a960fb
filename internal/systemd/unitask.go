package systemd

import (
	"context"
	"fmt"
)

// Unit asks the service manager what became of one unit. Failed is false when
// it is not failed, or not there, of which NotFound is the second.
func (b Bus) Unit(ctx context.Context, unit string) (UnitEvent, error) {
	if !IsUnitName(unit) {
		return UnitEvent{}, fmt.Errorf("ask for unit: %q is no name of a unit", safe(unit, maxWord))
	}
	l, err := b.dialManager(ctx)
	if err != nil {
		return UnitEvent{}, fmt.Errorf("ask for unit %s: %w", unit, err)
	}
	defer l.close()
	d, err := l.details(ctx, unit)
	if err != nil {
		return UnitEvent{}, fmt.Errorf("ask for unit %s: %w", unit, err)
	}
	d.NotFound = d.none
	d.Failed = d.state == "failed" && !d.gone
	return d.UnitEvent, nil
}

// IsUnitName says whether name is that of a unit (systemd.unit(5)): safe to
// show and to ask for.
func IsUnitName(name string) bool { return isUnitName(name) }
