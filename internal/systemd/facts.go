package systemd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what the service manager knows of the machine and its boot. What
// cannot be had is zero.
type Machine struct {
	Booted   time.Time     // when the manager began (UserspaceTimestamp), UTC
	Up       time.Duration // how long ago that was, by a clock that nobody sets
	Finished time.Time     // when the boot was complete, UTC; zero while it starts
	Firmware time.Duration // spent in the firmware; only EFI says
	Loader   time.Duration // spent in the boot loader
	Kernel   time.Duration // spent in the kernel and the initrd; 0 in a container and after a soft reboot
	// Startup is the whole boot: firmware, loader, kernel and user space. 0
	// while it starts.
	Startup        time.Duration
	FailedUnits    []string // sorted, at most 50
	SystemState    string   // as systemctl is-system-running says it
	Virtualization string   // as systemd-detect-virt says it; "" on bare metal
	SoftReboots    uint32   // since the kernel was started
	Clock          bool     // the clock is synchronized; false also when unknown
}

// maxMachineFailed bounds Machine.FailedUnits.
const maxMachineFailed = 50

// Machine asks the service manager for what it knows. The error is for the
// manager alone; what others know is left out when they do not answer.
func (b Bus) Machine(ctx context.Context) (Machine, error) {
	l, err := b.dialManager(ctx)
	if err != nil {
		return Machine{}, fmt.Errorf("ask service manager: %w", err)
	}
	defer l.close()
	p, err := l.props(ctx, managerObject())
	if err != nil {
		return Machine{}, fmt.Errorf("ask service manager: %w", err)
	}
	m := boot(p, monotonic())
	if failed, err := l.failedUnits(ctx); err == nil {
		slices.Sort(failed)
		m.FailedUnits = failed[:min(len(failed), maxMachineFailed)]
	}
	if l.private {
		return m, nil
	}
	clock := target{name: clockName, path: clockPath, iface: clockName, wake: true}
	if p, err := l.prop(ctx, clock, "NTPSynchronized"); err == nil {
		m.Clock = p.truth("NTPSynchronized")
	}
	return m, nil
}

// boot reads the manager's properties (org.freedesktop.systemd1(5)). The
// monotonic ones of firmware and loader count backwards from the start of the
// kernel, the others forwards. In a container the kernel's is the host's, which
// KernelTimestamp = 0 tells (measured); after a soft reboot it is that of the
// boot before.
func boot(p props, now time.Duration) Machine {
	m := Machine{
		Booted:         p.moment("UserspaceTimestamp"),
		Finished:       p.moment("FinishTimestamp"),
		SystemState:    p.text("SystemState", maxWord),
		Virtualization: p.text("Virtualization", maxWord),
		SoftReboots:    uint32(min(p.number("SoftRebootsCount"), 1<<32-1)),
	}
	userspace, finish := p.span("UserspaceTimestampMonotonic"), p.span("FinishTimestampMonotonic")
	if p.number("KernelTimestamp") != 0 && m.SoftReboots == 0 {
		m.Loader = p.span("LoaderTimestampMonotonic")
		m.Firmware = max(p.span("FirmwareTimestampMonotonic")-m.Loader, 0)
		m.Kernel = userspace
	}
	if userspace > 0 && now > userspace && m.SoftReboots == 0 {
		m.Up = now - userspace
	}
	if finish > userspace {
		m.Startup = m.Firmware + m.Loader + m.Kernel + finish - userspace
	}
	return m
}

// monotonic is CLOCK_MONOTONIC, by which the manager stamps; 0 if it cannot be
// read.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
