package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

// fakeUnits makes b answer as a service manager with units.
type fakeUnits struct {
	*fakeBus
	mu     sync.Mutex
	failed map[string]bool
	lists  chan struct{} // a token for each ListUnitsFiltered
}

func newFakeUnits(t *testing.T) *fakeUnits {
	t.Helper()
	u := &fakeUnits{fakeBus: newFakeBus(t), failed: map[string]bool{}, lists: make(chan struct{}, 4096)}
	u.on(managerPath, managerIface+".Subscribe", func([]any) ([]any, *dbus.Error) { return nil, nil })
	u.on(managerPath, managerIface+".ListUnitsFiltered", func([]any) ([]any, *dbus.Error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.lists <- struct{}{}
		list := []listedUnit{{Name: "../evil\x1b", Active: "failed", Path: "/x", JobPath: "/"}}
		for _, name := range slices.Sorted(maps.Keys(u.failed)) {
			list = append(list, listedUnit{Name: name, Active: "failed", Path: dbus.ObjectPath(unitPath(name)), JobPath: "/"})
		}
		return []any{list}, nil
	})
	return u
}

// invocation is an InvocationID.
func invocation(n byte) []byte { return append(make([]byte, 15), n) }

func hexInvocation(n byte) string { return fmt.Sprintf("%032x", n) }

// is puts a unit into a state, unheard.
func (u *fakeUnits) is(unit, state string, run byte) {
	u.mu.Lock()
	u.failed[unit] = state == "failed"
	if state != "failed" {
		delete(u.failed, unit)
	}
	u.mu.Unlock()
	path := unitPath(unit)
	u.set(path, unitIface, "LoadState", "loaded")
	u.set(path, unitIface, "InvocationID", invocation(run))
	u.set(path, unitIface, "Description", "The \x1bunit")
	u.set(path, unitIface, "StateChangeTimestamp", uint64(1700000000000000)+uint64(run))
	u.set(path, unitIface, "ActiveState", state)
	if iface := kindIface(unit); iface != "" {
		result := "success"
		if state == "failed" {
			result = "exit-code"
		}
		u.set(path, iface, "Result", result)
		u.set(path, iface, "NRestarts", uint32(run))
		u.set(path, iface, "ExecMainCode", int32(1))
		u.set(path, iface, "ExecMainStatus", int32(3))
	}
}

// says sends the signal of a state.
func (u *fakeUnits) says(unit, state string) {
	u.signal(fakeManager, unitPath(unit), properties+".PropertiesChanged",
		unitIface, map[string]dbus.Variant{"ActiveState": dbus.MakeVariant(state)}, []string{})
}

// becomes is both.
func (u *fakeUnits) becomes(unit, state string, run byte) {
	u.is(unit, state, run)
	u.says(unit, state)
}

func (u *fakeUnits) reloading(begins bool) {
	u.signal(fakeManager, managerPath, managerIface+".Reloading", begins)
}

