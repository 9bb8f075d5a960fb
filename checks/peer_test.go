package checks

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// reach is a reader of a host whose resolver and network are made up.
func reach(t *testing.T, port string, found []string, lookupErr error, dials map[string]error, metrics ...string) *peerReader {
	t.Helper()
	attributes := map[string]string{"address": "db.example.com"}
	if port != "" {
		attributes["port"] = port
	}
	r := open(t, nil, "host", attributes, metrics...).(*peerReader)
	r.resolve = func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
		if errors.Is(lookupErr, context.DeadlineExceeded) {
			<-ctx.Done()
			return nil, &net.DNSError{Err: "i/o timeout", Name: "db.example.com", Server: "127.0.0.53:53", IsTimeout: true}
		}
		time.Sleep(20 * time.Millisecond)
		var out []netip.Addr
		for _, text := range found {
			out = append(out, netip.MustParseAddr(text))
		}
		return out, lookupErr
	}
	r.dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		err := dials[address]
		if errors.Is(err, context.DeadlineExceeded) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		}
		time.Sleep(30 * time.Millisecond)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
		here, there := net.Pipe()
		_ = there.Close()
		return here, nil
	}
	return r
}

func TestReachAHost(t *testing.T) {
	two := []string{"10.0.0.2", "10.0.0.1"}
	tests := []struct {
		name, port string
		found      []string
		lookup     error
		dials      map[string]error
		want       map[string]string
	}{
		{"name alone", "", two, nil, nil, map[string]string{"reachable": "true", "reason": "", "address": "10.0.0.1 10.0.0.2", "addresses": "2", "lookup.time": "0.02", "connect.time": "", "response.time": "0.02"}},
		{"connected", "5432", two, nil, nil, map[string]string{"reachable": "true", "reason": "", "lookup.time": "0.02", "connect.time": "0.03", "response.time": "0.05"}},
		{"mapped and twice", "", []string{"::ffff:10.0.0.1", "10.0.0.1"}, nil, nil, map[string]string{"address": "10.0.0.1", "addresses": "1"}},
		{
			"the second takes it", "5432", two, nil,
			map[string]error{"10.0.0.2:5432": syscall.ECONNREFUSED},
			map[string]string{"reachable": "true", "reason": "", "connect.time": "0.06"},
		},
		{
			"the first is silent", "5432", two, nil,
			map[string]error{"10.0.0.2:5432": context.DeadlineExceeded},
			map[string]string{"reachable": "true", "reason": "", "connect.time": "4.77"},
		},
		{
			"refused and silent", "5432", two, nil,
			map[string]error{"10.0.0.2:5432": syscall.ECONNREFUSED, "10.0.0.1:5432": context.DeadlineExceeded},
			map[string]string{
				"reachable": "false", "reason": "connect to 10.0.0.2:5432: connection refused; connect to 10.0.0.1:5432: no answer in time",
				"address": "10.0.0.1 10.0.0.2", "lookup.time": "0.02", "connect.time": "", "response.time": "",
			},
		},
		{
			"no route", "25", two[:1], nil,
			map[string]error{"10.0.0.2:25": syscall.EHOSTUNREACH},
			map[string]string{"reachable": "false", "reason": "connect to 10.0.0.2:25: no route to host"},
		},
		{
			"no such name", "5432", nil, &net.DNSError{Err: "no such host", Name: "db.example.com", Server: "1.2.3.4:53", IsNotFound: true}, nil,
			map[string]string{"reachable": "false", "reason": "look up db.example.com: no such host", "address": "", "addresses": "0", "lookup.time": "", "response.time": ""},
		},
		{
			"silent resolver", "", nil, context.DeadlineExceeded, nil,
			map[string]string{"reachable": "false", "reason": "look up db.example.com: the resolver does not answer in time"},
		},
		{
			"broken resolver", "", nil, &net.DNSError{Err: "server misbehaving", Server: "1.2.3.4:53"}, nil,
			map[string]string{"reachable": "false", "reason": "look up db.example.com: the resolver failed: server misbehaving"},
		},
		{"nothing found", "", nil, nil, nil, map[string]string{"reachable": "false", "reason": "look up db.example.com: no address"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				got, err := reach(t, tt.port, tt.found, tt.lookup, tt.dials).Read(ctx)
				if err != nil || len(got.Errors) > 0 {
					t.Fatalf("got %v, %v, want no error", err, got.Errors)
				}
				wantValues(t, got, tt.want)
			})
		})
	}
}

