// Package systemd speaks to the service manager: readiness, status and
// watchdog by sd_notify(3). Without a manager everything here does nothing.
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Manager is the service manager that started the process, if any.
type Manager struct {
	Log *slog.Logger
}

// Ready says that the service is up, with a status line for systemctl status.
func (m Manager) Ready(status string) { m.send(daemon.SdNotifyReady + "\nSTATUS=" + status) }

// Reloading says that the configuration is being read again; Ready ends it.
func (m Manager) Reloading() {
	var ts unix.Timespec
	// The manager wants the time of the message by its own clock.
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		m.Log.Debug("monotonic clock not read", "err", err)
	}
	m.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, ts.Nano()/int64(time.Microsecond)))
}

// Stopping says that the service is going down.
func (m Manager) Stopping() { m.send(daemon.SdNotifyStopping + "\nSTATUS=stopping") }

// Status sets the status line.
func (m Manager) Status(status string) { m.send("STATUS=" + status) }

func (m Manager) send(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.Log.Debug("service manager not notified", "err", err)
	}
}

// Watch feeds the manager's watchdog, while alive returns in time, until ctx
// ends. Without WatchdogSec= it returns at once. alive crosses every part that
// could be stuck, so that a deadlock in one of them starves the watchdog.
func (m Manager) Watch(ctx context.Context, alive func(ctx context.Context) error) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil || limit <= 0 {
		return
	}
	ticker := time.NewTicker(limit / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		within, cancel := context.WithTimeout(ctx, limit/3)
		if err := alive(within); err != nil {
			m.Log.Error("watchdog not fed: the agent does not answer itself", "err", err)
		} else {
			m.send(daemon.SdNotifyWatchdog)
		}
		cancel()
	}
}
