package checks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tocsin"
)

func networkKind() Kind {
	const linkDown, linkUp = "Link down", "Link up"
	metrics := []Metric{
		{Name: "duplex", Unit: Word, Doc: "full, half or unknown, sysfs class/net", Failed: "Link mode failed", Recovered: "Link mode succeeded"},
		{Name: "exists", Unit: Truth, Doc: "the interface is there, sysfs class/net", Failed: "Does not exist", Recovered: "Exists"},
		{Name: "interface", Unit: Word, Doc: "its name, sysfs class/net"},
		{Name: "link", Unit: Truth, Doc: "it is up and has a carrier, operstate of sysfs class/net", Failed: linkDown, Recovered: linkUp},
		{Name: "mtu", Unit: Bytes, Doc: "the largest packet, sysfs class/net"},
	}
	metrics = append(metrics, trafficMetrics("receive", "received")...)
	metrics = append(metrics,
		Metric{Name: "speed", Unit: Count, Doc: "of the link in bits per second, absent where it has none, sysfs class/net", Failed: "Link mode failed", Recovered: "Link mode succeeded"},
		Metric{Name: "state", Unit: Word, Doc: "up, down, dormant, lowerlayerdown, notpresent, testing or unknown, operstate of sysfs class/net"},
	)
	return Kind{
		Name: "network",
		Doc:  "link and traffic of one network interface",
		Attributes: []Attribute{
			{Name: "address", Doc: "IP address that the interface has", Valid: validIP},
			{Name: "interface", Doc: "name of the interface, such as eth0", Valid: validInterface},
		},
		OneOf:   []string{"address", "interface"},
		Metrics: append(metrics, trafficMetrics("transmit", "sent")...),
		Absent:  "interface does not exist",
		Quick:   always,
		Open:    openNetwork,
	}
}

// trafficMetrics are those of one direction.
func trafficMetrics(direction, done string) []Metric {
	const source = "statistics of sysfs class/net"
	return []Metric{
		{Name: direction + ".bytes", Unit: Bytes, Doc: "bytes " + done + " since the interface is there; delta() of it is a total over a time, " + source},
		{Name: direction + ".bytes_per_second", Unit: PerSecond, Doc: "bytes " + done + " since the previous reading, " + source},
		{Name: direction + ".dropped", Unit: Count, Doc: "packets that were not " + done + " for want of room, " + source},
		{Name: direction + ".dropped_per_second", Unit: PerSecond, Doc: "the same since the previous reading, " + source},
		{Name: direction + ".errors", Unit: Count, Doc: "packets that were not " + done + " for an error, " + source},
		{Name: direction + ".errors_per_second", Unit: PerSecond, Doc: "the same since the previous reading, " + source},
		{Name: direction + ".packets", Unit: Count, Doc: "packets " + done + " since the interface is there, " + source},
		{Name: direction + ".packets_per_second", Unit: PerSecond, Doc: "packets " + done + " since the previous reading, " + source},
		{Name: direction + ".percent", Unit: Percent, Doc: "bits " + done + " of what the link's speed allows since the previous reading, " + source},
	}
}

func validIP(text string) error {
	if _, err := netip.ParseAddr(text); err != nil {
		return errors.New("it is no IP address, such as 192.0.2.1 or 2001:db8::1")
	}
	return nil
}

// validInterface is the kernel's dev_valid_name().
func validInterface(text string) error {
	if text == "" || len(text) > 15 || text == "." || text == ".." || strings.ContainsAny(text, "/: \t\n\v\f\r\x00") {
		return errors.New("an interface has a name of 1 to 15 characters without blanks, \"/\" and \":\", such as eth0")
	}
	return nil
}

// networkReader reads one interface.
type networkReader struct {
	host    *Host
	spec    Spec
	name    string
	address netip.Addr // when it is found by that

	index    int // of the last reading, 0 when it was not there
	before   map[string]float64
	beforeAt time.Time
}

var _ Reader = (*networkReader)(nil)

func openNetwork(h *Host, s Spec) (Reader, error) {
	r := &networkReader{host: h, spec: s, name: s.Attributes.Of("interface")}
	address, byAddress := s.Attributes.Find("address")
	var err error
	switch {
	case byAddress == (r.name != ""):
		err = errors.New("set one of address and interface")
	case byAddress:
		r.address, err = netip.ParseAddr(address)
	default:
		err = validInterface(r.name)
	}
	if err != nil {
		return nil, fmt.Errorf("open network check %q: %w", s.Name, err)
	}
	return r, nil
}

