package mx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tocsin/notify/smtp"
)

// zone is a resolver of "MX example.com" and "A mail.example.com".
type zone map[string][]Record

func (z zone) Lookup(_ context.Context, kind Kind, name string) ([]Record, error) {
	records, known := z[[]string{"MX ", "A "}[kind]+name]
	switch {
	case known && records == nil:
		return nil, errors.New("the name server does not answer")
	case known:
		return records, nil
	case z["MX "+name] != nil || z["A "+name] != nil || z["TXT "+name] != nil:
		return nil, fmt.Errorf("look up %s: %w", name, ErrNoRecord)
	default:
		return nil, fmt.Errorf("look up %s: %w", name, ErrNoDomain)
	}
}

func at(addresses ...string) (records []Record) {
	for _, a := range addresses {
		records = append(records, Record{IP: netip.MustParseAddr(a)})
	}
	return records
}

func exchanger(preference uint16, name string) Record {
	return Record{Host: name, Preference: preference}
}

func testZone() zone {
	z := zone{
		"MX two.example":      {exchanger(20, "b.two.example."), exchanger(10, "A.two.example.")},
		"A a.two.example":     at("192.0.2.1"),
		"A b.two.example":     at("192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::1"),
		"A plain.example":     at("192.0.2.5"),
		"MX null.example":     {exchanger(0, ".")},
		"TXT nothing.example": {{}},
		"MX silent.example":   nil,
		"MX lost.example":     {exchanger(10, "gone.lost.example.")},
		"MX half.example":     {exchanger(10, "gone.half.example."), exchanger(20, "a.two.example.")},
		"MX late.example":     {exchanger(10, "slow.example.")},
		"A slow.example":      nil,
		"MX back.example":     {exchanger(10, "local.example.")},
		"A local.example":     at("192.0.2.9", "127.0.0.1"),
		"MX us.example":       {exchanger(5, "a.two.example."), exchanger(10, "web-1.example.com."), exchanger(20, "b.two.example.")},
		"MX mapped.example":   {exchanger(10, "mapped.example.")},
		"A mapped.example":    at("::ffff:127.0.0.1"),
		"MX zero.example":     {exchanger(10, "zero.example.")},
		"A zero.example":      at("0.0.0.0"),
	}
	for i := range 9 {
		z["MX many.example"] = append(z["MX many.example"], exchanger(10, fmt.Sprintf("m%d.example.", i)))
		z[fmt.Sprintf("A m%d.example", i)] = at(fmt.Sprintf("192.0.2.%d", 10+i), fmt.Sprintf("192.0.2.%d", 30+i), fmt.Sprintf("192.0.2.%d", 50+i))
	}
	return z
}

// isLoopback is Own on any machine.
func isLoopback(address netip.Addr) bool {
	return address.Unmap().IsLoopback() || address.IsUnspecified()
}

