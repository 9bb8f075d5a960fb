package systemd

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

// asker asks a made-up manager.
func asker(t *testing.T, b Bus) *UnitAsker {
	t.Helper()
	a := NewUnitAsker(b)
	t.Cleanup(a.Close)
	return a
}

// service is a unit with everything that the manager counts.
func (u *fakeUnits) service(unit, state string) {
	u.is(unit, state, 3)
	path := unitPath(unit)
	u.set(path, unitIface, "SubState", "running")
	u.set(path, unitIface, "ActiveEnterTimestamp", uint64(1700000000000000))
	for name, value := range map[string]any{
		"MainPID": uint32(42), "MemoryCurrent": uint64(1 << 20), "CPUUsageNSec": uint64(5e9), "TasksCurrent": uint64(7),
	} {
		u.set(path, kindIface(unit), name, value)
	}
}

// TestOneUnitIsAskedFor: one that the manager does not have is told apart from one
// that nobody may ask for.
func TestOneUnitIsAskedFor(t *testing.T) {
	u := newFakeUnits(t)
	u.is("bad.service", "failed", 2)
	u.is("well.service", "active", 1)
	u.set(unitPath("none.service"), unitIface, "LoadState", "not-found")
	u.set(unitPath("none.service"), unitIface, "ActiveState", "inactive")
	type answer struct{ failed, none bool }
	for unit, want := range map[string]answer{
		"bad.service": {failed: true}, "well.service": {}, "none.service": {none: true}, "refused.service": {},
	} {
		e, err := u.bus().Unit(t.Context(), unit)
		if got := (answer{e.Failed, e.NotFound}); err != nil || e.Unit != unit || got != want {
			t.Errorf("%s: got %+v, %v", unit, e, err)
		}
	}
}

func TestTheStateOfAUnit(t *testing.T) {
	u := newFakeUnits(t)
	u.service("nginx.service", "active")
	u.service("idle.service", "inactive")
	for _, name := range []string{"MemoryCurrent", "CPUUsageNSec", "TasksCurrent"} {
		u.set(unitPath("idle.service"), kindIface("idle.service"), name, uint64(math.MaxUint64))
	}
	u.is("multi-user.target", "active", 1)
	u.set(unitPath("gone.service"), unitIface, "LoadState", "not-found")
	u.set(unitPath("gone.service"), unitIface, "ActiveState", "inactive")
	since, changed, used := time.UnixMicro(1700000000000000).UTC(), time.UnixMicro(1700000000000003).UTC(), 5*time.Second
	tests := map[string]UnitState{
		"nginx.service": {
			Loaded: true, Active: "active", Sub: "running", Since: since, Changed: changed, Invocation: hexInvocation(3), Result: "success",
			Restarts: new(uint64(3)), PID: new(uint64(42)), Memory: new(uint64(1 << 20)), CPU: &used, Tasks: new(uint64(7)),
		},
		"idle.service": {
			Loaded: true, Active: "inactive", Sub: "running", Changed: changed, Invocation: hexInvocation(3), Result: "success",
			Restarts: new(uint64(3)), PID: new(uint64(42)),
		},
		"multi-user.target": {Loaded: true, Active: "active", Changed: time.UnixMicro(1700000000000001).UTC(), Invocation: hexInvocation(1)},
		"gone.service":      {},
		"unknown.service":   {},
	}
	a := asker(t, u.bus())
	for unit, want := range tests {
		want.Unit = unit
		got, err := a.State(t.Context(), unit, true)
		if err != nil {
			t.Errorf("%s: %v", unit, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", unit, diff)
		}
	}
	got, err := a.State(t.Context(), "nginx.service", false)
	if err != nil || got.Memory != nil || got.Result != "" || got.Active != "active" {
		t.Errorf("got %+v, %v, want nothing of the kind", got, err)
	}
	if _, err := a.State(t.Context(), "../x\n", true); err == nil || !strings.Contains(err.Error(), "no name of a unit") {
		t.Errorf("got %v, want the name refused", err)
	}
}

// TestOneConnection asks from many at once and counts connections; the bus goes
// and comes back.
func TestOneConnection(t *testing.T) {
	u := newFakeUnits(t)
	u.service("nginx.service", "active")
	a := asker(t, u.bus())
	ask := func() {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if s, err := a.State(t.Context(), "nginx.service", true); err != nil || !s.Running() {
					t.Errorf("got %+v, %v, want it active", s, err)
				}
			})
		}
		all.Wait()
	}
	ask()
	u.fakeBus.mu.Lock()
	n := len(u.conns)
	u.fakeBus.mu.Unlock()
	if n != 1 {
		t.Errorf("got %d connections, want 1", n)
	}
	line := a.current()
	u.drop()
	<-line.lost
	ask()
}

