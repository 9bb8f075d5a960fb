package checks

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// sysfs makes class/net/eth0 of "file word" lines.
func sysfs(t *testing.T, lines string) *Host {
	t.Helper()
	h := &Host{Sys: t.TempDir()}
	putSysfs(t, h, lines)
	return h
}

func putSysfs(t *testing.T, h *Host, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		name, word, _ := strings.Cut(strings.TrimSpace(line), " ")
		path := filepath.Join(h.Sys, "class/net/eth0", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(word+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const ethernet = `ifindex 2
operstate up
carrier 1
mtu 1500
duplex full
speed 1000
statistics/rx_bytes 1000
statistics/rx_dropped 1
statistics/rx_errors 2
statistics/rx_packets 10
statistics/tx_bytes 500
statistics/tx_dropped 0
statistics/tx_errors 0
statistics/tx_packets 5`

func readNetwork(t *testing.T, r Reader) tocsin.Reading {
	t.Helper()
	reading, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reading
}

func TestNetwork(t *testing.T) {
	for _, tt := range []struct {
		name, files string
		want        map[string]string // "" is no data
	}{
		{"ethernet", ethernet, map[string]string{
			"exists": "true", "link": "true", "state": "up", "speed": "1e+09", "duplex": "full", "mtu": "1500", "interface": "eth0",
			"receive.bytes": "1000", "transmit.packets": "5", "receive.dropped": "1", "receive.errors": "2", "receive.percent": "",
		}},
		{"no carrier", "ifindex 2\noperstate down\ncarrier 0\nspeed -1\nduplex unknown", map[string]string{"link": "false", "state": "down", "speed": "", "duplex": "unknown"}},
		{"a tunnel", "ifindex 2\noperstate unknown\ncarrier 1", map[string]string{"link": "true", "state": "unknown", "speed": ""}},
		{"dormant", "ifindex 2\noperstate dormant\ncarrier 1", map[string]string{"link": "false"}},
		{"nonsense", "ifindex 2\noperstate up\nmtu x\nspeed fast\nstatistics/rx_bytes -7", map[string]string{"mtu": "", "speed": "", "receive.bytes": ""}},
		{"gone", "", map[string]string{"exists": "false", "link": ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := openNetwork(sysfs(t, tt.files), Spec{Attributes: attributesOf(map[string]string{"interface": "eth0"})})
			if err != nil {
				t.Fatal(err)
			}
			reading := readNetwork(t, r)
			for name, want := range tt.want {
				if got := reading.Values.Of(name); got.Kind() == tocsin.NoValue && want != "" || got.Kind() != tocsin.NoValue && got.String() != want {
					t.Errorf("%s: got %s (%v), want %q", name, got, reading.Errors[name], want)
				}
			}
		})
	}
}

// TestTrafficRates: from the second reading on, and not over a counter that
// began anew.
func TestTrafficRates(t *testing.T) {
	h := sysfs(t, ethernet)
	opened, err := openNetwork(h, Spec{Attributes: attributesOf(map[string]string{"interface": "eth0"})})
	if err != nil {
		t.Fatal(err)
	}
	r := opened.(*networkReader)
	readNetwork(t, r)
	r.beforeAt = time.Now().Add(-10 * time.Second)
	putSysfs(t, h, "statistics/rx_bytes 625001000\nstatistics/rx_packets 110\nstatistics/tx_bytes 5")
	reading := readNetwork(t, r)
	for name, want := range map[string]float64{"receive.bytes_per_second": 62.5e6, "receive.percent": 50, "receive.packets_per_second": 10, "receive.errors_per_second": 0} {
		if got := reading.Values.Of(name).Float(); math.Abs(got-want) > want/50 {
			t.Errorf("%s: got %g, want %g", name, got, want)
		}
	}
	if got := reading.Values.Of("transmit.bytes_per_second"); got.Kind() != tocsin.NoValue {
		t.Errorf("got %s of a counter that went back, want no data", got)
	}
}

func TestNetworkByAddress(t *testing.T) {
	r, err := openNetwork(&Host{}, Spec{Attributes: attributesOf(map[string]string{"address": "127.0.0.1"})})
	if err != nil {
		t.Fatal(err)
	}
	if got := readNetwork(t, r).Values.Of("interface").String(); got != "lo" {
		t.Errorf("got %q, want lo", got)
	}
	r, err = openNetwork(&Host{}, Spec{Attributes: attributesOf(map[string]string{"address": "192.0.2.77"})})
	if err != nil {
		t.Fatal(err)
	}
	if reading := readNetwork(t, r); reading.Values.Of("exists").Truth() || reading.Values.Of("exists").Kind() == tocsin.NoValue {
		t.Errorf("got %v, want that it does not exist", reading.Values)
	}
}

// linkMessage is a message of rtnetlink(7).
func linkMessage(kind uint16, index int32) []byte {
	data := make([]byte, 32)
	binary.NativeEndian.PutUint32(data, 32)
	binary.NativeEndian.PutUint16(data[4:], kind)
	binary.NativeEndian.PutUint32(data[20:], uint32(index))
	return data
}

func TestConcerns(t *testing.T) {
	two := append(linkMessage(unix.RTM_NEWLINK, 3), linkMessage(unix.RTM_DELLINK, 2)...)
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"ours":         {linkMessage(unix.RTM_NEWLINK, 2), true},
		"another":      {linkMessage(unix.RTM_NEWLINK, 3), false},
		"an address":   {linkMessage(unix.RTM_NEWADDR, 2), false},
		"the second":   {two, true},
		"nothing":      {nil, false},
		"cut":          {linkMessage(unix.RTM_NEWLINK, 2)[:20], false},
		"lies of size": {append([]byte{255, 255, 255, 127}, make([]byte, 40)...), false},
	} {
		if got := concerns(c.data, 2); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

func FuzzConcerns(f *testing.F) {
	f.Add(linkMessage(unix.RTM_NEWLINK, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		if concerns(data, 2) && len(data) < 24 {
			t.Errorf("a message of %d bytes is about a link", len(data))
		}
	})
}