func TestRoute(t *testing.T) {
	for _, tt := range []struct{ domain, source, want string }{
		{"two.example", "", "a.two.example/192.0.2.1 b.two.example/192.0.2.2 b.two.example/2001:db8::1"},
		{"two.example", "198.51.100.1", "a.two.example/192.0.2.1 b.two.example/192.0.2.2 b.two.example/192.0.2.3"},
		{"two.example", "2001:db8::9", "b.two.example/2001:db8::1"},
		{"plain.example", "", "plain.example/192.0.2.5"},
		{"half.example", "", "a.two.example/192.0.2.1"},
		{"plain.example", "2001:db8::9", "find the mail servers of plain.example: it has no address of the kind of source_address"},
		{"us.example", "", "a.two.example/192.0.2.1"},
		{"[192.0.2.7]", "", "192.0.2.7/192.0.2.7"},
		{"[ipv6:2001:db8::7]", "", "2001:db8::7/2001:db8::7"},
		{"[127.0.0.1]", "", "for good: [127.0.0.1]: its mail server is this machine: the mail would go in circles"},
		{"[ipv6:::ffff:127.0.0.1]", "", "for good: [ipv6:::ffff:127.0.0.1]: its mail server is this machine: the mail would go in circles"},
		{"[192.0.2.7.8]", "", "for good: [192.0.2.7.8]: it is no domain that mail can be sent to"},
		{"[::1]", "", "for good: [::1]: it is no domain that mail can be sent to"},
		{"localhost", "", `for good: "localhost": it is no domain that mail can be sent to`},
		{"", "", `for good: "": it is no domain that mail can be sent to`},
		{"a..example", "", `for good: "a..example": it is no domain that mail can be sent to`},
		{"null.example", "", "for good: null.example: it takes no mail (null MX, RFC 7505)"},
		{"absent.example", "", "for good: find the mail servers of absent.example: look up absent.example: the domain does not exist"},
		{"back.example", "", "for good: find the mail servers of back.example: its mail server is this machine: the mail would go in circles"},
		{"mapped.example", "", "for good: find the mail servers of mapped.example: its mail server is this machine: the mail would go in circles"},
		{"zero.example", "", "for good: find the mail servers of zero.example: its mail server is this machine: the mail would go in circles"},
		{"nothing.example", "", "find the mail servers of nothing.example: look up nothing.example: there is no such record"},
		{"silent.example", "", "find the mail servers of silent.example: the name server does not answer"},
		{"late.example", "", "find the mail servers of late.example: the name server does not answer"},
		{"lost.example", "", "find the mail servers of lost.example: the mail server gone.lost.example does not exist"},
	} {
		s := Session{IsOwn: isLoopback, Resolver: testZone(), Server: smtp.Server{Hello: "web-1.example.com", Source: tt.source}}
		hosts, err := s.route(t.Context(), tt.domain)
		var words []string
		for _, h := range hosts {
			words = append(words, h.name+"/"+h.address.String())
		}
		got := strings.Join(words, " ")
		if err != nil {
			got = err.Error()
			if permanent(err) {
				got = "for good: " + got
			}
		}
		if got != tt.want {
			t.Errorf("%s from %q:\n got %s\nwant %s", tt.domain, tt.source, got, tt.want)
		}
	}
}

func TestRouteIsBounded(t *testing.T) {
	s := Session{IsOwn: isLoopback, Resolver: testZone()}
	firsts := map[string]bool{}
	for range 100 {
		hosts, err := s.route(t.Context(), "many.example")
		if err != nil || len(hosts) != maxHosts*maxAddresses {
			t.Fatalf("got %d places, %v, want %d", len(hosts), err, maxHosts*maxAddresses)
		}
		firsts[hosts[0].name] = true
	}
	if len(firsts) < 3 {
		t.Errorf("servers of one preference are always taken in the same order: %v", firsts)
	}
}

func TestOwn(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "0.0.0.0": true, "::": true, "224.0.0.1": true, "::ffff:127.0.0.1": true,
		"203.0.113.77": false, "2001:db8::1": false,
	} {
		if got := Own(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %t", address, got)
		}
	}
	if !Own(netip.Addr{}) {
		t.Error("no address is fit to be sent to")
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range interfaces {
		if prefix := netip.MustParsePrefix(a.String()); !Own(prefix.Addr()) {
			t.Errorf("%s is an address of this machine", prefix.Addr())
		}
	}
}

// FuzzRoute: whatever a domain is and its name server says, what comes out is
// bounded and never this machine.
func FuzzRoute(f *testing.F) {
	f.Add("example.com", "mail.example.com.", "192.0.2.1", uint16(10))
	f.Add("[192.0.2.1]", ".", "::1", uint16(0))
	f.Add("[IPv6:fe80::1%eth0]", "..", "", uint16(0))
	f.Fuzz(func(t *testing.T, domain, name, address string, preference uint16) {
		ip, _ := netip.ParseAddr(address)
		z := zone{"MX " + domain: {exchanger(preference, name), exchanger(0, domain)}, "A " + strings.ToLower(strings.TrimSuffix(name, ".")): {{IP: ip}}, "A " + domain: {{IP: ip}}}
		s := Session{Resolver: z}
		hosts, err := s.route(t.Context(), domain)
		if (err == nil) != (len(hosts) > 0) || len(hosts) > maxHosts*maxAddresses {
			t.Fatalf("got %d places, %v", len(hosts), err)
		}
		if slices.ContainsFunc(hosts, func(h host) bool { return Own(h.address) }) {
			t.Fatalf("got this machine: %v", hosts)
		}
	})
}