// TestWhatOnlyThisMachineLacks wants no verdict on the other.
func TestWhatOnlyThisMachineLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reach(t, "25", []string{"10.0.0.1"}, nil, map[string]error{"10.0.0.1:25": unix.EMFILE})
		_, err := r.Read(t.Context())
		if want := `reach host "db.example.com": connect to 10.0.0.1:25: too many open files`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// TestUnreachableIsToldOnce wants an error of what is asked for, unless a rule
// asks whether the host is reachable.
func TestUnreachableIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := map[string]error{"10.0.0.1:25": syscall.ECONNREFUSED}
		got, err := reach(t, "25", []string{"10.0.0.1"}, nil, dials, "response.time").Read(t.Context())
		if err != nil || len(got.Values) > 0 || len(got.Errors) != 1 || got.Errors["response.time"].Error() != "connect to 10.0.0.1:25: connection refused" {
			t.Errorf("got %v, %v, %v, want an error of response.time", got.Values, got.Errors, err)
		}
		got, err = reach(t, "25", []string{"10.0.0.1"}, nil, dials, "response.time", "reachable").Read(t.Context())
		if err != nil || len(got.Errors) > 0 || len(got.Values) != 1 || got.Values.Of("reachable").Truth() {
			t.Errorf("got %v, %v, %v, want reachable=false alone", got.Values, got.Errors, err)
		}
	})
}

// TestRealPorts connects for real: to one that listens, and to one that did.
func TestRealPorts(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, nil, "host", map[string]string{"address": "127.0.0.1", "port": port})
	wantValues(t, read(t, r), map[string]string{"reachable": "true", "reason": "", "address": "127.0.0.1", "addresses": "1", "lookup.time": "0"})
	listener.Close()
	wantValues(t, read(t, r), map[string]string{"reachable": "false", "reason": "connect to 127.0.0.1:" + port + ": connection refused"})
}

func TestValidAddress(t *testing.T) {
	for _, good := range []string{"db", "db.example.com", "db.example.com.", "_ldap._tcp", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "xn--mller-kva.de"} {
		if err := validAddress(good); err != nil {
			t.Errorf("got %v of %q, want none", err, good)
		}
	}
	for bad, want := range map[string]string{
		"":                              `address is empty: write a name such as "db.example.com" or an IP address`,
		".":                             `address is empty: write a name such as "db.example.com" or an IP address`,
		"https://a":                     `address "https://a" is a URL: write the name of the host alone`,
		"10.0.0.0/8":                    `address "10.0.0.0/8" is a URL: write the name of the host alone`,
		"a:25":                          `address "a:25" has a port or brackets: write the name or the IP address alone, and the port as "port"`,
		"[::1]":                         `address "[::1]" has a port or brackets: write the name or the IP address alone, and the port as "port"`,
		strings.Repeat("a.", 200) + "a": "address of 401 bytes is too long: the limit is 253",
		"a b":                           `address "a b" is neither an IP address nor the name of a host: letters, digits, "-" and "_" between dots, at most 63 each`,
		"a..b":                          `address "a..b" is neither an IP address nor the name of a host: letters, digits, "-" and "_" between dots, at most 63 each`,
	} {
		if err := validAddress(bad); err == nil || err.Error() != want {
			t.Errorf("got %v of %q, want %s", err, bad, want)
		}
	}
}

func TestValidPort(t *testing.T) {
	for text, good := range map[string]bool{"1": true, "65535": true, "0": false, "65536": false, "": false, "025": false, "-1": false, "smtp": false, "25 ": false} {
		if err := validPort(text); (err == nil) != good {
			t.Errorf("got %v of %q, want it good: %t", err, text, good)
		}
	}
}

func FuzzValidAddress(f *testing.F) {
	for _, seed := range []string{"db.example.com.", "2001:db8::1", "a:25", "\x00", "-a", "fe80::1%\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if validAddress(text) != nil {
			return
		}
		if _, err := netip.ParseAddr(text); err != nil && len(text) > maxName+1 || strings.ContainsAny(text, " \x00\n/") {
			t.Errorf("got %q as an address, want it refused", text)
		}
	})
}
