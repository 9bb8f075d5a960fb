package checks

import (
	"context"
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"

	"tocsin"
)

func systemKind() Kind {
	return Kind{
		Name: "system",
		Doc:  "processors, memory, swap, load and uptime of this host",
		Metrics: []Metric{
			{Name: "cpu.count", Unit: Count, Doc: "processors that are online, proc(5) stat"},
			{Name: "cpu.guest", Unit: Percent, Doc: "time for guests of this host, also part of cpu.user and cpu.nice, proc(5) stat"},
			{Name: "cpu.iowait", Unit: Percent, Doc: "idle time with disk input or output outstanding, proc(5) stat"},
			{Name: "cpu.irq", Unit: Percent, Doc: "time in hardware interrupts, proc(5) stat"},
			{Name: "cpu.nice", Unit: Percent, Doc: "time in programs of low priority, proc(5) stat"},
			{Name: "cpu.percent", Unit: Percent, Doc: "all time but idle and iowait since the previous reading, all processors together, proc(5) stat"},
			{Name: "cpu.softirq", Unit: Percent, Doc: "time in soft interrupts, proc(5) stat"},
			{Name: "cpu.steal", Unit: Percent, Doc: "time that the hypervisor gave to others, proc(5) stat"},
			{Name: "cpu.system", Unit: Percent, Doc: "time in the kernel, proc(5) stat"},
			{Name: "cpu.user", Unit: Percent, Doc: "time in programs of normal priority, proc(5) stat"},
			{Name: "load.avg1", Unit: Count, Doc: "processes that run or wait for a disk, average of 1 minute, proc(5) loadavg"},
			{Name: "load.avg15", Unit: Count, Doc: "the same average over 15 minutes, proc(5) loadavg"},
			{Name: "load.avg5", Unit: Count, Doc: "the same average over 5 minutes, proc(5) loadavg"},
			{Name: "memory.available", Unit: Bytes, Doc: "memory for new programs without swapping, MemAvailable of proc(5) meminfo"},
			{Name: "memory.buffers", Unit: Bytes, Doc: "cache of block devices, proc(5) meminfo"},
			{Name: "memory.cached", Unit: Bytes, Doc: "cache of files and reclaimable kernel memory, proc(5) meminfo"},
			{Name: "memory.free", Unit: Bytes, Doc: "memory used for nothing at all, proc(5) meminfo"},
			{Name: "memory.percent", Unit: Percent, Doc: "memory.used of memory.total, proc(5) meminfo"},
			{Name: "memory.total", Unit: Bytes, Doc: "memory of the host, proc(5) meminfo"},
			{Name: "memory.used", Unit: Bytes, Doc: "memory.total without memory.available, proc(5) meminfo"},
			{Name: "swap.free", Unit: Bytes, Doc: "swap space that is not used, proc(5) meminfo"},
			{Name: "swap.percent", Unit: Percent, Doc: "swap.used of swap.total, 0 without swap space, proc(5) meminfo"},
			{Name: "swap.total", Unit: Bytes, Doc: "swap space, proc(5) meminfo"},
			{Name: "swap.used", Unit: Bytes, Doc: "swap space that is used, proc(5) meminfo"},
			{Name: "uptime", Unit: Seconds, Doc: "time since boot, sysinfo(2)", Failed: "Uptime failed", Recovered: "Uptime succeeded"},
		},
		Open: openSystem,
	}
}

// systemReader reads the whole host through gopsutil, which reads the real
// /proc whatever Host.Proc is; its sources are fields so that tests replace
// them.
type systemReader struct {
	spec   Spec
	cores  func() (int, error)
	times  func(ctx context.Context, each bool) ([]cpu.TimesStat, error)
	memory func(ctx context.Context) (*mem.VirtualMemoryStat, error)
	load   func(ctx context.Context) (*load.AvgStat, error)
	uptime func(ctx context.Context) (uint64, error)

	// previous is kept here because cpu.Percent keeps one for the whole
	// process: two checks would shorten each other's intervals.
	previous cpu.TimesStat
	sampled  bool
}

var _ Reader = (*systemReader)(nil)

func openSystem(h *Host, s Spec) (Reader, error) {
	return &systemReader{
		spec:   s,
		cores:  h.cores,
		times:  cpu.TimesWithContext,
		memory: mem.VirtualMemoryWithContext,
		load:   load.AvgWithContext,
		uptime: host.UptimeWithContext,
	}, nil
}

