package systemd

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// UnitState is what the service manager says of one unit. Its texts are safe to
// print. What the unit's kind does not have, or systemd does not count, is
// absent: zero, and for the pointers nil.
type UnitState struct {
	Unit   string
	Loaded bool   // its file was found (LoadState); all else is absent otherwise
	Active string // ActiveState: "active", "reloading", "inactive", "failed", "activating", …
	Sub    string // SubState: "running", "exited", "dead", …, by the unit's kind
	// Since is when it last became active (ActiveEnterTimestamp), UTC; zero
	// when it is not active now.
	Since      time.Time
	Changed    time.Time // when Active last changed (StateChangeTimestamp), UTC
	Invocation string    // 32 hex digits
	Result     string    // of its kind: "success", "exit-code", "signal", …

	Restarts *uint64        // automatic ones since it was started (NRestarts)
	PID      *uint64        // of the main process; 0 is none
	Memory   *uint64        // bytes (MemoryCurrent)
	CPU      *time.Duration // processor time it has used (CPUUsageNSec)
	Tasks    *uint64        // processes and threads (TasksCurrent)
}

// Running says whether the unit does its work: systemctl is-active.
func (s UnitState) Running() bool {
	return s.Active == "active" || s.Active == "reloading" || s.Active == "refreshing"
}

// state asks for a unit; more is for what only the interface of its kind has.
// Only a connection that does not answer is an error, and a manager that
// refuses to.
func (l *link) state(ctx context.Context, unit string, more bool) (UnitState, error) {
	s := UnitState{Unit: unit}
	of := target{name: managerName, path: unitPath(unit), iface: unitIface}
	p, err := l.props(ctx, of)
	switch {
	case unknown(err):
		return s, nil
	case err != nil:
		return s, err
	}
	if load := p.text("LoadState", maxWord); load == "not-found" || load == "" {
		return s, nil
	}
	s.Loaded = true
	s.Active, s.Sub = p.text("ActiveState", maxWord), p.text("SubState", maxWord)
	s.Changed, s.Invocation = p.moment("StateChangeTimestamp"), p.id("InvocationID")
	if s.Running() {
		s.Since = p.moment("ActiveEnterTimestamp")
	}
	if of.iface = cgroupIface(unit); of.iface == "" || !more {
		return s, nil
	}
	p, err = l.props(ctx, of)
	switch {
	case unknown(err): // it vanished in between; the rest is known
		return s, nil
	case err != nil:
		return s, err
	}
	s.Result = p.text("Result", maxWord)
	s.Restarts, s.PID = p.counted("NRestarts"), p.counted("MainPID")
	s.Memory, s.Tasks = p.counted("MemoryCurrent"), p.counted("TasksCurrent")
	if ns := p.counted("CPUUsageNSec"); ns != nil && *ns <= math.MaxInt64 {
		used := time.Duration(*ns)
		s.CPU = &used
	}
	return s, nil
}

// unknown says whether the manager answered that there is no such unit.
func unknown(err error) bool {
	switch errorName(err) {
	case "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.LoadFailed",
		"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownInterface":
		return true
	}
	return false
}

// cgroupIface is the interface of a unit's kind, "" when it has none of use.
func cgroupIface(unit string) string {
	if strings.HasSuffix(unit, ".slice") {
		return managerName + ".Slice"
	}
	return kindIface(unit)
}

// counted is a number that may be missing; the manager writes the largest one
// for what it does not count.
func (p props) counted(name string) *uint64 {
	if _, ok := p[name]; !ok {
		return nil
	}
	n := p.number(name)
	if n == math.MaxUint64 {
		return nil
	}
	return &n
}

// why is an error of the manager in words, with the name of what was asked.
func why(unit string, err error) error {
	if errorName(err) != "" {
		return fmt.Errorf("ask for unit %s: %s", unit, reason(err, "service manager"))
	}
	return fmt.Errorf("ask for unit %s: %w", unit, err)
}
