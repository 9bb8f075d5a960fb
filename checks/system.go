package checks

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"sync/atomic"
	"time"

	"tocsin"
)

// systemReader reads the whole host.
type systemReader struct {
	host *Host
	spec Spec
	text []byte // of the file that is read

	before, last kernelStat // of the last two readings at the interval, without modes at first
	counts       growth     // of kernelStat
	paging       growth

	pressures []pressureMetric // that some rule uses
	deaf      atomic.Bool      // the kernel tells of no pressure
	stalled   atomic.Bool      // it has just told of one
	early     bool             // so this reading is not one at the interval
}

var _ Reader = (*systemReader)(nil)

func openSystem(h *Host, s Spec) (Reader, error) {
	r := &systemReader{host: h, spec: s, text: make([]byte, 0, 4<<10)}
	for _, p := range pressures() {
		if wantsAny(s.Metrics, []string{p.metric}) {
			r.pressures = append(r.pressures, p)
		}
	}
	return r, nil
}

// Read reads those of the sources that a wanted metric comes from, each once.
// Percents of processor time and rates are absent from the first reading and
// when the counters went back; a reading for a stall says those of the last one
// at the interval again, for a rule about them means the interval and not the
// 2 s of a stall.
func (r *systemReader) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("read system: %w", err)
	}
	d := newDraft(r.spec)
	r.early = r.stalled.Swap(false)
	r.setStat(d)
	r.setMemory(d)
	r.setPaging(d)
	r.setLoad(d)
	r.setFDs(d)
	r.setPressure(d)
	r.setProcesses(ctx, d)
	if d.wants("uptime") {
		d.number("uptime", math.Floor(r.host.uptime().Seconds()))
	}
	return d.reading, nil
}

// read is a file below /proc, until the next call.
func (r *systemReader) read(name string) ([]byte, error) {
	data, err := readInto(filepath.Join(r.host.proc(), name), r.text[:0], maxProcText)
	r.text = data
	return data, err
}

// since is the time of a sample: that of the last one when it is to answer again.
func (r *systemReader) since(g *growth) time.Duration {
	if r.early && len(g.before) > 0 {
		return g.at
	}
	return r.host.uptime()
}

// setStat sets what comes from proc(5) stat.
func (r *systemReader) setStat(d *draft) {
	if d.wants("cpu.count") {
		if n, err := r.host.cores(); err != nil {
			d.fail(err, "cpu.count")
		} else {
			d.number("cpu.count", float64(n))
		}
	}
	names := []string{
		"cpu.percent", "cpu.user", "cpu.nice", "cpu.system", "cpu.idle", "cpu.iowait", "cpu.irq", "cpu.softirq", "cpu.steal",
		"cpu.guest", "cpu.guest_nice", "cpu.switches_per_second", "processes.blocked", "processes.forks_per_second", "processes.running",
	}
	if !d.wants(names...) {
		return
	}
	data, err := r.read("stat")
	at := r.since(&r.counts)
	var now kernelStat
	if err == nil {
		now, err = parseKernelStat(data)
	}
	if err != nil {
		d.fail(fmt.Errorf("read processor times: %w", err), names...)
		return
	}
	if !r.early || r.last.modes == 0 {
		r.before, r.last = r.last, now
	}
	if r.before.modes > 0 {
		setTimes(d, &r.before, &r.last)
	}
	const source = "proc(5) stat"
	d.count("processes.blocked", now.blocked, source)
	d.count("processes.running", now.running, source)
	rates := r.counts.perSecond(at, now.switches, now.forks)
	d.rate("cpu.switches_per_second", now.switches, rates[0], source)
	d.rate("processes.forks_per_second", now.forks, rates[1], source)
}

// setMemory sets what comes from proc(5) meminfo.
func (r *systemReader) setMemory(d *draft) {
	names := []string{
		"memory.percent", "memory.total", "memory.available", "memory.used", "memory.free", "memory.cached", "memory.buffers",
		"swap.percent", "swap.total", "swap.used", "swap.free",
	}
	if !d.wants(names...) {
		return
	}
	data, err := r.read("meminfo")
	var m memory
	if err == nil {
		m, err = parseMemory(data)
	}
	if err != nil {
		d.fail(fmt.Errorf("read memory: %w", err), names...)
		return
	}
	setMemory(d, &m)
}

