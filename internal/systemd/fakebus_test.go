package systemd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience bounds every wait of a test; it only runs out when one fails.
const patience = 20 * time.Second

// answer makes the answer to a method call.
type answer func(args []any) ([]any, *dbus.Error)

// fakeBus is a message bus that answers from a table and sends what a test
// wants sent. It is at once the bus and everybody on it.
type fakeBus struct {
	t        *testing.T
	name     string // of its socket
	listener net.Listener
	calls    chan string // "iface.Method" of each call, dropped when nobody reads

	mu      sync.Mutex
	methods map[string]answer         // "path iface.Method"
	props   map[string]map[string]any // "path iface"
	owners  map[string]string
	conns   map[*fakeConn]bool
	hang    bool // accept, then say nothing
}

// fakeConn is one client.
type fakeConn struct {
	*net.UnixConn
	in  *bufio.Reader
	mu  sync.Mutex // of writes
	hub bool       // it has asked for signals
}

const (
	fakeLogin   = ":1.7"
	fakeManager = ":1.1"
)

func newFakeBus(t *testing.T) *fakeBus {
	t.Helper()
	b := &fakeBus{
		t: t, calls: make(chan string, 4096),
		methods: map[string]answer{}, props: map[string]map[string]any{}, conns: map[*fakeConn]bool{},
		owners: map[string]string{loginName: fakeLogin, managerName: fakeManager},
	}
	b.listen()
	t.Cleanup(func() {
		b.listener.Close()
		b.drop()
	})
	return b
}

func (b *fakeBus) bus() Bus {
	return Bus{System: b.address(), Private: "unix:path=/nonexistent"}
}

// address is that of an abstract socket, whose name the kernel chose.
func (b *fakeBus) address() string { return "unix:abstract=" + strings.TrimPrefix(b.name, "@") }

func (b *fakeBus) listen() {
	listener, err := net.Listen("unix", b.name)
	if err != nil {
		b.t.Fatal(err)
	}
	b.listener, b.name = listener, listener.Addr().String()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			conn := &fakeConn{UnixConn: c.(*net.UnixConn), in: bufio.NewReader(c)}
			b.mu.Lock()
			b.conns[conn] = true
			hang := b.hang
			b.mu.Unlock()
			if !hang {
				go b.serve(conn)
			}
		}
	}()
}

// drop ends all connections, as a restart of the bus does.
func (b *fakeBus) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.Close()
	}
	clear(b.conns)
}

func (b *fakeBus) on(path, method string, a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.methods[path+" "+method] = a
}

func (b *fakeBus) set(path, iface, name string, value any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := path + " " + iface
	if b.props[key] == nil {
		b.props[key] = map[string]any{}
	}
	b.props[key][name] = value
}

func (b *fakeBus) own(name, owner string) {
	b.mu.Lock()
	old := b.owners[name]
	b.owners[name] = owner
	b.mu.Unlock()
	b.signal(busName, busPath, busName+".NameOwnerChanged", name, old, owner)
}

// signal sends a signal to all that have asked for any.
func (b *fakeBus) signal(sender, path, name string, body ...any) {
	b.t.Helper()
	dot := strings.LastIndexByte(name, '.')
	msg := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath(path)),
		dbus.FieldInterface: dbus.MakeVariant(name[:dot]),
		dbus.FieldMember:    dbus.MakeVariant(name[dot+1:]),
		dbus.FieldSender:    dbus.MakeVariant(sender),
	}, Body: body}
	if len(body) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		if c.hub {
			c.send(msg)
		}
	}
}

// await waits until method has been called.
func (b *fakeBus) await(method string) {
	b.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case called := <-b.calls:
			if called == method {
				return
			}
		case <-timeout:
			b.t.Fatalf("%s was not called", method)
		}
	}
}

func (c *fakeConn) send(msg *dbus.Message) {
	var buf bytes.Buffer
	if n, err := msg.CountFds(); err == nil && n > 0 {
		msg.Headers[dbus.FieldUnixFDs] = dbus.MakeVariant(uint32(n))
	}
	fds, err := msg.EncodeToWithFDs(&buf, binary.LittleEndian)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(fds) == 0 {
		c.Write(buf.Bytes())
		return
	}
	rights := syscall.UnixRights(fds...)
	c.WriteMsgUnix(buf.Bytes(), rights, nil)
}

