// Package mx delivers mail directly: to the mail exchangers that the domain of
// its recipients names (RFC 5321 5.1), without an account. It is a last resort.
package mx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"tocsin/notify/transport"
)

// How much of a domain's exchangers is tried.
const (
	maxHosts     = 5
	maxAddresses = 2 // of a host
)

// The decisions of where a domain's mail goes. They are for good, unlike all
// other errors.
var (
	// ErrNoMail is for a domain that says that it takes no mail (RFC 7505).
	ErrNoMail = errors.New("it takes no mail (null MX, RFC 7505)")
	// ErrLoop is for a domain whose mail would come back to this machine.
	ErrLoop = errors.New("its mail server is this machine: the mail would go in circles")
	// ErrDomain is for a domain that is none.
	ErrDomain = errors.New("it is no domain that mail can be sent to")
)

// errSource is for a mail server that can be reached over the other kind of
// address only.
var errSource = errors.New("it has no address of the kind of source_address")

// host is one place to deliver to.
type host struct {
	name    string
	address netip.Addr
}

// permanent says whether no later try will fare better.
func permanent(err error) bool {
	for _, decision := range []error{ErrNoMail, ErrLoop, ErrDomain, ErrNoDomain} {
		if errors.Is(err, decision) {
			return true
		}
	}
	return false
}

// route lists where the mail of a domain goes, the best first: the exchangers
// by preference, or the domain's own address when it names none.
func (s *Session) route(ctx context.Context, domain string) ([]host, error) {
	if strings.HasPrefix(domain, "[") {
		address, ok := transport.Literal(domain)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s: %w", domain, ErrDomain)
		case s.mine(address):
			return nil, fmt.Errorf("%s: %w", domain, ErrLoop)
		}
		return []host{{address.String(), address}}, nil
	}
	if !isDomain(domain) {
		return nil, fmt.Errorf("%q: %w", domain, ErrDomain)
	}
	names, err := s.exchangers(ctx, domain)
	if err != nil {
		return nil, err
	}
	return s.addresses(ctx, domain, names)
}

// exchangers lists the names of a domain's mail servers. It is the domain
// itself that takes its mail when it names nobody.
func (s *Session) exchangers(ctx context.Context, domain string) ([]string, error) {
	records, err := s.Resolver.Lookup(ctx, MX, domain)
	if errors.Is(err, ErrNoRecord) || err == nil && len(records) == 0 {
		return []string{domain}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the mail servers of %s: %w", domain, err)
	}
	// Those of one preference are taken in any order (RFC 5321 5.1).
	rand.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] }) //nolint:gosec // nothing secret
	slices.SortStableFunc(records, func(a, b Record) int { return cmp.Compare(a.Preference, b.Preference) })
	var names []string
	for _, r := range records {
		name := strings.ToLower(strings.TrimSuffix(r.Host, "."))
		if name != "" && !slices.Contains(names, name) && len(names) < maxHosts {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, fmt.Errorf("%s: %w", domain, ErrNoMail)
	}
	return names, nil
}

// addresses lists the addresses of mail servers. One that is this machine ends
// the list: those after it would only bring the mail back to it (RFC 5321 5.1).
func (s *Session) addresses(ctx context.Context, domain string, names []string) ([]host, error) {
	var hosts []host
	var failed error
	for _, name := range names {
		if strings.EqualFold(name, s.Server.Hello) {
			failed = cmp.Or(failed, ErrLoop)
			break
		}
		records, err := s.Resolver.Lookup(ctx, Address, name)
		if err != nil || len(records) == 0 {
			err = cmp.Or(err, ErrNoRecord)
			// The domain has said that this one takes its mail: that it is not
			// there is a mistake which somebody may mend.
			if name != domain && errors.Is(err, ErrNoDomain) {
				err = fmt.Errorf("the mail server %s does not exist", name)
			}
			failed = cmp.Or(failed, err)
			continue
		}
		if slices.ContainsFunc(records, func(r Record) bool { return s.mine(r.IP) }) {
			failed = cmp.Or(failed, ErrLoop)
			break
		}
		picked := s.reachable(records)
		if len(picked) == 0 {
			failed = cmp.Or(failed, errSource)
		}
		for _, address := range picked {
			hosts = append(hosts, host{name, address})
		}
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("find the mail servers of %s: %w", domain, cmp.Or(failed, ErrNoRecord))
	}
	return hosts, nil
}

// reachable picks the addresses of a host that are tried: the first one, and
// one of the other kind before another of the same. A source address reaches
// only its own kind.
func (s *Session) reachable(records []Record) []netip.Addr {
	source, err := netip.ParseAddr(s.Server.Source)
	var picked, rest []netip.Addr
	for _, r := range records {
		switch {
		case err == nil && source.Is4() != r.IP.Is4():
		case len(picked) == 0 || len(picked) == 1 && picked[0].Is4() != r.IP.Is4():
			picked = append(picked, r.IP)
		default:
			rest = append(rest, r.IP)
		}
	}
	picked = append(picked, rest...)
	return picked[:min(len(picked), maxAddresses)]
}

// Own says whether an address is this machine, or none that mail can be sent
// to: loopback, unspecified, multicast, or one of an interface.
func Own(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if !address.IsValid() || address.IsLoopback() || address.IsUnspecified() || address.IsMulticast() {
		return true
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(interfaces, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == address
	})
}

// isDomain says whether a name can be looked up (RFC 1035 2.3.4). One without a
// dot is no domain of the world.
func isDomain(name string) bool {
	if len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "."), func(label string) bool {
		return label == "" || len(label) > 63 || strings.IndexFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		}) >= 0
	})
}
