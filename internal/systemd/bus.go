package systemd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Bus says where the message bus is. The zero value is the machine's own.
type Bus struct {
	// System is the D-Bus address of the system bus (unix:path=… or
	// unix:abstract=…, several with a semicolon between them). "" is
	// DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket.
	System string
	// Private is the address of the service manager's own socket, which root
	// may use when there is no message bus. "" is /run/systemd/private.
	Private string
}

// The time that the bus is given. One that answers at all does so within
// milliseconds.
const (
	connectLimit = 3 * time.Second
	callLimit    = 5 * time.Second
)

// errNoBus says that no message bus could be reached.
var errNoBus = errors.New("no message bus")

func (b Bus) system() string {
	if b.System != "" {
		return b.System
	}
	if address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" {
		return address
	}
	return "unix:path=/run/dbus/system_bus_socket"
}

func (b Bus) private() string {
	if b.Private != "" {
		return b.Private
	}
	return "unix:path=/run/systemd/private"
}

// files says whether a connection may be sent open files.
type files bool

const (
	// noFiles is for every connection that lives on: anybody on the system bus
	// may send a signal with files attached, which nobody would close.
	noFiles   files = false
	withFiles files = true
)

// dial connects to the system bus.
func (b Bus) dial(ctx context.Context, f files) (*link, error) {
	return connect(ctx, b.system(), f, (*dbus.Conn).Hello)
}

// dialManager connects to the service manager: over the system bus or, where
// there is none, over its private socket, which only root may use and which
// knows no Hello, no matches and no names.
func (b Bus) dialManager(ctx context.Context) (*link, error) {
	l, err := b.dial(ctx, noFiles)
	if err == nil {
		return l, nil
	}
	p, privateErr := b.dialPrivate(ctx)
	if privateErr != nil {
		return nil, fmt.Errorf("%w; private socket: %w", err, privateErr)
	}
	return p, nil
}

func (b Bus) dialPrivate(ctx context.Context) (*link, error) {
	l, err := connect(ctx, b.private(), noFiles, nudge)
	if err != nil {
		return nil, err
	}
	l.private = true
	return l, nil
}

// How often the manager is spoken to on its private socket until it answers,
// and how long each time.
const (
	nudges     = 100
	nudgeEvery = 20 * time.Millisecond
)

// nudge makes sure that the manager listens. What comes right behind the end of
// the authentication it leaves in its buffer until something else comes: every
// tenth question or so was never answered (measured on 252).
func nudge(conn *dbus.Conn) error {
	answered := make(chan *dbus.Call, nudges)
	for range nudges {
		conn.Object(managerName, managerPath).Go("org.freedesktop.DBus.Peer.Ping", 0, answered)
		select {
		case call := <-answered:
			return call.Err
		case <-time.After(nudgeEvery):
		}
	}
	return errors.New("it does not answer")
}

// connect dials an address, proves who the process is and calls hello, all
// within connectLimit.
func connect(ctx context.Context, address string, f files, hello func(*dbus.Conn) error) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	raw, err := dialAny(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoBus, err)
	}
	// A bus that hangs, or a ctx that ends, closes the socket: godbus itself
	// would wait for ever.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, err := shake(raw, f, hello)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		if ended := ctx.Err(); ended != nil {
			err = ended // says more than "use of closed connection"
		}
		return nil, fmt.Errorf("%w: connect %q: %w", errNoBus, safe(address, maxWord), err)
	}
	return &link{conn: conn, raw: raw}, nil
}

func shake(raw *net.UnixConn, f files, hello func(*dbus.Conn) error) (*dbus.Conn, error) {
	// Signals in order: two goroutines may not race a unit's failure with its
	// recovery.
	inOrder := dbus.WithSignalHandler(dbus.NewSequentialSignalHandler())
	var conn *dbus.Conn
	var err error
	if f == withFiles {
		conn, err = dbus.DialUnix(raw, inOrder)
	} else {
		conn, err = dbus.NewConn(buffered{raw, bufio.NewReader(raw)}, inOrder)
	}
	if err != nil {
		return nil, err
	}
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := hello(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// buffered saves the many small reads of a message's parts.
type buffered struct {
	*net.UnixConn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// dialAny tries the addresses in turn.
func dialAny(ctx context.Context, addresses string) (*net.UnixConn, error) {
	var errs []error
	for address := range strings.SplitSeq(addresses, ";") {
		path, err := socketPath(address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if local, ok := conn.(*net.UnixConn); ok {
			return local, nil
		}
	}
	return nil, errors.Join(errs...)
}

// socketPath is the socket that a D-Bus address names, with @ before an
// abstract one. Other transports than unix are refused: the agent talks to the
// machine it runs on.
func socketPath(address string) (string, error) {
	keys, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return "", fmt.Errorf("bus address %q: only unix sockets are spoken to", safe(address, maxWord))
	}
	for pair := range strings.SplitSeq(keys, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if key != "path" && key != "abstract" {
			continue
		}
		name, err := dbus.UnescapeBusAddressValue(value)
		switch {
		case err != nil:
			return "", fmt.Errorf("bus address %q: %w", safe(address, maxWord), err)
		case name == "":
			continue
		case key == "abstract":
			return "@" + name, nil
		}
		return name, nil
	}
	return "", fmt.Errorf("bus address %q: it names no socket", safe(address, maxWord))
}