func TestWithoutABusNothingIsKnown(t *testing.T) {
	a := asker(t, Bus{System: "unix:path=/nonexistent", Private: "unix:path=/nonexistent"})
	_, err := a.State(t.Context(), "nginx.service", true)
	if !errors.Is(err, errNoBus) || !strings.HasPrefix(err.Error(), "ask for unit nginx.service: no message bus: ") {
		t.Errorf("got %v, want %v", err, errNoBus)
	}
	if err := a.Await(t.Context(), UnitState{Unit: "nginx.service"}); !errors.Is(err, errNoBus) {
		t.Errorf("got %v, want %v", err, errNoBus)
	}
}

// TestABusThatHangs wants the deadline kept.
func TestABusThatHangs(t *testing.T) {
	u := newFakeUnits(t)
	u.fakeBus.mu.Lock()
	u.hang = true
	u.fakeBus.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := asker(t, u.bus()).State(ctx, "nginx.service", true); err == nil || time.Since(began) > connectLimit {
		t.Errorf("got %v after %s, want an error at once", err, time.Since(began))
	}
}

// TestARefusalIsAnError wants no verdict on the unit.
func TestARefusalIsAnError(t *testing.T) {
	u := newFakeUnits(t)
	u.on(unitPath("nginx.service"), properties+".GetAll", func([]any) ([]any, *dbus.Error) {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"no"})
	})
	_, err := asker(t, u.bus()).State(t.Context(), "nginx.service", true)
	if want := "ask for unit nginx.service: service manager does not permit it"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAwaitAChange(t *testing.T) {
	u := newFakeUnits(t)
	u.service("nginx.service", "active")
	a := asker(t, u.bus())
	was, err := a.State(t.Context(), "nginx.service", false)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is heard more than once
		done := make(chan error, 1)
		go func() { done <- a.Await(t.Context(), was) }()
		for { // until the bell hangs
			line := a.current()
			line.mu.Lock()
			hangs := line.bells["nginx.service"] != nil
			line.mu.Unlock()
			if hangs {
				break
			}
		}
		u.signal(":1.66", unitPath("nginx.service"), properties+".PropertiesChanged", unitIface, map[string]dbus.Variant{}, []string{})
		u.says("other.service", "failed")
		u.says("nginx.service", "failed")
		if err := next(t, done, "the change"); err != nil {
			t.Errorf("got %v, want the change", err)
		}
	}
	// What changed before anybody listened.
	u.is("nginx.service", "failed", 4)
	if err := a.Await(t.Context(), was); err != nil {
		t.Errorf("got %v, want the change", err)
	}
}

func TestAwaitEndsWithTheConnection(t *testing.T) {
	u := newFakeUnits(t)
	u.service("nginx.service", "active")
	a := asker(t, u.bus())
	was, err := a.State(t.Context(), "nginx.service", false)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Await(t.Context(), was) }()
	u.await(managerIface + ".Subscribe")
	u.own(managerName, ":1.55") // another manager
	if err := next(t, done, "the end"); err == nil {
		t.Error("got no error, want one")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- a.Await(ctx, was) }()
	u.await(managerIface + ".Subscribe")
	cancel()
	if err := next(t, done, "the end"); err == nil {
		t.Error("got no error, want one")
	}
}
