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

// How long a count of processors is used again, and a size of the memory, which
// may be plugged in too.
const (
	coresAge  = time.Minute
	memoryAge = 10 * time.Second
)

// Host is the machine that readers read. What several readers need, such as
// one pass over all processes, is read once for all of them. The zero value
// reads /proc.
type Host struct {
	// Proc is where proc(5) is mounted; tests point it at fixtures. Empty
	// means /proc. It must not change after the first Read.
	Proc string
	// Sys is where sysfs(5) is mounted; empty means /sys. As Proc.
	Sys string
	// Fstab is what fstab(5) says; empty means /etc/fstab. As Proc.
	Fstab string
	// Log takes what a reader cannot do on this machine and does without, such
	// as to hear of an event; nil discards it.
	Log *slog.Logger
	// Cage holds the programs that checks run; nil is process groups. As Proc.
	Cage *program.Cage

	// Own is what the running agent knows of itself, for the kind self: the
	// metrics that are wanted, without those that have no value as yet. Nil
	// means that no agent runs here. As Proc.
	Own func(ctx context.Context, wants func(metrics ...string) bool) (map[string]tocsin.Value, error)

	// Busy hears of a reading that computes for long, such as a checksum, and
	// when that is over; nil is told nothing. As Proc.
	Busy func() (over func())

	once        sync.Once
	table       *Table
	mounts      mountList
	cpus        coreCount
	ram         memorySize
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

// busy says that a reading computes from now on.
func (h *Host) busy() (over func()) {
	if h.Busy == nil {
		return func() {}
	}
	return h.Busy()
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

// memorySize remembers how much memory there is.
type memorySize struct {
	mu    sync.Mutex
	bytes float64
	at    time.Time
}

// memory is the memory of the host in bytes (sysinfo(2)).
func (h *Host) memory() (float64, error) {
	h.ram.mu.Lock()
	defer h.ram.mu.Unlock()
	if h.ram.bytes > 0 && time.Since(h.ram.at) < memoryAge {
		return h.ram.bytes, nil
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("sysinfo: %w", err)
	}
	h.ram.bytes, h.ram.at = float64(info.Totalram)*float64(info.Unit), time.Now()
	return h.ram.bytes, nil
}
