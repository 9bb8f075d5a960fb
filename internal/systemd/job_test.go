package systemd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// jobs makes a manager answer to a method with a job that ends with result.
func (u *fakeUnits) jobs(method, sender, result string) {
	const path = "/org/freedesktop/systemd1/job/7"
	u.on(managerPath, managerIface+"."+method, func(args []any) ([]any, *dbus.Error) {
		u.signal(":1.66", managerPath, managerIface+".JobRemoved", uint32(7), dbus.ObjectPath(path), args[0], "failed") // an impostor
		u.signal(sender, managerPath, managerIface+".JobRemoved", uint32(8), dbus.ObjectPath(path+"8"), "other.service", "failed")
		u.signal(sender, managerPath, managerIface+".JobRemoved", uint32(7), dbus.ObjectPath(path), args[0], result)
		return []any{dbus.ObjectPath(path)}, nil
	})
}

func TestJobs(t *testing.T) {
	u := newFakeUnits(t)
	u.own(managerName, ":1.1")
	u.service("nginx.service", "failed")
	u.service("slow.service", "activating")
	u.set(unitPath("slow.service"), unitIface, "SubState", "auto-restart")
	u.jobs("StartUnit", ":1.1", "done")
	u.jobs("RestartUnit", ":1.1", "timeout")
	u.jobs("StopUnit", ":1.1", "done")
	tests := []struct{ verb, unit, want string }{
		{"start", "nginx.service", ""},
		{"restart", "nginx.service", `restart nginx.service: its job ended with "timeout": look at systemctl status`},
		{"restart", "slow.service", "restart slow.service: left alone: systemd is at it: activating (auto-restart)"},
		{"stop", "slow.service", ""}, // which ends that
		{"start", "../x", `start "../x": no such job`},
		{"mask", "nginx.service", `mask "nginx.service": no such job`},
	}
	for _, tt := range tests {
		got := ""
		if err := u.bus().Do(t.Context(), tt.unit, tt.verb); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.verb, tt.unit, got, tt.want)
		}
	}
	for unit, want := range map[string]string{
		"nginx.service": "", "unknown.service": "", "../x": "",
		"slow.service": "slow.service: left alone: systemd is at it: activating (auto-restart)",
	} {
		got := ""
		if err := u.bus().UnderWay(t.Context(), unit); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", unit, got, want)
		}
	}
	for name, want := range map[string]error{
		"org.freedesktop.DBus.Error.AccessDenied":                     ErrRefused,
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": ErrRefused,
		"org.freedesktop.systemd1.NoSuchUnit":                         nil,
		"org.freedesktop.systemd1.UnitMasked":                         nil,
	} {
		u.on(managerPath, managerIface+".StartUnit", func([]any) ([]any, *dbus.Error) { return nil, dbus.NewError(name, []any{"Unit is\x1b masked."}) })
		err := u.bus().Do(t.Context(), "nginx.service", "start")
		if err == nil || want != nil && !errors.Is(err, want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAJobThatDoesNotEnd(t *testing.T) {
	u := newFakeUnits(t)
	u.own(managerName, ":1.1")
	u.service("nginx.service", "failed")
	ctx, cancel := context.WithCancelCause(t.Context())
	u.on(managerPath, managerIface+".StartUnit", func([]any) ([]any, *dbus.Error) {
		return []any{dbus.ObjectPath("/org/freedesktop/systemd1/job/7")}, nil
	})
	done := make(chan error, 1)
	go func() { done <- u.bus().Do(ctx, "nginx.service", "start") }()
	u.await(managerIface + ".StartUnit")
	cancel(errors.New("not done after 30s"))
	if err := next(t, done, "the end"); err == nil || err.Error() != "start nginx.service: its job has not ended: not done after 30s" {
		// The answer itself may have been cut off, which says so too.
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
