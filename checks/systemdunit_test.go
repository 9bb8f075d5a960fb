package checks

import (
	"context"
	"errors"
	"testing"
	"time"

	"tocsin/internal/systemd"
)

// madeUpManager knows one unit, here.service.
type madeUpManager struct {
	state   systemd.UnitState
	err     error
	changed chan struct{}
	more    bool // as it was asked last; only where one reader asks
	watch   bool // more is noted
}

// AnswerUnits gives a host a service manager that is made up.
func AnswerUnits(h *Host) { h.units.to = &madeUpManager{state: serviceHere()} }

func serviceHere() systemd.UnitState {
	restarts, pid, memory, tasks, used := uint64(2), uint64(42), uint64(1<<20), uint64(7), 5*time.Second
	return systemd.UnitState{
		Unit: "here.service", Loaded: true, Active: "active", Sub: "running", Since: time.Now().Add(-time.Hour), Result: "success",
		Restarts: &restarts, PID: &pid, Memory: &memory, Tasks: &tasks, CPU: &used,
	}
}

func (m *madeUpManager) State(_ context.Context, unit string, more bool) (systemd.UnitState, error) {
	if m.watch {
		m.more = more
	}
	if m.err != nil || unit != m.state.Unit {
		return systemd.UnitState{Unit: unit}, m.err
	}
	return m.state, nil
}

func (m *madeUpManager) Await(ctx context.Context, _ systemd.UnitState) error {
	select {
	case <-m.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func unitOn(t *testing.T, m *madeUpManager, metrics ...string) (*unitReader, func(time.Duration)) {
	t.Helper()
	h, now := fixtureHost(t, fixtures(t))
	h.units.to = m
	return open(t, h, "unit", map[string]string{"unit": "here.service"}, metrics...).(*unitReader), func(d time.Duration) { now.Add(int64(d)) }
}

func TestReadAUnit(t *testing.T) {
	m := &madeUpManager{state: serviceHere()}
	r, pass := unitOn(t, m)
	first := read(t, r)
	wantValues(t, first, map[string]string{
		"exists": "true", "active": "true", "failed": "false", "state": "active", "substate": "running", "result": "success",
		"memory": "1048576", "pid": "42", "restarts": "2", "tasks": "7", "cpu.percent": "",
	})
	if up := first.Values.Of("uptime").Float(); up < 3600 || up > 3660 {
		t.Errorf("got uptime %v, want an hour", up)
	}
	cores, err := r.host.cores()
	if err != nil {
		t.Fatal(err)
	}
	pass(10 * time.Second)
	used := 5*time.Second + time.Duration(cores)*time.Second
	m.state.CPU = &used
	wantValues(t, read(t, r), map[string]string{"cpu.percent": "10"})

	fresh := time.Second // it was started anew
	m.state.CPU = &fresh
	pass(10 * time.Second)
	wantValues(t, read(t, r), map[string]string{"cpu.percent": ""})

	m.state = systemd.UnitState{Unit: "here.service", Loaded: true, Active: "failed", Sub: "failed", Result: "exit-code"}
	wantValues(t, read(t, r), map[string]string{
		"exists": "true", "active": "false", "failed": "true", "state": "failed", "result": "exit-code",
		"memory": "", "pid": "", "restarts": "", "tasks": "", "cpu.percent": "", "uptime": "",
	})
	m.state.Active = "reloading"
	wantValues(t, read(t, r), map[string]string{"active": "true"})
	m.state.Loaded = false
	if got := read(t, r); len(got.Values) != 1 || got.Values.Of("exists").Truth() {
		t.Errorf("got %v, want exists=false alone", got.Values)
	}
}

// TestAManagerThatIsNotThere wants no verdict on the unit, and nothing to wait
// for.
func TestAManagerThatIsNotThere(t *testing.T) {
	m := &madeUpManager{err: errors.New("ask for unit here.service: no message bus")}
	r, _ := unitOn(t, m)
	got, err := r.Read(t.Context())
	if want := "read unit here.service: ask for unit here.service: no message bus"; err == nil || err.Error() != want || len(got.Values) > 0 {
		t.Errorf("got %v, %v, want %s", got.Values, err, want)
	}
	if r.Alert() != nil {
		t.Error("got something to wait for, want nothing")
	}
}

// TestTheControlGroupIsReadWhenNeeded spares the service manager work.
func TestTheControlGroupIsReadWhenNeeded(t *testing.T) {
	for metric, want := range map[string]bool{"active": false, "uptime": false, "memory": true, "restarts": true} {
		m := &madeUpManager{state: serviceHere(), watch: true}
		r, _ := unitOn(t, m, metric)
		read(t, r)
		if m.more != want {
			t.Errorf("%s: got more %t, want %t", metric, m.more, want)
		}
	}
}

func TestAUnitAlerts(t *testing.T) {
	m := &madeUpManager{state: serviceHere(), changed: make(chan struct{}, 1)}
	r, _ := unitOn(t, m)
	read(t, r)
	m.changed <- struct{}{}
	if err := r.Alert()(t.Context()); err != nil {
		t.Errorf("got %v, want the change", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Alert()(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestValidUnit(t *testing.T) {
	for text, want := range map[string]string{
		"nginx.service": "", `dev-disk-by\x2duuid.device`: "", "getty@tty1.service": "",
		"nginx":   `unit "nginx" has no kind: write "nginx.service"`,
		"a b":     `unit "a b" is no name of a unit: write one as systemctl list-units shows it, such as "nginx.service"`,
		"x.thing": `unit "x.thing" has no kind: write "x.thing.service"`,
	} {
		got := ""
		if err := validUnit(text); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q of %q, want %q", got, text, want)
		}
	}
}
