package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

// inhibit takes a delay lock against a shutdown
// (org.freedesktop.login1(5), Inhibit). It is held until the file is closed,
// and outlives the connection; that it is a short one of its own keeps files
// sent by strangers away from the connection that listens.
func (b Bus) inhibit(ctx context.Context) (*os.File, error) {
	l, err := b.dial(ctx, withFiles)
	if err != nil {
		return nil, err
	}
	defer l.close()
	to := loginObject()
	to.wake = true
	body, err := l.call(ctx, to, "Inhibit", "shutdown", "Tocsin", "mail that the machine goes down", "delay")
	if err != nil {
		return nil, fmt.Errorf("take shutdown lock: %w", err)
	}
	if len(body) != 1 {
		return nil, errors.New("take shutdown lock: the answer holds no file")
	}
	fd, ok := body[0].(dbus.UnixFD)
	if !ok || fd < 0 {
		return nil, errors.New("take shutdown lock: the answer holds no file")
	}
	return os.NewFile(uintptr(fd), "shutdown lock"), nil
}