// serve is the server's half of the handshake (D-Bus specification,
// Authentication Protocol) and then the calls.
func (b *fakeBus) serve(c *fakeConn) {
	defer func() {
		b.mu.Lock()
		delete(b.conns, c)
		b.mu.Unlock()
		c.Close()
	}()
	if _, err := c.in.ReadByte(); err != nil {
		return
	}
	replies := map[string]string{
		"AUTH": "REJECTED EXTERNAL", "AUTH EXTERNAL": "DATA", "DATA": "OK 1234567890", "NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD",
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		if line == "BEGIN" {
			break
		}
		c.Write([]byte(replies[line] + "\r\n"))
	}
	var held *dbus.Message // as the manager's own socket holds what comes right behind BEGIN
	for first := true; ; first = false {
		msg, err := dbus.DecodeMessage(c.in)
		if err != nil {
			return
		}
		if member, _ := msg.Headers[dbus.FieldMember].Value().(string); first && member == "Ping" {
			held = msg
			continue
		}
		if held != nil {
			b.reply(c, held)
			held = nil
		}
		if msg.Type == dbus.TypeMethodCall {
			b.reply(c, msg)
		}
	}
}

func (b *fakeBus) reply(c *fakeConn, call *dbus.Message) {
	field := func(f dbus.HeaderField) string {
		s, _ := call.Headers[f].Value().(string)
		return s
	}
	path, _ := call.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	method := field(dbus.FieldInterface) + "." + field(dbus.FieldMember)
	body, failed := b.result(c, string(path), method, call.Body)
	msg := &dbus.Message{Type: dbus.TypeMethodReply, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()),
		dbus.FieldSender:      dbus.MakeVariant(fakeLogin),
	}}
	if failed != nil {
		msg.Type, msg.Body = dbus.TypeError, failed.Body
		msg.Headers[dbus.FieldErrorName] = dbus.MakeVariant(failed.Name)
	}
	if len(msg.Body) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(msg.Body...))
	}
	c.send(msg)
	for _, v := range msg.Body {
		if fd, ok := v.(dbus.UnixFD); ok {
			os.NewFile(uintptr(fd), "sent").Close()
		}
	}
	select {
	case b.calls <- method:
	default:
	}
}

func (b *fakeBus) result(c *fakeConn, path, method string, args []any) ([]any, *dbus.Error) {
	b.mu.Lock()
	special, ok := b.methods[path+" "+method]
	b.mu.Unlock()
	if ok {
		return special(args)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch method {
	case busName + ".Hello":
		return []any{":1.99"}, nil
	case busName + ".Peer.Ping":
		return nil, nil
	case busName + ".AddMatch":
		c.hub = true
		return nil, nil
	case busName + ".GetNameOwner":
		if owner := b.owners[args[0].(string)]; owner != "" {
			return []any{owner}, nil
		}
		return nil, dbus.NewError("org.freedesktop.DBus.Error.NameHasNoOwner", []any{"nobody"})
	case properties + ".GetAll":
		all := map[string]dbus.Variant{}
		known, ok := b.props[path+" "+args[0].(string)]
		if !ok {
			return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", []any{"no such object"})
		}
		for name, value := range known {
			all[name] = dbus.MakeVariant(value)
		}
		return []any{all}, nil
	case properties + ".Get":
		if value, ok := b.props[path+" "+args[0].(string)][args[1].(string)]; ok {
			return []any{dbus.MakeVariant(value)}, nil
		}
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", []any{"no such property"})
	}
	return nil, dbus.NewError("org.freedesktop.DBus.Error.ServiceUnknown", []any{"The name " + method + " was not provided"})
}

// next waits for a value.
func next[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v, ok := <-ch:
		if !ok {
			t.Fatalf("%s: ended", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("%s: did not come", what)
	}
	panic("not reached")
}
