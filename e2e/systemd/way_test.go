//go:build e2esystemd

package systemd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// way is one way for a machine to go down.
type way struct {
	name string
	// down brings the machine down, or lets it begin to.
	down func(ctx context.Context, b *bench)
	// code is how nspawn ends.
	code int
	// told is the mail while the machine goes down, after that of the boot
	// that follows.
	told []want
	// kills: it ends the agent, or the machine, in the middle of what it does.
	kills bool
	// slow is for those that are taken with a slow mail server in every run;
	// the full one takes all so.
	slow bool
	// full is for those that take a minute.
	full bool
}

// typed is what somebody types at a shell. The machine may be gone before the
// command has ended.
func typed(command string) func(ctx context.Context, b *bench) {
	return func(ctx context.Context, b *bench) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if out, err := b.in(ctx, "sh", "-c", command); err != nil {
			b.t.Logf("%s: %v: %s", command, err, strings.TrimSpace(out))
		}
	}
}

// signalled is a signal to PID 1, as the kernel and the operators of
// containers send it (systemd(1), SIGNALS).
func signalled(sig syscall.Signal) func(ctx context.Context, b *bench) {
	return func(_ context.Context, b *bench) { b.signal(sig) }
}

// realTime is SIGRTMIN+n, as the C library counts.
func realTime(n int) syscall.Signal { return syscall.Signal(34 + n) }

// clean is the mail of a way down that stops the services.
func clean(kind string) []want { return []want{wentDown(kind, inTime), cameUp(kind)} }

// Ways that ask logind, as nearly everybody does.
func askedWays() []way {
	ways := []way{
		{name: "systemctl reboot", code: codeReboot, told: clean("reboot"), slow: true},
		{name: "systemctl poweroff", told: clean("poweroff"), slow: true},
		{name: "systemctl halt", told: clean("halt")},
		{name: "reboot", code: codeReboot, told: clean("reboot")},
		{name: "poweroff", told: clean("poweroff")},
		{name: "halt", told: clean("halt")},
		{name: "shutdown -r now", code: codeReboot, told: clean("reboot")},
		{name: "shutdown -h now", told: clean("poweroff")},
		{name: "init 6", code: codeReboot, told: clean("reboot")},
		{name: "telinit 0", told: clean("poweroff")},
		{name: "shutdown -P +1", told: clean("poweroff"), full: true},
	}
	for i := range ways {
		ways[i].down = typed(ways[i].name)
	}
	return append(
		ways,
		way{name: "ScheduleShutdown in 2s", down: schedule("reboot", 2*time.Second), code: codeReboot, told: clean("reboot")},
		way{name: "scheduled and cancelled, then reboot", down: cancelled, code: codeReboot, told: clean("reboot")},
		way{name: "dbus restarted, then reboot", down: restarted("dbus.service"), code: codeReboot, told: clean("reboot")},
		way{name: "logind restarted, then reboot", down: restarted("systemd-logind.service"), code: codeReboot, told: clean("reboot")},
	)
}

// Ways that logind does not hear of.
func untoldWays() []way {
	return []way{
		{name: "systemctl start reboot.target", down: typed("systemctl start reboot.target"), code: codeReboot, told: clean("reboot")},
		{name: "systemctl isolate poweroff.target", down: typed("systemctl isolate poweroff.target"), told: clean("poweroff")},
		{name: "ctrl-alt-del", down: signalled(syscall.SIGINT), code: codeReboot, told: clean("reboot"), slow: true},
		{name: "SIGRTMIN+3", down: signalled(realTime(3)), told: clean("halt")},
		{name: "SIGRTMIN+4", down: signalled(realTime(4)), told: clean("poweroff")},
		{name: "SIGRTMIN+5", down: signalled(realTime(5)), code: codeReboot, told: clean("reboot")},
		{name: "SIGTERM to nspawn", down: func(_ context.Context, b *bench) {
			must(b.t, b.nspawn.Process.Signal(syscall.SIGTERM))
		}, told: clean("halt")},
		{name: "systemctl exit", down: typed("systemctl exit"), told: clean("exit")},
		{name: "agent killed, then reboot", down: crash, code: codeReboot, kills: true, told: []want{
			// It is not there any more to say that the machine goes down.
			cameUp("reboot"), {state: "instance", words: []string{"without a word"}, late: anytime, may: true},
		}},
		// D-Bus and the name server end together with the agent.
		{name: "systemctl --force reboot", down: typed("systemctl --force reboot"), code: codeReboot, kills: true, told: forced("reboot"), slow: true},
		{name: "systemctl --force poweroff", down: typed("systemctl --force poweroff"), kills: true, told: forced("poweroff")},
		{name: "SIGRTMIN+15", down: signalled(realTime(15)), code: codeReboot, kills: true, told: forced("reboot")},
		{name: "systemctl --force --force reboot", down: typed("systemctl --force --force reboot"), code: codeReboot, kills: true, told: []want{crashed()}},
		{name: "power cut", down: func(_ context.Context, b *bench) { b.signal(syscall.SIGKILL) }, code: codeKilled, kills: true, told: []want{crashed()}},
	}
}

