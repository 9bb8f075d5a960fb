package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Dialer opens sessions. The zero value relies on the resolver alone.
type Dialer struct {
	// Addresses remembers where the servers were; may be nil.
	Addresses *Addresses
	// Log hears of an address that could not be kept; needed with Addresses.
	Log *slog.Logger
	// Tokens gives the access tokens of accounts with a Grant; nil gives none.
	Tokens Tokens
	// Resolve shows a Trace which addresses a server's name has. It is looked
	// up once more for that.
	Resolve bool
}

// Dial is the function Dial, and finds a server that the resolver cannot find
// where it last was.
func (d Dialer) Dial(ctx context.Context, s Server, trace Trace) (*Session, error) {
	session, err := d.login(ctx, s, trace, d.connect)
	if err == nil && d.Addresses != nil && s.Address == "" {
		if err := d.Addresses.remember(s.Host, session.peer, time.Now()); err != nil {
			d.Log.Warn("address of a mail server not kept", "err", err)
		}
	}
	return session, err
}

// resolvePatience is how long a server's name is looked up when it is known
// where it last was. While a machine goes down, its resolver goes first.
const resolvePatience = 2 * time.Second

// connect finds the server by its name, or else where it last was. Its
// certificate is checked by its name in any case.
func (d Dialer) connect(ctx context.Context, s Server, trace Trace) (net.Conn, error) {
	if trace != nil && d.Resolve && s.Address == "" {
		resolve(ctx, s.Host, trace)
	}
	last := ""
	if d.Addresses != nil && s.Address == "" {
		last = d.Addresses.recall(s.Host)
	}
	if last == "" {
		return dialTCP(ctx, s)
	}
	limited, cancel := context.WithTimeout(ctx, resolvePatience)
	_, err := net.DefaultResolver.LookupHost(limited, s.Host)
	cancel()
	if err == nil {
		var conn net.Conn
		if conn, err = dialTCP(ctx, s); err == nil {
			return conn, nil
		}
	}
	if _, unresolved := errors.AsType[*net.DNSError](err); !unresolved {
		return nil, err
	}
	at := s
	at.Host = last
	conn, lastErr := dialTCP(ctx, at)
	if lastErr != nil {
		return nil, fmt.Errorf("%w; and at its last address: %w", err, lastErr)
	}
	return conn, nil
}

// resolve tells a trace which addresses a host has. What comes of it is not
// used: the dial looks them up again.
func resolve(ctx context.Context, host string, trace Trace) {
	if _, err := netip.ParseAddr(host); err == nil {
		return // it needs no resolver
	}
	began := time.Now()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	text := host + " is at " + strings.Join(addresses, ", ")
	if err != nil {
		text = "look up " + host + ": " + err.Error()
	}
	trace(Step{Phase: PhaseResolve, Text: safe(text, 2*maxText), Took: time.Since(began)})
}

func dialTCP(ctx context.Context, s Server) (net.Conn, error) {
	var dialer net.Dialer
	if s.Source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(s.Source)}
	}
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(cmp.Or(s.Address, s.Host), strconv.Itoa(s.Port)))
}
