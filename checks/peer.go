package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

func hostKind() Kind {
	return Kind{
		Name: "host",
		Doc:  "one host of the network: its name looked up and, with a port, a TCP connection made and closed again",
		Attributes: []Attribute{
			{Name: "address", Doc: "name of the host, or its IP address, which no resolver is asked for", Required: true, Valid: validAddress},
			{Name: "port", Type: "number", Doc: "TCP port to connect to, 1 to 65535; without it the name is looked up and no more", Valid: validPort},
		},
		Metrics: []Metric{
			{Name: "address", Unit: Word, Doc: "the addresses found, sorted, with blanks between them, hosts(5) and DNS"},
			{Name: "addresses", Unit: Count, Doc: "how many addresses were found, hosts(5) and DNS"},
			{Name: "connect.time", Unit: Seconds, Doc: "from the look-up to the connection, over all addresses that were tried, connect(2)"},
			{Name: "lookup.time", Unit: Seconds, Doc: "the look-up of the name, 0 for an IP address, hosts(5) and DNS"},
			{Name: "reachable", Unit: Truth, Doc: "the name was found and, with a port, one address took the connection in time, connect(2)", Failed: "Connection failed", Recovered: "Connection succeeded"},
			{Name: "reason", Unit: Word, Doc: "why it is not reachable, empty when it is, hosts(5), DNS and connect(2)"},
			{Name: "response.time", Unit: Seconds, Doc: "lookup.time and connect.time together, hosts(5), DNS and connect(2)"},
		},
		Open: openPeer,
	}
}

// maxTries is how many addresses of one name are tried.
const maxTries = 8

// maxName is how long the name of a host may be (RFC 1035 2.3.4, without the
// final dot).
const maxName = 253

// validAddress says what is wrong with the attribute "address". Names are taken
// as they are common, with underscores and a final dot.
func validAddress(text string) error {
	if ip, err := netip.ParseAddr(text); err == nil && !strings.ContainsFunc(ip.Zone(), notInZone) {
		return nil
	}
	name := strings.TrimSuffix(text, ".")
	switch {
	case name == "":
		return errors.New("address is empty: write a name such as \"db.example.com\" or an IP address")
	case strings.Contains(text, "://"), strings.Contains(text, "/"):
		return fmt.Errorf("address %q is a URL: write the name of the host alone", text)
	case strings.Count(text, ":") == 1, strings.HasPrefix(text, "["):
		return fmt.Errorf("address %q has a port or brackets: write the name or the IP address alone, and the port as \"port\"", text)
	case len(name) > maxName:
		return fmt.Errorf("address of %d bytes is too long: the limit is %d", len(name), maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.ContainsFunc(label, notInName) {
			return fmt.Errorf("address %q is neither an IP address nor the name of a host: letters, digits, \"-\" and \"_\" between dots, at most 63 each", text)
		}
	}
	return nil
}

func notInName(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '-' && r != '_'
}

// notInZone is for the name of a network interface.
func notInZone(r rune) bool { return notInName(r) && r != '.' && r != '@' }

// validPort says what is wrong with the attribute "port".
func validPort(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return fmt.Errorf("port %q is not a number from 1 to 65535", text)
	}
	return nil
}

// peerReader reads one host. What it asks is replaced by tests.
type peerReader struct {
	spec    Spec
	name    string
	port    string
	resolve func(ctx context.Context, network, name string) ([]netip.Addr, error)
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

var _ Reader = (*peerReader)(nil)

func openPeer(_ *Host, s Spec) (Reader, error) {
	name, port := s.Attributes.Of("address"), s.Attributes.Of("port")
	if err := validAddress(name); err != nil {
		return nil, fmt.Errorf("open host check %q: %w", s.Name, err)
	}
	if _, given := s.Attributes.Find("port"); given {
		if err := validPort(port); err != nil {
			return nil, fmt.Errorf("open host check %q: %w", s.Name, err)
		}
	}
	return &peerReader{
		spec: s, name: name, port: port,
		// The C library's resolver cannot be called off.
		resolve: (&net.Resolver{PreferGo: true}).LookupNetIP,
		dial:    (&net.Dialer{KeepAlive: -1}).DialContext,
	}, nil
}

// visit is what came of one try to reach a host.
type visit struct {
	found           []netip.Addr // sorted
	lookup, connect time.Duration
	err             error // why it is not reachable
}

// Read looks the name up and connects. A name that is not found, a resolver
// that does not answer and a connection that is refused or takes too long are a
// reading with reachable=false; when no rule asks for that metric, they are the
// error of those that have no value. What this machine lacks, such as file
// descriptors, is an error: it says nothing of the other.
func (r *peerReader) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("reach host %q: %w", r.name, err)
	}
	d := newDraft(r.spec)
	if !wantsAny(r.spec.Metrics, metricNames(hostKind().Metrics)) {
		return d.reading, nil
	}
	limited, cancel := early(ctx)
	defer cancel()
	v := r.visit(limited)
	switch {
	case ctx.Err() != nil:
		return tocsin.Reading{}, fmt.Errorf("reach host %q: %w", r.name, ctx.Err())
	case ours(v.err):
		return tocsin.Reading{}, fmt.Errorf("reach host %q: %w", r.name, v.err)
	}
	r.describe(d, v)
	return d.reading, nil
}