// setPaging sets what comes from proc(5) vmstat.
func (r *systemReader) setPaging(d *draft) {
	names := []string{
		"paging.in_bytes_per_second", "paging.major_faults_per_second", "paging.out_bytes_per_second",
		"swap.in_bytes_per_second", "swap.out_bytes_per_second",
	}
	if !d.wants(names...) {
		return
	}
	data, err := r.read("vmstat")
	if err != nil {
		d.fail(fmt.Errorf("read paging: %w", err), names...)
		return
	}
	const source = "proc(5) vmstat"
	p := parsePaging(data)
	rates := r.paging.perSecond(r.since(&r.paging), p.in, p.out, p.swapIn, p.swapOut, p.faults)
	d.rate("paging.in_bytes_per_second", p.in, 1024*rates[0], source)
	d.rate("paging.out_bytes_per_second", p.out, 1024*rates[1], source)
	d.rate("swap.in_bytes_per_second", p.swapIn, pageSize()*rates[2], source)
	d.rate("swap.out_bytes_per_second", p.swapOut, pageSize()*rates[3], source)
	d.rate("paging.major_faults_per_second", p.faults, rates[4], source)
}

// setLoad sets what comes from proc(5) loadavg.
func (r *systemReader) setLoad(d *draft) {
	each := []string{"load.avg1_per_core", "load.avg5_per_core", "load.avg15_per_core"}
	names := []string{"load.avg1", "load.avg5", "load.avg15", "processes.threads", each[0], each[1], each[2]}
	if !d.wants(names...) {
		return
	}
	data, err := r.read("loadavg")
	var load loadAverage
	if err == nil {
		load, err = parseLoad(data)
	}
	if err != nil {
		d.fail(fmt.Errorf("read load average: %w", err), names...)
		return
	}
	d.number("load.avg1", load.avg[0])
	d.number("load.avg5", load.avg[1])
	d.number("load.avg15", load.avg[2])
	d.number("processes.threads", load.threads)
	if !d.wants(each...) {
		return
	}
	cores, err := r.host.cores()
	if err != nil {
		d.fail(err, each...)
		return
	}
	for i, name := range each {
		d.number(name, load.avg[i]/float64(cores))
	}
}

// setFDs sets what comes from /proc/sys/fs/file-nr.
func (r *systemReader) setFDs(d *draft) {
	names := []string{"fds.max", "fds.open", "fds.percent"}
	if !d.wants(names...) {
		return
	}
	data, err := r.read("sys/fs/file-nr")
	var open, most float64
	if err == nil {
		open, most, err = parseFileNumbers(data)
	}
	if err != nil {
		d.fail(fmt.Errorf("count open files: %w", err), names...)
		return
	}
	d.number("fds.open", open)
	d.number("fds.max", most)
	d.share("fds.percent", open, most)
}

// setProcesses counts the processes. Zombies take a pass over all of them, so
// only a rule has them counted; the pass is that of the process checks.
func (r *systemReader) setProcesses(ctx context.Context, d *draft) {
	if d.wants("processes.total") {
		if n, err := r.countProcesses(); err != nil {
			d.fail(fmt.Errorf("count processes: %w", err), "processes.total")
		} else {
			d.number("processes.total", float64(n))
		}
	}
	if !d.asks("processes.zombies") {
		return
	}
	zombies := 0
	err := r.host.processes().snapshot(ctx, snapshotAge, whole, func(t *Table) {
		for _, p := range t.list {
			if p.zombie() {
				zombies++
			}
		}
	})
	if err != nil {
		d.fail(err, "processes.zombies")
		return
	}
	d.number("processes.zombies", float64(zombies))
}

func (r *systemReader) countProcesses() (n int, err error) {
	dir, err := openDir(r.host.proc())
	if err != nil {
		return 0, err
	}
	defer dir.close()
	buf := append(r.text[:0], make([]byte, 32<<10)...)
	err = dir.numbers(buf, func(int32) error {
		if n++; n > maxProcesses {
			return fmt.Errorf("more than %d", maxProcesses)
		}
		return nil
	})
	r.text = buf[:0]
	return n, err
}