// forced is the mail of a way down that only kills the services.
func forced(kind string) []want { return []want{wentDown("forced "+kind, anytime), crashed()} }

// schedule has logind bring the machine down in a while.
func schedule(kind string, in time.Duration) func(ctx context.Context, b *bench) {
	return func(ctx context.Context, b *bench) {
		login1(ctx, b, "ScheduleShutdown", "st", kind, strconv.FormatInt(time.Now().Add(in).UnixMicro(), 10))
	}
}

func login1(ctx context.Context, b *bench, method string, args ...string) {
	b.t.Helper()
	b.ok(ctx, append([]string{"busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", method}, args...)...)
}

// cancelled schedules a shutdown, thinks better of it, and reboots.
func cancelled(ctx context.Context, b *bench) {
	b.ok(ctx, "shutdown", "-P", "+60", "not today")
	b.ok(ctx, "shutdown", "-c")
	// One that has all but begun.
	login1(ctx, b, "ScheduleShutdown", "st", "poweroff", strconv.FormatInt(time.Now().Add(time.Minute).UnixMicro(), 10))
	login1(ctx, b, "CancelScheduledShutdown", "")
	typed("systemctl reboot")(ctx, b)
}

// restarted restarts what tells the agent of a shutdown, and reboots.
func restarted(unit string) func(ctx context.Context, b *bench) {
	return func(ctx context.Context, b *bench) {
		b.ok(ctx, "systemctl", "restart", unit)
		b.ok(ctx, "systemctl", "is-active", unit)
		// The agent goes on as before; a restart of the bus restarts others.
		b.ok(ctx, "systemctl", "is-active", "tocsin.service")
		typed("systemctl reboot")(ctx, b)
	}
}

// crash kills the agent and reboots before it has been started again.
func crash(ctx context.Context, b *bench) {
	b.ok(ctx, "systemctl", "kill", "--signal=KILL", "tocsin.service")
	poll(ctx, b.t, "the agent to be dead", func() bool {
		out, _ := b.in(ctx, "systemctl", "show", "--property=SubState", "--value", "tocsin.service")
		return strings.TrimSpace(out) == "auto-restart"
	})
	typed("systemctl reboot")(ctx, b)
}

// take brings the machine down in one way and up again, and looks at the mail
// of both. At the last moment a rule fails or recovers, and nobody knows before
// or after.
func (b *bench) take(ctx context.Context, step string, w way) {
	b.t.Helper()
	began := time.Now()
	wants := append(slices.Clone(w.told), b.flip())
	if w.kills {
		b.box.killed++
	}
	w.down(ctx, b)
	ending, cancel := context.WithTimeout(ctx, 100*time.Second)
	defer cancel()
	if code := b.waitEnd(ending); code != w.code {
		b.t.Errorf("%s: nspawn ended with %d, want %d", step, code, w.code)
	}
	off := time.Now()
	b.boot(ctx)
	b.active(ctx)
	up := time.Now()
	for i, l := range b.expect(ctx, step, wants...) {
		// What is in time has come before the machine is down.
		if wants[i].late == inTime && l.at.After(off) {
			b.t.Errorf("%s: the mail %q came %s after the machine was down", step, l.subject, l.at.Sub(off))
		}
	}
	b.t.Logf("%s: down %s, up %s, told %s", step, round(off.Sub(began)), round(up.Sub(off)), round(time.Since(up)))
}

func round(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