// ours says whether it is this machine that lacks something.
func ours(err error) bool {
	for _, lacking := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS} {
		if errors.Is(err, lacking) {
			return true
		}
	}
	return false
}

func (r *peerReader) visit(ctx context.Context) visit {
	var v visit
	began := time.Now()
	addresses, err := r.addresses(ctx)
	if _, parseErr := netip.ParseAddr(r.name); parseErr != nil {
		v.lookup = time.Since(began)
	}
	if err != nil {
		v.err = lookupError(r.name, err)
		return v
	}
	v.found = slices.Clone(addresses)
	slices.SortFunc(v.found, netip.Addr.Compare)
	v.found = slices.Compact(v.found)
	if r.port == "" {
		return v
	}
	began = time.Now()
	v.err = r.connect(ctx, addresses[:min(len(addresses), maxTries)])
	v.connect = time.Since(began)
	return v
}

// addresses is what the name stands for, at least one, in the order in which
// they are to be tried (RFC 6724).
func (r *peerReader) addresses(ctx context.Context) ([]netip.Addr, error) {
	if literal, err := netip.ParseAddr(r.name); err == nil {
		return []netip.Addr{literal}, nil
	}
	found, err := r.resolve(ctx, "ip", r.name)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	if len(found) == 0 {
		return nil, errors.New("no address")
	}
	return found, nil
}

// connect tries the addresses in turn until one takes the connection. Each has
// its share of the time that is left.
func (r *peerReader) connect(ctx context.Context, addresses []netip.Addr) error {
	var reasons []error
	for i, address := range addresses {
		err := r.knock(ctx, address, len(addresses)-i)
		if err == nil {
			return nil
		}
		reasons = append(reasons, err)
		if ctx.Err() != nil {
			break
		}
	}
	return joined(reasons)
}

// knock connects to one address and hangs up.
func (r *peerReader) knock(ctx context.Context, address netip.Addr, left int) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	to := net.JoinHostPort(address.String(), r.port)
	conn, err := r.dial(ctx, "tcp", to)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", to, dialCause(err))
	}
	_ = conn.Close() // nothing was written
	return nil
}

// describe turns a visit into a reading.
func (r *peerReader) describe(d *draft, v visit) {
	d.truth("reachable", v.err == nil)
	d.number("addresses", float64(len(v.found)))
	if len(v.found) > 0 {
		texts := make([]string, len(v.found))
		for i, address := range v.found {
			texts[i] = address.String()
		}
		d.text("address", strings.Join(texts, " "))
	}
	if v.err != nil {
		d.text("reason", v.err.Error())
		if !d.wanted["reachable"] && d.wanted != nil {
			d.fail(v.err, "connect.time", "response.time")
			if len(v.found) == 0 {
				d.fail(v.err, "address", "lookup.time")
			}
		}
		if len(v.found) > 0 {
			d.number("lookup.time", v.lookup.Seconds())
		}
		return
	}
	d.text("reason", "")
	d.number("lookup.time", v.lookup.Seconds())
	if r.port != "" {
		d.number("connect.time", v.connect.Seconds())
	}
	d.number("response.time", (v.lookup + v.connect).Seconds())
}

// lookupError says why a name was not found. net's own text names the server
// that was asked, with another port each time, which would be a change.
func lookupError(name string, err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case dns.IsNotFound:
			return fmt.Errorf("look up %s: no such host", name)
		case dns.IsTimeout:
			return fmt.Errorf("look up %s: the resolver does not answer in time", name)
		}
		return fmt.Errorf("look up %s: the resolver failed: %s", name, dns.Err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("look up %s: the resolver does not answer in time", name)
	}
	return fmt.Errorf("look up %s: %w", name, err)
}

// dialCause leaves out the addresses that net repeats.
func dialCause(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	case errors.Is(err, unix.ECONNREFUSED):
		return unix.ECONNREFUSED
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// joined is errors.Join on one line.
func joined(reasons []error) error {
	if len(reasons) == 1 {
		return reasons[0]
	}
	var all error
	for _, reason := range reasons {
		if all == nil {
			all = reason
			continue
		}
		all = fmt.Errorf("%w; %w", all, reason)
	}
	return all
}
