package systemd

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// ErrUnderWay says that the service manager is at a unit already: it starts,
// stops or waits for its automatic restart. Nobody else should act on it.
var ErrUnderWay = errors.New("left alone: systemd is at it")

// ErrRefused says that the agent may not act on a unit.
var ErrRefused = errors.New("not permitted: see units in docs/operate.md")

// Do starts, stops or restarts a unit (verb is "start", "stop" or "restart")
// and waits for the end of that job, or of ctx; the job goes on then. A unit
// that is on its way, or waits for its automatic restart (Restart= of
// systemd.service(5)), is not touched: ErrUnderWay.
func (b Bus) Do(ctx context.Context, unit, verb string) error {
	method, known := map[string]string{"start": "StartUnit", "stop": "StopUnit", "restart": "RestartUnit"}[verb]
	if !known || !IsUnitName(unit) {
		return fmt.Errorf("%s %q: no such job", safe(verb, maxWord), safe(unit, maxWord))
	}
	l, err := b.dialManager(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	defer l.close()
	if err := l.job(ctx, unit, verb, method); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	return nil
}

// UnderWay is ErrUnderWay, with what it is at, when the manager is at a unit
// already; nil also when it cannot be asked, or there is no such unit.
func (b Bus) UnderWay(ctx context.Context, unit string) error {
	if !IsUnitName(unit) {
		return nil
	}
	l, err := b.dialManager(ctx)
	if err != nil {
		return nil //nolint:nilerr // then nobody is at it
	}
	defer l.close()
	if err := l.underWay(ctx, unit); errors.Is(err, ErrUnderWay) {
		return fmt.Errorf("%s: %w", unit, err)
	}
	return nil
}

// job has the manager do a job and waits for its result.
func (l *link) job(ctx context.Context, unit, verb, method string) error {
	signals := l.signals()
	if err := l.match(ctx, ownerRule(managerName), "sender='"+managerName+"',interface='"+managerIface+"',member='JobRemoved',path='"+managerPath+"'"); err != nil {
		return err
	}
	owner, err := l.owner(ctx, managerName)
	if err != nil {
		return err
	}
	if err := enlist(ctx, l); err != nil {
		return err
	}
	if verb != "stop" {
		if err := l.underWay(ctx, unit); err != nil {
			return err
		}
	}
	var path dbus.ObjectPath
	err = l.store(ctx, managerObject(), method, []any{unit, "replace"}, []any{&path})
	switch errorName(err) {
	case "":
		if err != nil {
			return err
		}
	case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
		return ErrRefused
	case "org.freedesktop.systemd1.NoSuchUnit":
		return errors.New("there is no such unit")
	default:
		return fmt.Errorf("%s", safe(err.Error(), maxWord))
	}
	return l.removed(ctx, signals, owner, path)
}

// underWay says whether the manager is at a unit already.
func (l *link) underWay(ctx context.Context, unit string) error {
	p, err := l.props(ctx, target{name: managerName, path: unitPath(unit), iface: unitIface})
	if err != nil {
		if errorName(err) != "" {
			return nil // the job will say why
		}
		return err
	}
	switch active := p.text("ActiveState", maxWord); active {
	case "activating", "deactivating", "reloading", "refreshing", "maintenance":
		return fmt.Errorf("%w: %s (%s)", ErrUnderWay, active, p.text("SubState", maxWord))
	}
	return nil
}

// removed waits for the end of a job.
func (l *link) removed(ctx context.Context, signals <-chan *dbus.Signal, owner string, job dbus.ObjectPath) error {
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("its job has not ended: %w", context.Cause(ctx))
		case s, open := <-signals:
			if !open {
				return errLost
			}
			if s.Name != managerIface+".JobRemoved" || !l.private && s.Sender != owner {
				continue
			}
			var id uint32
			var path dbus.ObjectPath
			var unit, result string
			if err := dbus.Store(s.Body, &id, &path, &unit, &result); err != nil || path != job {
				continue
			}
			if result != "done" {
				return fmt.Errorf("its job ended with %q: look at systemctl status", safe(result, maxWord))
			}
			return nil
		}
	}
}
