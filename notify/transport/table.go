// Package transport says which mail servers take the mail to a recipient's
// domain, as Postfix's transport(5) and the remote domains of IIS do.
package transport

import (
	"net/netip"
	"slices"
	"strings"

	"tocsin/notify/spool"
)

// Table maps a domain to the mail servers, in order, that its mail takes in
// place of those of the mail block. The key "example.com" is that domain alone,
// ".example.com" every domain below it; the longest one that matches wins. Keys
// are in lower case, without a dot at the end. The zero value routes nothing.
type Table map[string][]string

// Domain is the part of an address that says where it goes, in lower case and
// without the dot at its end: "example.com", or an address literal in brackets
// (RFC 5321 4.1.3). It is empty when the address has none.
func Domain(address string) string {
	return strings.ToLower(strings.TrimSuffix(address[strings.LastIndexByte(address, '@')+1:], "."))
}

// Servers lists the mail servers for a recipient; nil when its domain has no
// route of its own.
func (t Table) Servers(address string) []string {
	if len(t) == 0 {
		return nil
	}
	domain := Domain(address)
	if servers, ok := t[domain]; ok {
		return servers
	}
	if strings.HasPrefix(domain, "[") {
		return nil // the dots of an address literal are no domains
	}
	for {
		dot := strings.IndexByte(domain, '.')
		if dot < 0 {
			return nil
		}
		if servers, ok := t[domain[dot:]]; ok {
			return servers
		}
		domain = domain[dot+1:]
	}
}

// Split makes a target a route: each address is in exactly one of them, in its
// order, and each of them takes one way.
func (t Table) Split(target spool.Target) []spool.Target {
	var parts []spool.Target
	var ways [][]string
	for _, address := range target.Addresses {
		way := t.Servers(address)
		i := slices.IndexFunc(ways, func(known []string) bool { return slices.Equal(known, way) })
		if i < 0 {
			i = len(ways)
			part := target
			part.Addresses = nil
			ways, parts = append(ways, way), append(parts, part)
		}
		parts[i].Addresses = append(parts[i].Addresses, address)
	}
	return parts
}

// SplitAll is Split for each of several targets.
func (t Table) SplitAll(targets []spool.Target) []spool.Target {
	if len(t) == 0 {
		return targets
	}
	var parts []spool.Target
	for _, target := range targets {
		parts = append(parts, t.Split(target)...)
	}
	return parts
}

// Together lists those of the addresses that can be in one transaction with
// lead: they have the same route, and with oneDomain also the same domain.
func (t Table) Together(addresses []string, lead string, oneDomain bool) []string {
	if len(t) == 0 && !oneDomain {
		return addresses
	}
	way, domain := t.Servers(lead), Domain(lead)
	var together []string
	for _, address := range addresses {
		if slices.Equal(t.Servers(address), way) && (!oneDomain || Domain(address) == domain) {
			together = append(together, address)
		}
	}
	return together
}

// Names says whether a domain has a route through the mail server.
func (t Table) Names(server string) bool {
	for _, servers := range t {
		if slices.Contains(servers, server) {
			return true
		}
	}
	return false
}

// Literal is the address of a domain that is an address literal, "[192.0.2.1]"
// or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3).
func Literal(domain string) (netip.Addr, bool) {
	inner, ok := strings.CutPrefix(domain, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !closed {
		return netip.Addr{}, false
	}
	six := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
	if six {
		inner = inner[5:]
	}
	address, err := netip.ParseAddr(inner)
	return address, err == nil && address.Zone() == "" && address.Is4() == !six
}
