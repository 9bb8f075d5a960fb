package checks

import (
	"errors"
	"math"
)

// memory is proc(5) meminfo in bytes. What the kernel does not say is NaN.
type memory struct {
	total, available, free, cached, buffers float64
	swapTotal, swapFree                     float64
}

// parseMemory reads /proc/meminfo.
func parseMemory(data []byte) (memory, error) {
	m := memory{
		total: unknown(), available: unknown(), free: unknown(), cached: unknown(), buffers: unknown(),
		swapTotal: unknown(), swapFree: unknown(),
	}
	reclaimable, shared := 0.0, 0.0 // the kernels before 2.6.19 and 2.6.32 do not say
	eachKeyed(data, func(key []byte, n float64) {
		n *= 1024
		switch string(key) {
		case "MemTotal":
			m.total = n
		case "MemAvailable":
			m.available = n
		case "MemFree":
			m.free = n
		case "Cached":
			m.cached = n
		case "Buffers":
			m.buffers = n
		case "SReclaimable":
			reclaimable = n
		case "Shmem":
			shared = n
		case "SwapTotal":
			m.swapTotal = n
		case "SwapFree":
			m.swapFree = n
		}
	})
	if math.IsNaN(m.total) || m.total <= 0 {
		return m, errors.New("no MemTotal in proc(5) meminfo")
	}
	if math.IsNaN(m.available) { // Linux before 3.14: an estimate
		m.available = max(0, m.free+m.buffers+m.cached+reclaimable-shared)
	}
	m.cached += reclaimable
	return m, nil
}

// setMemory sets the metrics of memory and swap space. What is used is what is
// not available, as in Monit and in free(1) since procps 4: shared memory and
// tmpfs are no cache that a program can have.
func setMemory(d *draft, m *memory) {
	const source = "proc(5) meminfo"
	used := max(0, m.total-m.available)
	d.number("memory.total", m.total)
	d.count("memory.available", m.available, source)
	d.count("memory.used", used, source)
	d.count("memory.free", m.free, source)
	d.count("memory.cached", m.cached, source)
	d.count("memory.buffers", m.buffers, source)
	d.share("memory.percent", used, m.total)

	swapped := max(0, m.swapTotal-m.swapFree)
	d.count("swap.total", m.swapTotal, source)
	d.count("swap.free", m.swapFree, source)
	d.count("swap.used", swapped, source)
	switch {
	case m.swapTotal == 0:
		d.number("swap.percent", 0)
	case m.swapTotal > 0:
		d.share("swap.percent", swapped, m.swapTotal)
	default:
		d.count("swap.percent", unknown(), source)
	}
}

// paging is what was moved between memory and disks since boot, of proc(5)
// vmstat. What the kernel does not say is NaN.
type paging struct {
	in, out         float64 // KiB, with the cache of files
	swapIn, swapOut float64 // pages
	faults          float64 // major page faults
}

// parsePaging reads /proc/vmstat.
func parsePaging(data []byte) paging {
	p := paging{unknown(), unknown(), unknown(), unknown(), unknown()}
	eachKeyed(data, func(key []byte, n float64) {
		switch string(key) {
		case "pgpgin":
			p.in = n
		case "pgpgout":
			p.out = n
		case "pswpin":
			p.swapIn = n
		case "pswpout":
			p.swapOut = n
		case "pgmajfault":
			p.faults = n
		}
	})
	return p
}
