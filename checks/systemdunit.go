package checks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/systemd"
)

func unitKind() Kind {
	const failed, succeeded = "Status failed", "Status succeeded"
	return Kind{
		Name: "unit",
		Doc:  "one systemd unit and its control group; the service manager tells when its state changes, and it is read at once",
		Attributes: []Attribute{
			{Name: "unit", Doc: "whole name of the unit, such as \"nginx.service\"", Required: true, Valid: validUnit},
		},
		Metrics: []Metric{
			{Name: "active", Unit: Truth, Doc: "ActiveState is active or reloading, org.freedesktop.systemd1(5)", Failed: failed, Recovered: succeeded},
			{Name: "cpu.percent", Unit: Percent, Doc: "processor time since the previous reading, of all processors together, CPUUsageNSec of org.freedesktop.systemd1(5)"},
			{Name: "exists", Unit: Truth, Doc: "the unit's file was found, LoadState of org.freedesktop.systemd1(5)", Failed: "Does not exist", Recovered: "Exists"},
			{Name: "failed", Unit: Truth, Doc: "ActiveState is failed, org.freedesktop.systemd1(5)", Failed: failed, Recovered: succeeded},
			{Name: "memory", Unit: Bytes, Doc: "memory of its control group, absent where systemd does not count it, MemoryCurrent of org.freedesktop.systemd1(5)"},
			{Name: "pid", Unit: Count, Doc: "number of the main process, 0 without one, only of a service, MainPID of org.freedesktop.systemd1(5)", Failed: "PID failed", Recovered: "PID succeeded"},
			{Name: "restarts", Unit: Count, Doc: "automatic restarts since it was started, only of a service, NRestarts of org.freedesktop.systemd1(5)"},
			{Name: "result", Unit: Word, Doc: "how it ended: success, exit-code, signal, timeout, …, Result of org.freedesktop.systemd1(5)", Failed: failed, Recovered: succeeded},
			{Name: "state", Unit: Word, Doc: "active, reloading, inactive, failed, activating, deactivating, …, ActiveState of org.freedesktop.systemd1(5)", Failed: failed, Recovered: succeeded},
			{Name: "substate", Unit: Word, Doc: "the state in the words of its kind, such as running, exited or dead, SubState of org.freedesktop.systemd1(5)", Failed: failed, Recovered: succeeded},
			{Name: "tasks", Unit: Count, Doc: "processes and threads of its control group, TasksCurrent of org.freedesktop.systemd1(5)"},
			{Name: "uptime", Unit: Seconds, Doc: "time since it became active, absent when it is not, ActiveEnterTimestamp of org.freedesktop.systemd1(5)", Failed: "Uptime failed", Recovered: "Uptime succeeded"},
		},
		Absent: "unit is not loaded",
		Open:   openUnit,
	}
}

// countedMetrics are those for which systemd reads the unit's control group.
func countedMetrics() []string {
	return []string{"cpu.percent", "memory", "pid", "restarts", "result", "tasks"}
}

// validUnit says what is wrong with the attribute "unit".
func validUnit(text string) error {
	switch {
	case systemd.IsUnitName(text):
		return nil
	case systemd.IsUnitName(text + ".service"):
		return fmt.Errorf("unit %q has no kind: write %q", text, text+".service")
	}
	return fmt.Errorf("unit %q is no name of a unit: write one as systemctl list-units shows it, such as \"nginx.service\"", text)
}

// manager answers for units; see systemd.UnitAsker.
type manager interface {
	State(ctx context.Context, unit string, more bool) (systemd.UnitState, error)
	Await(ctx context.Context, was systemd.UnitState) error
}

// unitReader reads one unit.
type unitReader struct {
	host    *Host
	spec    Spec
	manager manager
	name    string
	more    bool // some wanted metric needs the control group

	state systemd.UnitState // of the last reading; its Unit is "" when it failed
	spent time.Duration     // processor time then
	at    time.Duration     // since boot; 0 when spent is not known
}

var _ Reader = (*unitReader)(nil)

func openUnit(h *Host, s Spec) (Reader, error) {
	name := s.Attributes.Of("unit")
	if err := validUnit(name); err != nil {
		return nil, fmt.Errorf("open unit check %q: %w", s.Name, err)
	}
	return &unitReader{host: h, spec: s, manager: h.serviceManager(), name: name, more: wantsAny(s.Metrics, countedMetrics())}, nil
}

// asker is the one connection of a host to its service manager.
type asker struct {
	once sync.Once
	to   manager
}

// serviceManager is shared by all checks of units.
func (h *Host) serviceManager() manager {
	h.units.once.Do(func() {
		if h.units.to == nil {
			h.units.to = systemd.NewUnitAsker(systemd.Bus{})
		}
	})
	return h.units.to
}

// Read asks the service manager. That it cannot be asked is an error and says
// nothing of the unit.
func (r *unitReader) Read(ctx context.Context) (tocsin.Reading, error) {
	r.state = systemd.UnitState{}
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("read unit %s: %w", r.name, err)
	}
	d := newDraft(r.spec)
	if !wantsAny(r.spec.Metrics, metricNames(unitKind().Metrics)) {
		return d.reading, nil
	}
	limited, cancel := early(ctx)
	defer cancel()
	state, err := r.manager.State(limited, r.name, r.more)
	if err != nil {
		r.at = 0
		if ended := ctx.Err(); ended != nil {
			err = errors.Join(ended, err)
		}
		return tocsin.Reading{}, fmt.Errorf("read unit %s: %w", r.name, err)
	}
	r.state = state
	d.truth("exists", state.Loaded)
	if !state.Loaded {
		r.at = 0
		return d.reading, nil
	}
	r.describe(d, state)
	return d.reading, nil
}

// describe sets the metrics of a unit that is loaded.
func (r *unitReader) describe(d *draft, s systemd.UnitState) {
	d.truth("active", s.Running())
	d.truth("failed", s.Active == "failed")
	d.text("state", s.Active)
	d.text("substate", s.Sub)
	if s.Result != "" {
		d.text("result", s.Result)
	}
	if !s.Since.IsZero() {
		d.number("uptime", max(0, time.Since(s.Since).Seconds()))
	}
	for name, n := range map[string]*uint64{"memory": s.Memory, "pid": s.PID, "restarts": s.Restarts, "tasks": s.Tasks} {
		if n != nil {
			d.number(name, float64(*n))
		}
	}
	r.load(d, s.CPU)
}

// load sets cpu.percent. A unit that was started anew counts from nothing.
func (r *unitReader) load(d *draft, used *time.Duration) {
	if used == nil {
		r.at = 0
		return
	}
	now := r.host.uptime()
	if r.at > 0 && *used >= r.spent {
		cores, err := r.host.cores()
		if err != nil {
			d.fail(err, "cpu.percent")
		} else {
			d.share("cpu.percent", float64(*used-r.spent), float64(now-r.at)*float64(cores))
		}
	}
	r.spent, r.at = *used, now
}

// Alert waits for the signal of the service manager that the unit has changed.
func (r *unitReader) Alert() func(ctx context.Context) error {
	was := r.state
	if was.Unit == "" {
		return nil
	}
	return func(ctx context.Context) error { return r.manager.Await(ctx, was) }
}
