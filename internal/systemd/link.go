package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/godbus/dbus/v5"
)

// The names of D-Bus that are used here.
const (
	busName    = "org.freedesktop.DBus"
	busPath    = "/org/freedesktop/DBus"
	properties = "org.freedesktop.DBus.Properties"

	managerName  = "org.freedesktop.systemd1"
	managerPath  = "/org/freedesktop/systemd1"
	managerIface = "org.freedesktop.systemd1.Manager"
	unitIface    = "org.freedesktop.systemd1.Unit"
	unitPrefix   = "/org/freedesktop/systemd1/unit/"

	loginName  = "org.freedesktop.login1"
	loginPath  = "/org/freedesktop/login1"
	loginIface = "org.freedesktop.login1.Manager"

	clockName = "org.freedesktop.timedate1"
	clockPath = "/org/freedesktop/timedate1"
)

// link is one connection to a message bus. A call that is not answered in time
// breaks it: whoever watches over it connects anew.
type link struct {
	conn    *dbus.Conn
	raw     net.Conn
	private bool // the manager's own socket: no names, no matches, no senders
}

// close ends the connection. The socket goes first: godbus waits for a write
// under way.
func (l *link) close() {
	_ = l.raw.Close()
	_ = l.conn.Close()
}

// target is an object and one of its interfaces.
type target struct {
	name, path, iface string
	wake              bool // the service may be started to answer
}

func busObject() target     { return target{name: busName, path: busPath, iface: busName} }
func managerObject() target { return target{name: managerName, path: managerPath, iface: managerIface} }
func loginObject() target   { return target{name: loginName, path: loginPath, iface: loginIface} }

// call asks for something within callLimit and returns the answer's values.
func (l *link) call(ctx context.Context, to target, method string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := l.raw.SetWriteDeadline(deadline); err != nil {
		return nil, fmt.Errorf("call %s: %w", method, err)
	}
	flags := dbus.FlagNoAutoStart
	if to.wake {
		flags = 0
	}
	call := l.conn.Object(to.name, dbus.ObjectPath(to.path)).CallWithContext(ctx, to.iface+"."+method, flags, args...)
	if call.Err != nil {
		if _, answered := errors.AsType[dbus.Error](call.Err); !answered {
			_ = l.raw.Close() // half a message may be on the wire
		}
		return nil, fmt.Errorf("call %s: %w", method, call.Err)
	}
	return call.Body, nil
}

// store is call with the answer's values put into into.
func (l *link) store(ctx context.Context, to target, method string, args, into []any) error {
	body, err := l.call(ctx, to, method, args...)
	if err != nil {
		return err
	}
	if err := dbus.Store(body, into...); err != nil {
		return fmt.Errorf("answer to %s: %w", method, err)
	}
	return nil
}

// props are the properties of an interface. One that is missing, or of another
// type, is zero: which there are depends on the version of systemd.
type props map[string]dbus.Variant

func (l *link) props(ctx context.Context, of target) (props, error) {
	var p map[string]dbus.Variant
	from := of
	from.iface = properties
	err := l.store(ctx, from, "GetAll", []any{of.iface}, []any{&p})
	return p, err
}

// prop reads one property.
func (l *link) prop(ctx context.Context, of target, name string) (props, error) {
	var v dbus.Variant
	from := of
	from.iface = properties
	err := l.store(ctx, from, "Get", []any{of.iface, name}, []any{&v})
	return props{name: v}, err
}

func (p props) text(name string, limit int) string {
	s, _ := p[name].Value().(string)
	return safe(s, limit)
}

func (p props) number(name string) uint64 {
	switch n := p[name].Value().(type) {
	case uint64:
		return n
	case uint32:
		return uint64(n)
	case int32:
		return uint64(max(n, 0))
	default:
		return 0
	}
}

func (p props) truth(name string) bool {
	b, _ := p[name].Value().(bool)
	return b
}

// moment reads microseconds since 1970; 0 and what cannot be are no time.
func (p props) moment(name string) time.Time {
	n := p.number(name)
	if n == 0 || n > maxMicroseconds {
		return time.Time{}
	}
	return time.UnixMicro(int64(n)).UTC()
}

// span reads microseconds; what cannot be is 0.
func (p props) span(name string) time.Duration {
	n := p.number(name)
	if n > uint64(maxSpan/time.Microsecond) {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

const (
	maxMicroseconds = 253402300799 * 1000000 // the year 9999: RFC 3339 ends there
	maxSpan         = 100 * 365 * 24 * time.Hour
)

// match asks the bus for signals. On the manager's own socket all come unasked.
func (l *link) match(ctx context.Context, rules ...string) error {
	if l.private {
		return nil
	}
	for _, rule := range rules {
		if _, err := l.call(ctx, busObject(), "AddMatch", "type='signal',"+rule); err != nil {
			return err
		}
	}
	return nil
}

// ownerRule asks to be told when somebody else becomes the owner of name.
func ownerRule(name string) string {
	return "sender='" + busName + "',interface='" + busName + "',member='NameOwnerChanged',arg0='" + name + "'"
}

// owner is the connection that owns a name; "" is nobody. Anybody on the bus
// may send any signal to the agent alone, whatever it asked for; the name of
// the sender is the one thing that cannot be made up.
func (l *link) owner(ctx context.Context, name string) (string, error) {
	if l.private {
		return "", nil
	}
	var owner string
	err := l.store(ctx, busObject(), "GetNameOwner", []any{name}, []any{&owner})
	if errorName(err) == "org.freedesktop.DBus.Error.NameHasNoOwner" {
		return "", nil
	}
	return owner, err
}

// newOwner reads NameOwnerChanged of name.
func newOwner(s *dbus.Signal, name string) (owner string, ok bool) {
	if s.Sender != busName || s.Name != busName+".NameOwnerChanged" || len(s.Body) != 3 || s.Body[0] != any(name) {
		return "", false
	}
	owner, ok = s.Body[2].(string)
	return owner, ok
}

// signals starts to collect the signals. The channel ends with the connection.
func (l *link) signals() <-chan *dbus.Signal {
	ch := make(chan *dbus.Signal, 64)
	l.conn.Signal(ch)
	return ch
}

// errorName is the D-Bus name of an error that came as an answer, else "".
func errorName(err error) string {
	if e, ok := errors.AsType[dbus.Error](err); ok {
		return e.Name
	}
	return ""
}
