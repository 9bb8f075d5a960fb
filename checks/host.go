package checks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/internal/program"
)

// coresAge is how long a count of processors is used again.
const coresAge = time.Minute

// Host is the machine that readers read. What several readers need, such as
// one pass over all processes, is read once for all of them. The zero value
// reads /proc.
type Host struct {
	// Proc is where proc(5) is mounted; tests point it at fixtures. Empty
	// means /proc. It must not change after the first Read.
	Proc string
	// Sys is where sysfs(5) is mounted; empty means /sys. As Proc.
	Sys string
	// Log takes what a reader cannot do on this machine and does without, such
	// as to hear of an event; nil discards it.
	Log *slog.Logger
	// Cage holds the programs that checks run; nil is process groups. As Proc.
	Cage *program.Cage

	// Own is what the running agent knows of itself, for the kind self: the
	// metrics that are wanted, without those that have no value as yet. Nil
	// means that no agent runs here. As Proc.
	Own func(ctx context.Context, wants func(metrics ...string) bool) (map[string]tocsin.Value, error)

	once        sync.Once
	table       *Table
	mounts      mountList
	cpus        coreCount
	units       asker
	paths       pathEvents
	exits       exits
	mountEvents mountEvents
	spare       spare
	grips       atomic.Int32         // processes that are kept open
	stats       sync.Pool            // room to read their stat into
	sinceUp     func() time.Duration // nil means the kernel's clock
}

// NewHost is the machine whose proc(5) is mounted at proc; "" means /proc.
func NewHost(proc string) *Host { return &Host{Proc: proc} }

// proc is where proc(5) is mounted.
func (h *Host) proc() string { return cmp.Or(h.Proc, "/proc") }

// log is where a reader says what it does without.
func (h *Host) log() *slog.Logger {
	if h.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Log
}

// sys is where sysfs(5) is mounted.
func (h *Host) sys() string { return cmp.Or(h.Sys, "/sys") }

// processes is the one table of processes of this host.
func (h *Host) processes() *Table {
	h.once.Do(func() { h.table = newTable(h.proc(), h.uptime) })
	return h.table
}

// uptime is the time since boot, with suspension, on the clock that
// proc(5) counts start times on (clock_gettime(2), CLOCK_BOOTTIME). Unlike
// /proc/uptime, containers do not replace it.
func (h *Host) uptime() time.Duration {
	if h.sinceUp != nil {
		return h.sinceUp()
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0 // only a kernel older than 2.6.39 has no such clock
	}
	return time.Duration(now.Nano())
}

// coreCount remembers the number of processors that are online.
type coreCount struct {
	mu sync.Mutex
	n  int
	at time.Time
}

// cores is the number of processors that are online, from the lines of
// proc(5) stat. It is at least 1 without an error.
func (h *Host) cores() (int, error) {
	h.cpus.mu.Lock()
	defer h.cpus.mu.Unlock()
	if h.cpus.n > 0 && time.Since(h.cpus.at) < coresAge {
		return h.cpus.n, nil
	}
	path := filepath.Join(h.proc(), "stat")
	data, err := readFile(path, 1<<20)
	if err != nil && !errors.Is(err, errTooLong) {
		return 0, fmt.Errorf("count processors: %w", err)
	}
	n := countCores(data)
	if n == 0 {
		return 0, fmt.Errorf("count processors: no cpu line in %q", path)
	}
	h.cpus.n, h.cpus.at = n, time.Now()
	return n, nil
}

// countCores counts the lines of proc(5) stat that begin with "cpu" and a
// digit; the line "cpu" is the sum of them.
func countCores(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte("cpu")) {
			break
		}
		if len(line) > 3 && line[3] >= '0' && line[3] <= '9' {
			n++
		}
	}
	return n
}

// totalMemory is the memory of the host in bytes (sysinfo(2)).
func totalMemory() (float64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("sysinfo: %w", err)
	}
	return float64(info.Totalram) * float64(info.Unit), nil
}
