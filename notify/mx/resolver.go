package mx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
)

// Kind says what is looked up.
type Kind uint8

// The kinds.
const (
	MX      Kind = iota // the mail exchangers of a domain
	Address             // the addresses of a host, IPv4 and IPv6
)

// Record is what was found: an exchanger or an address.
type Record struct {
	Host       string // "." is the null MX (RFC 7505)
	Preference uint16 // the lowest goes first
	IP         netip.Addr
}

// The decisions that a Resolver's errors carry. Every other error is temporary.
var (
	// ErrNoDomain is for a name that does not exist (NXDOMAIN).
	ErrNoDomain = errors.New("the domain does not exist")
	// ErrNoRecord is for a name that exists and has nothing of the kind.
	ErrNoRecord = errors.New("there is no such record")
)

// Resolver looks names up. The name is a full one, without a dot at its end.
type Resolver interface {
	Lookup(ctx context.Context, kind Kind, name string) ([]Record, error)
}

// DNS is the resolver of resolv.conf(5). The zero value is ready.
type DNS struct {
	// Server is the address of a name server, "127.0.0.1:53", in place of
	// those of resolv.conf; empty means those.
	Server string
}

// Lookup asks for records. It never appends a search domain.
func (d DNS) Lookup(ctx context.Context, kind Kind, name string) ([]Record, error) {
	var last atomic.Int32 // the code of the last answer
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if d.Server != "" {
			address = d.Server
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, address)
		if udp, ok := conn.(*net.UDPConn); ok {
			return &listener{udp, &last}, nil
		}
		return conn, err
	}}
	records, err := lookup(ctx, resolver, kind, name+".")
	if failure, ok := errors.AsType[*net.DNSError](err); ok && failure.IsNotFound {
		// The resolver does not tell a name that does not exist from one
		// without such a record.
		if last.Load() == codeNoName {
			return nil, fmt.Errorf("look up %s: %w", name, ErrNoDomain)
		}
		return nil, fmt.Errorf("look up %s: %w", name, ErrNoRecord)
	}
	return records, err
}

func lookup(ctx context.Context, r *net.Resolver, kind Kind, name string) ([]Record, error) {
	var records []Record
	if kind == MX {
		found, err := r.LookupMX(ctx, name)
		for _, mx := range found { // those that are valid, also beside an error
			records = append(records, Record{Host: mx.Host, Preference: mx.Pref})
		}
		if len(records) > 0 {
			return records, nil
		}
		return nil, err
	}
	found, err := r.LookupNetIP(ctx, "ip", name)
	for _, ip := range found {
		records = append(records, Record{IP: ip.Unmap()})
	}
	return records, err
}

// listener is a connection to a name server that notes the code of each answer
// (RFC 1035 4.1.1). Over TCP none is noted: such a name counts as one that
// exists.
type listener struct {
	*net.UDPConn
	code *atomic.Int32
}

const codeNoName = 3

// Read reads one answer.
func (l *listener) Read(p []byte) (int, error) {
	n, err := l.UDPConn.Read(p)
	if n > 3 {
		l.code.Store(int32(p[3] & 0x0f))
	}
	return n, err
}
