package systemd

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

func TestWhatTheManagerKnowsOfTheMachine(t *testing.T) {
	u := newFakeUnits(t)
	for i := range 60 {
		u.is(fmt.Sprintf("u%02d.service", i), "failed", 1)
	}
	for name, value := range map[string]any{
		"UserspaceTimestamp": uint64(1700000000000000), "FinishTimestamp": uint64(1700000010000000),
		"SystemState": "degraded\x1b", "Virtualization": "kvm", "SoftRebootsCount": uint32(2), "KernelTimestamp": uint64(1),
	} {
		u.set(managerPath, managerIface, name, value)
	}
	u.set(clockPath, clockName, "NTPSynchronized", true)
	m, err := u.bus().Machine(t.Context())
	if err != nil || len(m.FailedUnits) != 50 || m.FailedUnits[49] != "u49.service" {
		t.Errorf("got %d failed units, %v", len(m.FailedUnits), err)
	}
	m.FailedUnits = nil
	at := time.UnixMicro(1700000000000000).UTC()
	want := Machine{Booted: at, Finished: at.Add(10 * time.Second), SystemState: "degraded\ufffd", Virtualization: "kvm", SoftReboots: 2, Clock: true}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	// Nothing but the manager's own socket.
	m, err = Bus{System: "unix:path=/nonexistent", Private: u.address()}.Machine(t.Context())
	if err != nil || m.Clock || !m.Booted.Equal(at) {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := (Bus{System: "unix:path=/nonexistent", Private: "unix:path=/nonexistent"}).Machine(t.Context()); !errors.Is(err, errNoBus) {
		t.Errorf("got %v", err)
	}
}

func TestHowLongTheBootTook(t *testing.T) {
	const second = uint64(1e6)
	for _, c := range []struct {
		name string
		in   map[string]any
		want Machine
	}{
		{
			"efi",
			map[string]any{
				"KernelTimestamp": second, "FirmwareTimestampMonotonic": 9 * second, "LoaderTimestampMonotonic": 3 * second,
				"InitRDTimestampMonotonic": 2 * second, "UserspaceTimestampMonotonic": 5 * second, "FinishTimestampMonotonic": 15 * second,
			},
			Machine{Up: 99995 * time.Second, Firmware: 6 * time.Second, Loader: 3 * time.Second, Kernel: 5 * time.Second, Startup: 24 * time.Second},
		},
		{
			"it still starts",
			map[string]any{"KernelTimestamp": second, "UserspaceTimestampMonotonic": 5 * second, "FinishTimestampMonotonic": uint64(0)},
			Machine{Up: 99995 * time.Second, Kernel: 5 * time.Second},
		},
		{
			"container",
			map[string]any{
				"KernelTimestamp": uint64(0), "UserspaceTimestampMonotonic": 90000 * second, "FinishTimestampMonotonic": 90002 * second,
			},
			Machine{Up: 10000 * time.Second, Startup: 2 * time.Second},
		},
		{
			"soft reboot",
			map[string]any{
				"KernelTimestamp": second, "UserspaceTimestampMonotonic": 90000 * second, "FinishTimestampMonotonic": 90002 * second,
				"SoftRebootsCount": uint32(1),
			},
			Machine{Startup: 2 * time.Second, SoftReboots: 1},
		},
		{
			"nonsense",
			map[string]any{
				"KernelTimestamp": second, "FirmwareTimestampMonotonic": ^uint64(0), "LoaderTimestampMonotonic": "x",
				"UserspaceTimestamp": ^uint64(0), "FinishTimestamp": int32(-1), "SystemState": uint32(1),
			},
			Machine{},
		},
		{"nothing", nil, Machine{}},
	} {
		p := props{}
		for name, value := range c.in {
			p[name] = dbus.MakeVariant(value)
		}
		if diff := cmp.Diff(c.want, boot(p, 100000*time.Second)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