// Read reads sysfs, which asks the driver for speed and duplex and else only
// copies counters.
func (r *networkReader) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("read network: %w", err)
	}
	d := newDraft(r.spec)
	name, err := r.find()
	if err != nil {
		return tocsin.Reading{}, err
	}
	r.index = 0
	dir := filepath.Join(r.host.sys(), "class/net", name)
	index, err := readFile(filepath.Join(dir, "ifindex"), 64)
	if name == "" || errors.Is(err, fs.ErrNotExist) {
		r.before = nil
		d.truth("exists", false)
		return d.reading, nil
	}
	if err != nil {
		return tocsin.Reading{}, fmt.Errorf("read network: %w", err)
	}
	r.index, _ = strconv.Atoi(string(bytes.TrimSpace(index))) // 0 has no events
	d.truth("exists", true)
	d.text("interface", name)
	speed := r.setLink(d, dir)
	r.setTraffic(d, dir, speed)
	return d.reading, nil
}

// find is the name of the interface, empty when none has the address.
func (r *networkReader) find() (string, error) {
	if r.name != "" {
		return r.name, nil
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("list interfaces: %w", err)
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			continue // it is gone meanwhile
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err == nil && prefix.Addr().WithZone("") == r.address.WithZone("") {
				return i.Name, nil
			}
		}
	}
	return "", nil
}

// setLink sets what the link is, and returns its speed in bits per second, 0
// when it has none.
func (r *networkReader) setLink(d *draft, dir string) (speed float64) {
	state, err := readWord(filepath.Join(dir, "operstate"))
	if err != nil {
		d.fail(err, "link", "state")
	} else {
		d.text("state", state)
		// A loopback or a tunnel has no state; it is up when it has a carrier,
		// which cannot be read from one that is down.
		carrier, _ := readWord(filepath.Join(dir, "carrier"))
		d.truth("link", state == "up" || state == "unknown" && carrier == "1")
	}
	if mtu, err := readWord(filepath.Join(dir, "mtu")); err != nil {
		d.fail(err, "mtu")
	} else if n, err := strconv.ParseFloat(mtu, 64); err == nil {
		d.number("mtu", n)
	}
	// EINVAL and -1 mean that there is none: a loopback, a link that is down.
	if word, err := readWord(filepath.Join(dir, "duplex")); err == nil {
		d.text("duplex", word)
	}
	if word, err := readWord(filepath.Join(dir, "speed")); err == nil {
		if mbit, err := strconv.ParseFloat(word, 64); err == nil && mbit > 0 {
			speed = mbit * 1e6
			d.number("speed", speed)
		}
	}
	return speed
}

// setTraffic sets the counters, and their rates from the second reading on. A
// counter that went back is of another interface of that name.
func (r *networkReader) setTraffic(d *draft, dir string, speed float64) {
	now, seconds := time.Now(), time.Since(r.beforeAt).Seconds()
	counters := make(map[string]float64, 8)
	for _, direction := range []struct{ name, file string }{{"receive", "rx_"}, {"transmit", "tx_"}} {
		for _, what := range []string{"bytes", "dropped", "errors", "packets"} {
			name := direction.name + "." + what
			rate := name + "_per_second"
			if !d.wants(name, rate) && (what != "bytes" || !d.wants(direction.name+".percent")) {
				continue
			}
			word, err := readWord(filepath.Join(dir, "statistics", direction.file+what))
			n, parseErr := strconv.ParseUint(word, 10, 64)
			if err = cmp.Or(err, parseErr); err != nil {
				d.fail(fmt.Errorf("read %s: %w", name, err), name, rate)
				continue
			}
			counters[name] = float64(n)
			d.number(name, float64(n))
			before, known := r.before[name]
			if !known || counters[name] < before || seconds <= 0 {
				continue
			}
			perSecond := (counters[name] - before) / seconds
			d.number(rate, perSecond)
			if what == "bytes" {
				d.share(direction.name+".percent", 8*perSecond, speed)
			}
		}
	}
	r.before, r.beforeAt = counters, now
}

// readWord reads a file of sysfs that holds one word.
func readWord(path string) (string, error) {
	data, err := readFile(path, 4096)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(data)), nil
}
