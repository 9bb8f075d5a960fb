package checks

import (
	"slices"
	"strings"
)

func systemKind() Kind {
	metrics := slices.Concat(processorTable(), memoryTable(), pressureTable(), []Metric{
		{Name: "fds.max", Unit: Count, Doc: "open files that the kernel allows, proc(5) sys/fs/file-nr"},
		{Name: "fds.open", Unit: Count, Doc: "open files of all processes, proc(5) sys/fs/file-nr"},
		{Name: "fds.percent", Unit: Percent, Doc: "fds.open of fds.max, proc(5) sys/fs/file-nr"},
		{Name: "processes.blocked", Unit: Count, Doc: "threads that wait for a disk now, proc(5) stat"},
		{Name: "processes.forks_per_second", Unit: PerSecond, Doc: "processes and threads started since the previous reading, proc(5) stat"},
		{Name: "processes.running", Unit: Count, Doc: "threads that run or are ready to, proc(5) stat"},
		{Name: "processes.threads", Unit: Count, Doc: "threads of all processes, proc(5) loadavg"},
		{Name: "processes.total", Unit: Count, Doc: "processes that the agent may see, zombies too, entries of proc(5)"},
		{Name: "processes.zombies", Unit: Count, Doc: "processes that ended and were not waited for, read only for a rule, proc(5) stat of every process"},
		{Name: "uptime", Unit: Seconds, Doc: "time since boot, clock_gettime(2)", Failed: "Uptime failed", Recovered: "Uptime succeeded"},
	})
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return Kind{
		Name:    "system",
		Quick:   always,
		Doc:     "processors, memory, swap, pressure, load, processes and uptime of this host",
		Metrics: metrics,
		Open:    openSystem,
	}
}

func processorTable() []Metric {
	return []Metric{
		{Name: "cpu.count", Unit: Count, Doc: "processors that are online, proc(5) stat"},
		{Name: "cpu.guest", Unit: Percent, Doc: "time for guests of this host, also part of cpu.user and cpu.nice, proc(5) stat"},
		{Name: "cpu.guest_nice", Unit: Percent, Doc: "that part of cpu.guest which is of low priority, proc(5) stat"},
		{Name: "cpu.idle", Unit: Percent, Doc: "time with nothing to do and no disk waited for, proc(5) stat"},
		{Name: "cpu.iowait", Unit: Percent, Doc: "idle time with disk input or output outstanding, proc(5) stat"},
		{Name: "cpu.irq", Unit: Percent, Doc: "time in hardware interrupts, proc(5) stat"},
		{Name: "cpu.nice", Unit: Percent, Doc: "time in programs of low priority, proc(5) stat"},
		{Name: "cpu.percent", Unit: Percent, Doc: "all time but idle and iowait since the previous reading, all processors together, proc(5) stat"},
		{Name: "cpu.softirq", Unit: Percent, Doc: "time in soft interrupts, proc(5) stat"},
		{Name: "cpu.steal", Unit: Percent, Doc: "time that the hypervisor gave to others, proc(5) stat"},
		{Name: "cpu.switches_per_second", Unit: PerSecond, Doc: "context switches since the previous reading, proc(5) stat"},
		{Name: "cpu.system", Unit: Percent, Doc: "time in the kernel, proc(5) stat"},
		{Name: "cpu.user", Unit: Percent, Doc: "time in programs of normal priority, proc(5) stat"},
		{Name: "load.avg1", Unit: Count, Doc: "processes that run or wait for a disk, average of 1 minute, proc(5) loadavg"},
		{Name: "load.avg15", Unit: Count, Doc: "the same average over 15 minutes, proc(5) loadavg"},
		{Name: "load.avg15_per_core", Unit: Count, Doc: "load.avg15 by cpu.count, proc(5) loadavg and stat"},
		{Name: "load.avg1_per_core", Unit: Count, Doc: "load.avg1 by cpu.count, proc(5) loadavg and stat"},
		{Name: "load.avg5", Unit: Count, Doc: "the same average over 5 minutes, proc(5) loadavg"},
		{Name: "load.avg5_per_core", Unit: Count, Doc: "load.avg5 by cpu.count, proc(5) loadavg and stat"},
	}
}

func memoryTable() []Metric {
	return []Metric{
		{Name: "memory.available", Unit: Bytes, Doc: "memory for new programs without swapping, MemAvailable of proc(5) meminfo"},
		{Name: "memory.buffers", Unit: Bytes, Doc: "cache of block devices, proc(5) meminfo"},
		{Name: "memory.cached", Unit: Bytes, Doc: "cache of files and reclaimable kernel memory, proc(5) meminfo"},
		{Name: "memory.free", Unit: Bytes, Doc: "memory used for nothing at all, proc(5) meminfo"},
		{Name: "memory.percent", Unit: Percent, Doc: "memory.used of memory.total, proc(5) meminfo"},
		{Name: "memory.total", Unit: Bytes, Doc: "memory of the host, proc(5) meminfo"},
		{Name: "memory.used", Unit: Bytes, Doc: "memory.total without memory.available, proc(5) meminfo"},
		{Name: "paging.in_bytes_per_second", Unit: PerSecond, Doc: "bytes read from block devices since the previous reading, pgpgin of proc(5) vmstat"},
		{Name: "paging.major_faults_per_second", Unit: PerSecond, Doc: "page faults that had to read a disk since the previous reading, pgmajfault of proc(5) vmstat"},
		{Name: "paging.out_bytes_per_second", Unit: PerSecond, Doc: "bytes written to block devices since the previous reading, pgpgout of proc(5) vmstat"},
		{Name: "swap.free", Unit: Bytes, Doc: "swap space that is not used, proc(5) meminfo"},
		{Name: "swap.in_bytes_per_second", Unit: PerSecond, Doc: "bytes read from swap space since the previous reading, pswpin of proc(5) vmstat"},
		{Name: "swap.out_bytes_per_second", Unit: PerSecond, Doc: "bytes written to swap space since the previous reading, pswpout of proc(5) vmstat"},
		{Name: "swap.percent", Unit: Percent, Doc: "swap.used of swap.total, 0 without swap space, proc(5) meminfo"},
		{Name: "swap.total", Unit: Bytes, Doc: "swap space, proc(5) meminfo"},
		{Name: "swap.used", Unit: Bytes, Doc: "swap space that is used, proc(5) meminfo"},
	}
}