// watchUnits starts a watch and waits until it works.
func watchUnits(t *testing.T, u *fakeUnits, known map[string]string) (*UnitWatch, <-chan UnitEvent) {
	t.Helper()
	log := newChanges()
	w := &UnitWatch{Bus: u.bus(), Log: slog.New(log), Known: known}
	events := make(chan UnitEvent, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { w.Watch(ctx, func(e UnitEvent) { events <- e }) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	missing(t, w, log, "")
	go func() { // the rest of the log
		for {
			select {
			case <-ctx.Done():
				return
			case <-log.changed:
			}
		}
	}()
	return w, events
}

func event(unit string, failed bool, run byte) UnitEvent {
	e := UnitEvent{
		Unit: unit, Failed: failed, Result: "success", ExitCode: "exited", ExitStatus: 3, Restarts: uint32(run),
		InvocationID: hexInvocation(run), Description: "The \ufffdunit", At: time.UnixMicro(1700000000000000 + int64(run)).UTC(),
	}
	if failed {
		e.Result = "exit-code"
	}
	return e
}

func expect(t *testing.T, events <-chan UnitEvent, want UnitEvent) {
	t.Helper()
	if diff := cmp.Diff(want, next(t, events, "event of "+want.Unit)); diff != "" {
		t.Error(diff)
	}
}

func TestAUnitFailsAndRecovers(t *testing.T) {
	u := newFakeUnits(t)
	w, events := watchUnits(t, u, nil)
	const unit = `a\x2db@1.service`
	u.becomes(unit, "failed", 1)
	expect(t, events, event(unit, true, 1))
	u.says(unit, "failed") // the same run
	u.becomes(unit, "activating", 2)
	u.becomes(unit, "active", 2)
	expect(t, events, event(unit, false, 2))
	u.becomes(unit, "inactive", 2) // stopped
	u.becomes(unit, "active", 3)
	u.becomes(unit, "failed", 4)
	expect(t, events, event(unit, true, 4))
	if got := w.Failed(); len(got) != 1 || got[unit] != hexInvocation(4) {
		t.Errorf("known: %v", got)
	}
	// A mount has no main process.
	u.is("mnt-data.mount", "failed", 5)
	u.set(unitPath("mnt-data.mount"), managerName+".Mount", "ExecMainCode", int32(0))
	u.says("mnt-data.mount", "failed")
	want := event("mnt-data.mount", true, 5)
	want.ExitCode, want.ExitStatus = "", 0
	expect(t, events, want)
}

func TestWhatIsNoFailureIsNotTold(t *testing.T) {
	u := newFakeUnits(t)
	w, events := watchUnits(t, u, nil)
	// A crash that Restart= mends: it says failed, and is not when asked.
	u.is("loop.service", "activating", 1)
	u.says("loop.service", "failed")
	u.says("loop.service", "activating")
	// Strangers, and what makes no sense.
	u.is("a.service", "failed", 1)
	change := map[string]dbus.Variant{"ActiveState": dbus.MakeVariant("failed")}
	u.signal(":1.666", unitPath("a.service"), properties+".PropertiesChanged", unitIface, change, []string{})
	u.signal(":1.666", managerPath, managerIface+".Reloading", true)
	u.signal(":1.666", busPath, busName+".NameOwnerChanged", managerName, fakeManager, ":1.666")
	u.signal(fakeManager, "/org/freedesktop/systemd1/unit/_zz_2eservice", properties+".PropertiesChanged", unitIface, change, []string{})
	u.signal(fakeManager, unitPath("a.service"), properties+".PropertiesChanged", managerName+".Service", change, []string{})
	u.signal(fakeManager, unitPath("a.service"), properties+".PropertiesChanged", unitIface)
	u.signal(fakeManager, unitPath("a.service"), properties+".PropertiesChanged", unitIface, "x")
	u.signal(fakeManager, unitPath("a.service"), properties+".PropertiesChanged",
		unitIface, map[string]dbus.Variant{"ActiveState": dbus.MakeVariant(uint32(1))})
	u.signal(fakeManager, managerPath, managerIface+".Reloading", "x")
	// reset-failed: it is well once it runs.
	u.becomes("b.service", "failed", 2)
	expect(t, events, event("b.service", true, 2))
	u.becomes("b.service", "inactive", 2)
	u.becomes("mark.service", "failed", 3) // when this is told, that was looked at
	expect(t, events, event("mark.service", true, 3))
	u.becomes("b.service", "active", 4)
	expect(t, events, event("b.service", false, 4))
	u.becomes("end.service", "failed", 5)
	expect(t, events, event("end.service", true, 5))
	if got := w.Failed(); len(got) != 2 {
		t.Errorf("known: %v", got)
	}
}

func TestAOneshotRecoversWhenItEndsWell(t *testing.T) {
	u := newFakeUnits(t)
	_, events := watchUnits(t, u, nil)
	u.becomes("backup.service", "failed", 1)
	expect(t, events, event("backup.service", true, 1))
	u.becomes("backup.service", "inactive", 2)
	expect(t, events, event("backup.service", false, 2))
}

func TestAUnitThatIsCollectedIsToldByName(t *testing.T) {
	u := newFakeUnits(t)
	w, events := watchUnits(t, u, nil)
	u.says("run-r1.service", "failed")
	if got := next(t, events, "event"); !got.Failed || got.Unit != "run-r1.service" || got.Result != "" || got.At.IsZero() {
		t.Errorf("got %+v", got)
	}
	if got := w.Failed(); len(got) != 0 {
		t.Errorf("known: %v", got)
	}
}

func TestWhatHappenedWhileNobodyListened(t *testing.T) {
	u := newFakeUnits(t)
	u.is("still.service", "failed", 1)
	u.is("well.service", "active", 2)
	u.is("reset.service", "inactive", 3)
	w, events := watchUnits(t, u, map[string]string{
		"still.service": hexInvocation(1), "well.service": hexInvocation(1), "reset.service": hexInvocation(3),
		"gone.service": hexInvocation(1), "../evil": "x",
	})
	expect(t, events, event("still.service", true, 1)) // the caller knows it
	expect(t, events, event("well.service", false, 2))
	// The connection is lost; one recovers and one fails meanwhile.
	u.is("still.service", "active", 5)
	u.is("new.service", "failed", 6)
	u.drop()
	expect(t, events, event("new.service", true, 6))
	expect(t, events, event("still.service", false, 5))
	u.becomes("new.service", "active", 7) // it listens again
	expect(t, events, event("new.service", false, 7))
	if got := w.Failed(); len(got) != 1 || got["reset.service"] == "" {
		t.Errorf("known: %v", got)
	}
}

func TestAReloadIsNoChange(t *testing.T) {
	u := newFakeUnits(t)
	_, events := watchUnits(t, u, nil)
	u.becomes("a.service", "failed", 1)
	expect(t, events, event("a.service", true, 1))
	for range 50 { // a storm
		u.reloading(true)
		for _, state := range []string{"inactive", "active", "failed"} {
			u.says("a.service", state)
			u.says("ghost.service", state)
		}
		u.reloading(false)
	}
	u.becomes("end.service", "failed", 2)
	for e := next(t, events, "event"); e.Unit != "end.service"; e = next(t, events, "event") {
		if diff := cmp.Diff(event("a.service", true, 1), e); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestAManagerThatComesBackIsSubscribedToAgain(t *testing.T) {
	u := newFakeUnits(t)
	_, events := watchUnits(t, u, nil)
	u.own(managerName, ":1.200")
	u.await(managerIface + ".Subscribe") // of the start
	u.await(managerIface + ".Subscribe")
	u.is("a.service", "failed", 1)
	u.signal(":1.200", unitPath("a.service"), properties+".PropertiesChanged",
		unitIface, map[string]dbus.Variant{"ActiveState": dbus.MakeVariant("failed")}, []string{})
	expect(t, events, event("a.service", true, 1))
}

func TestTheManagersOwnSocketWillDo(t *testing.T) {
	u := newFakeUnits(t)
	u.on(busPath, busName+".Hello", func([]any) ([]any, *dbus.Error) { t.Error("Hello"); return nil, nil })
	u.is("a.service", "failed", 1)
	w := &UnitWatch{Bus: Bus{System: "unix:path=/nonexistent", Private: u.address()}, Log: slog.New(slog.DiscardHandler)}
	events := make(chan UnitEvent, 16)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { w.Watch(ctx, func(e UnitEvent) { events <- e }) })
	expect(t, events, event("a.service", true, 1))
	cancel()
	done.Wait()
}

func TestWithoutAManagerItSaysSo(t *testing.T) {
	b := newFakeBus(t)
	b.own(managerName, "")
	log := newChanges()
	w := &UnitWatch{Bus: b.bus(), Log: slog.New(log)}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { w.Watch(ctx, func(UnitEvent) {}) })
	missing(t, w, log, "no service manager on the bus")
	cancel()
	done.Wait()
}

func TestTooManyChangesAreLookedAtTogether(t *testing.T) {
	signals := make(chan *dbus.Signal)
	p := newPending()
	done := make(chan struct{})
	go func() { p.drain(signals, true, ""); close(done) }()
	for i := range maxPending + 11 {
		signals <- &dbus.Signal{
			Path: dbus.ObjectPath(unitPath(fmt.Sprintf("a%d.service", i))), Name: properties + ".PropertiesChanged",
			Body: []any{unitIface, map[string]dbus.Variant{"ActiveState": dbus.MakeVariant("failed")}},
		}
	}
	signals <- &dbus.Signal{Name: "x.y"} // what was before is done
	b, err := p.take(t.Context())
	if err != nil || !b.resync || len(b.changes) != 10 || b.changes[9].unit != fmt.Sprintf("a%d.service", maxPending+10) {
		t.Errorf("got %d changes, resync %v, %v", len(b.changes), b.resync, err)
	}
	close(signals)
	<-done
	if _, err := p.take(t.Context()); err != errLost { //nolint:errorlint // it is itself
		t.Errorf("got %v", err)
	}
}

func TestAReloadWithoutAnEndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan *dbus.Signal)
		p := newPending()
		go p.drain(signals, true, "")
		signals <- &dbus.Signal{Name: managerIface + ".Reloading", Body: []any{true}}
		begun := time.Now()
		b, err := p.take(t.Context())
		if err != nil || !b.resync || time.Since(begun) != reloadLimit {
			t.Errorf("got %+v, %v after %v", b, err, time.Since(begun))
		}
		close(signals)
	})
}