// Read reads those of the sources that a wanted metric comes from. The cpu
// percents are absent from the first reading and when the counters went back.
func (r *systemReader) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("read system: %w", err)
	}
	d := newDraft(r.spec)
	r.readTimes(ctx, d)
	r.readMemory(ctx, d)
	if d.wants("cpu.count") {
		// Not cpu.Counts: it reads cpuinfo, for which the kernel asks every
		// processor for its frequency.
		if n, err := r.cores(); err != nil {
			d.fail(err, "cpu.count")
		} else {
			d.number("cpu.count", float64(n))
		}
	}
	if names := []string{"load.avg1", "load.avg5", "load.avg15"}; d.wants(names...) {
		if avg, err := r.load(ctx); err != nil {
			d.fail(fmt.Errorf("read load average: %w", err), names...)
		} else {
			d.number("load.avg1", avg.Load1)
			d.number("load.avg5", avg.Load5)
			d.number("load.avg15", avg.Load15)
		}
	}
	if d.wants("uptime") {
		if seconds, err := r.uptime(ctx); err != nil {
			d.fail(fmt.Errorf("read uptime: %w", err), "uptime")
		} else {
			d.number("uptime", float64(seconds))
		}
	}
	return d.reading, nil
}

// cpuPercents names the metrics that are differences of two cpu.TimesStat.
func cpuPercents() []string {
	return []string{
		"cpu.percent", "cpu.user", "cpu.system", "cpu.nice", "cpu.iowait",
		"cpu.irq", "cpu.softirq", "cpu.steal", "cpu.guest",
	}
}

func (r *systemReader) readTimes(ctx context.Context, d *draft) {
	names := cpuPercents()
	if !d.wants(names...) {
		return
	}
	all, err := r.times(ctx, false)
	if err == nil && len(all) == 0 {
		err = errors.New("no cpu line in proc(5) stat") // gopsutil swallows the cause
	}
	if err != nil {
		d.fail(fmt.Errorf("read processor times: %w", err), names...)
		return
	}
	if r.sampled {
		setTimes(d, r.previous, all[0])
	}
	r.previous, r.sampled = all[0], true
}

// setTimes sets the percents of the time between two samples. The kernel
// counts guest also as user and guest_nice also as nice, and idle and iowait
// may go back a little.
func setTimes(d *draft, before, after cpu.TimesStat) {
	grown := func(of func(t cpu.TimesStat) float64) float64 { return max(0, of(after)-of(before)) }
	user := grown(func(t cpu.TimesStat) float64 { return t.User })
	nice := grown(func(t cpu.TimesStat) float64 { return t.Nice })
	system := grown(func(t cpu.TimesStat) float64 { return t.System })
	irq := grown(func(t cpu.TimesStat) float64 { return t.Irq })
	softirq := grown(func(t cpu.TimesStat) float64 { return t.Softirq })
	steal := grown(func(t cpu.TimesStat) float64 { return t.Steal })
	idle := grown(func(t cpu.TimesStat) float64 { return t.Idle })
	iowait := grown(func(t cpu.TimesStat) float64 { return t.Iowait })
	guest := grown(func(t cpu.TimesStat) float64 { return t.Guest + t.GuestNice })

	if counted(after) < counted(before) {
		return // a processor went offline and took its counters along
	}
	busy := user + nice + system + irq + softirq + steal
	total := busy + idle + iowait
	d.share("cpu.percent", busy, total)
	d.share("cpu.user", user, total)
	d.share("cpu.nice", nice, total)
	d.share("cpu.system", system, total)
	d.share("cpu.irq", irq, total)
	d.share("cpu.softirq", softirq, total)
	d.share("cpu.steal", steal, total)
	d.share("cpu.iowait", iowait, total)
	d.share("cpu.guest", guest, total)
}

// counted is all the time that a sample holds, each second once.
func counted(t cpu.TimesStat) float64 {
	return t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal + t.Idle + t.Iowait
}

func (r *systemReader) readMemory(ctx context.Context, d *draft) {
	names := []string{
		"memory.percent", "memory.total", "memory.available", "memory.used", "memory.free", "memory.cached", "memory.buffers",
		"swap.percent", "swap.total", "swap.used", "swap.free",
	}
	if !d.wants(names...) {
		return
	}
	m, err := r.memory(ctx)
	if err == nil && m.Total == 0 {
		err = errors.New("no MemTotal in proc(5) meminfo") // gopsutil swallows the cause
	}
	if err != nil {
		d.fail(fmt.Errorf("read memory: %w", err), names...)
		return
	}
	setMemory(d, m)
}

// setMemory sets the metrics of memory and swap space. What is used is what is
// not available, as in Monit and in free(1) since procps 4: gopsutil's own
// figure calls shared memory and tmpfs free, which no program can have.
func setMemory(d *draft, m *mem.VirtualMemoryStat) {
	used := max(0, float64(m.Total)-float64(m.Available))
	d.number("memory.total", float64(m.Total))
	d.number("memory.available", float64(m.Available))
	d.number("memory.used", used)
	d.number("memory.free", float64(m.Free))
	d.number("memory.cached", float64(m.Cached))
	d.number("memory.buffers", float64(m.Buffers))
	d.share("memory.percent", used, float64(m.Total))

	swapped := max(0, float64(m.SwapTotal)-float64(m.SwapFree))
	d.number("swap.total", float64(m.SwapTotal))
	d.number("swap.free", float64(m.SwapFree))
	d.number("swap.used", swapped)
	if m.SwapTotal == 0 {
		d.number("swap.percent", 0)
	}
	d.share("swap.percent", swapped, float64(m.SwapTotal))
}
