package checks

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Consumer is a process with what it takes of the host.
type Consumer struct {
	PID int
	// Name is comm of proc(5), as the process has it. The command line is not
	// here: it may hold a password.
	Name string
	// User is the name of the effective user, its number without one, empty when
	// that cannot be read.
	User string
	// CPU is the percent of all processors together, 0 to 100; 0 of Largest.
	CPU float64
	// Memory is resident, in bytes (proc(5) stat).
	Memory int64
}

// Busiest lists the n processes that take the most processor time while over
// lasts, kernel threads too, the busiest first. One that takes none is left out.
func (h *Host) Busiest(ctx context.Context, over time.Duration, n int) ([]Consumer, error) {
	cores, err := h.cores()
	if err != nil {
		return nil, fmt.Errorf("count processors: %w", err)
	}
	before := make(map[identity]uint64)
	var began time.Duration
	err = h.processes().snapshot(ctx, 0, whole, func(t *Table) {
		began = t.taken
		for _, p := range t.list {
			before[p.identity] = p.ticks
		}
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(over):
	case <-ctx.Done():
		return nil, fmt.Errorf("read processes: %w", ctx.Err())
	}
	var all []Consumer
	err = h.processes().snapshot(ctx, 0, whole, func(t *Table) {
		room := float64(t.taken-began) / float64(tick) * float64(cores)
		for _, p := range t.list {
			// A process that began meanwhile took all that it has.
			if spent := p.ticks - min(p.ticks, before[p.identity]); spent > 0 && room > 0 {
				all = append(all, consumer(p, min(100*float64(spent)/room, 100)))
			}
		}
	})
	slices.SortFunc(all, func(a, b Consumer) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.PID, b.PID)) })
	return h.named(all, n), err
}

// Largest lists the n processes that have the most memory resident, the largest
// first. Kernel threads have none.
func (h *Host) Largest(ctx context.Context, n int) ([]Consumer, error) {
	var all []Consumer
	err := h.processes().snapshot(ctx, snapshotAge, whole, func(t *Table) {
		for _, p := range t.list {
			if p.pages > 0 {
				all = append(all, consumer(p, 0))
			}
		}
	})
	slices.SortFunc(all, func(a, b Consumer) int {
		return cmp.Or(cmp.Compare(b.Memory, a.Memory), cmp.Compare(a.PID, b.PID))
	})
	return h.named(all, n), err
}

func consumer(p *process, cpu float64) Consumer {
	return Consumer{PID: int(p.pid), Name: string(p.name), CPU: cpu, Memory: int64(float64(p.pages) * pageSize())}
}

// named is the first n with their users: the owner of /proc/PID (proc(5)).
func (h *Host) named(all []Consumer, n int) []Consumer {
	all = all[:min(n, len(all))]
	for i := range all {
		var s unix.Stat_t
		if unix.Stat(filepath.Join(h.proc(), strconv.Itoa(all[i].PID)), &s) == nil { // it may have ended
			all[i].User = userName(strconv.FormatUint(uint64(s.Uid), 10))
		}
	}
	return all
}