func TestAssess(t *testing.T) {
	for _, c := range []struct {
		name   string
		known  bool
		state  string
		result string
		run    string
		gone   bool
		want   verdict
	}{
		{name: "failed", state: "failed", want: failing},
		{name: "failed, known", known: true, state: "failed", want: failing},
		{name: "a stranger", state: "active", want: nothing},
		{name: "active", known: true, state: "active", want: recovered},
		{name: "reloading", known: true, state: "reloading", want: recovered},
		{name: "starts", known: true, state: "activating", run: "new", want: nothing},
		{name: "reset", known: true, state: "inactive", result: "success", run: "old", want: nothing},
		{name: "ran well", known: true, state: "inactive", result: "success", run: "new", want: recovered},
		{name: "not so well", known: true, state: "inactive", result: "exec-condition", run: "new", want: nothing},
		{name: "no result", known: true, state: "inactive", run: "new", want: nothing},
		{name: "loaded anew", known: true, state: "inactive", result: "success", run: "", want: nothing},
		{name: "gone", known: true, state: "inactive", gone: true, want: forgotten},
		{name: "gone, a stranger", gone: true, want: nothing},
	} {
		d := unitDetails{state: c.state, gone: c.gone}
		d.Result, d.InvocationID = c.result, c.run
		if got := assess(c.known, "old", d); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestUnitPaths(t *testing.T) {
	for unit, want := range map[string]string{
		"a.service":         "a_2eservice",
		"1.mount":           "_31_2emount",
		`a\x2db@i.service`:  "a_5cx2db_40i_2eservice",
		"-.mount":           "_2d_2emount",
		"user_name.service": "user_5fname_2eservice",
	} {
		if got := unitPath(unit); got != unitPrefix+want {
			t.Errorf("%q: got %q", unit, got)
		}
		if got := unitOfPath(unitPrefix + want); got != unit {
			t.Errorf("%q: got %q", want, got)
		}
	}
	for _, path := range []string{"", "/x", unitPrefix, unitPrefix + "_", unitPrefix + "_2", unitPrefix + "a.service", unitPrefix + "_00_2eservice"} {
		if got := unitOfPath(path); got != "" {
			t.Errorf("%q: got %q", path, got)
		}
	}
}

func FuzzUnitOfPath(f *testing.F) {
	f.Add(unitPrefix + "a_5cx2db_40i_2eservice")
	f.Fuzz(func(t *testing.T, path string) {
		if unit := unitOfPath(path); unit != "" && (!isUnitName(unit) || unitPath(unit) != path) {
			t.Errorf("%q: got %q", path, unit)
		}
	})
}
