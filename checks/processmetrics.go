package checks

import (
	"slices"
	"strings"
)

func processKind() Kind {
	metrics := slices.Concat(identityTable(), sizeTable(), ioTable())
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return Kind{
		Name: "process",
		Doc:  "one process, found by a pidfile or by its command line, and its descendants",
		Attributes: []Attribute{
			{Name: "match", Doc: "regular expression (RE2) over the command line with blanks between its words; the oldest top-most match counts, and kernel threads are called [name]", Valid: validPattern},
			{Name: "pidfile", Doc: "file that begins with the process number", Valid: validPath},
		},
		OneOf:   []string{"match", "pidfile"},
		Metrics: metrics,
		Absent:  "process is not running",
		Grouped: true,
		Quick:   always,
		Open:    openProcess,
	}
}

// identityTable are the metrics that say what the process is.
func identityTable() []Metric {
	return []Metric{
		{Name: "cgroup", Unit: Word, Doc: "its control group, such as /system.slice/nginx.service, proc(5) cgroup"},
		{Name: "egid", Unit: Count, Doc: "effective group number, proc(5) status", Failed: gidFailed, Recovered: gidSucceeded},
		{Name: "euid", Unit: Count, Doc: "effective user number, proc(5) status", Failed: uidFailed, Recovered: uidSucceeded},
		{Name: "exists", Unit: Truth, Doc: "the process runs and is no zombie, proc(5) stat", Failed: "Does not exist", Recovered: "Exists"},
		{Name: "gid", Unit: Count, Doc: "real group number, proc(5) status", Failed: gidFailed, Recovered: gidSucceeded},
		{Name: "group", Unit: Word, Doc: "name of egid, the number without one, group(5)", Failed: gidFailed, Recovered: gidSucceeded},
		{Name: "oom.score", Unit: Count, Doc: "how soon the kernel would kill it for want of memory, 0 to about 2000, proc(5) oom_score"},
		{Name: "pid", Unit: Count, Doc: "process number, proc(5) stat", Failed: "PID failed", Recovered: "PID succeeded"},
		{Name: "ppid", Unit: Count, Doc: "process number of the parent, proc(5) stat", Failed: "PPID failed", Recovered: "PPID succeeded"},
		{Name: "security", Unit: Word, Doc: "label of SELinux or AppArmor, proc(5) attr/current", Failed: "Security attribute failed", Recovered: "Security attribute succeeded"},
		{Name: "state", Unit: Word, Doc: "running, sleeping, disk sleep, stopped, tracing stop, idle; zombie when the pidfile's process is one, proc(5) stat"},
		{Name: "uid", Unit: Count, Doc: "real user number, proc(5) status", Failed: uidFailed, Recovered: uidSucceeded},
		{Name: "uptime", Unit: Seconds, Doc: "time since the process started, proc(5) stat", Failed: "Uptime failed", Recovered: "Uptime succeeded"},
		{Name: "user", Unit: Word, Doc: "name of euid, the number without one, passwd(5)", Failed: uidFailed, Recovered: uidSucceeded},
	}
}

// sizeTable are the metrics that say how much the process has.
func sizeTable() []Metric {
	return []Metric{
		{Name: "children", Unit: Count, Doc: "all descendants that run, proc(5) stat"},
		{Name: "cpu.percent", Unit: Percent, Doc: "processor time since the previous reading, of all processors together, proc(5) stat"},
		{Name: "cpu.total_percent", Unit: Percent, Doc: "the same with all descendants, proc(5) stat"},
		{Name: "fds.open", Unit: Count, Doc: "open file descriptors, entries of proc(5) fd"},
		{Name: "fds.percent", Unit: Percent, Doc: "fds.open of the soft limit, proc(5) limits"},
		{Name: "fds.total", Unit: Count, Doc: "open file descriptors with all descendants, entries of proc(5) fd"},
		{Name: "memory.percent", Unit: Percent, Doc: "memory.rss of the host's memory, proc(5) stat and sysinfo(2)"},
		{Name: "memory.pss", Unit: Bytes, Doc: "resident memory, each shared page divided by those who share it; dear, so read only for a rule, proc(5) smaps_rollup"},
		{Name: "memory.rss", Unit: Bytes, Doc: "resident memory, proc(5) stat"},
		{Name: "memory.swap", Unit: Bytes, Doc: "memory in swap space, VmSwap of proc(5) status"},
		{Name: "memory.total_percent", Unit: Percent, Doc: "memory.total_rss of the host's memory, proc(5) stat and sysinfo(2)"},
		{Name: "memory.total_pss", Unit: Bytes, Doc: "memory.pss with all descendants, read only for a rule, proc(5) smaps_rollup"},
		{Name: "memory.total_rss", Unit: Bytes, Doc: "resident memory with all descendants, shared pages counted for each, proc(5) stat"},
		{Name: "memory.total_swap", Unit: Bytes, Doc: "memory in swap space with all descendants, VmSwap of proc(5) status"},
		{Name: "memory.vms", Unit: Bytes, Doc: "virtual memory, proc(5) stat"},
		{Name: "threads", Unit: Count, Doc: "threads, proc(5) stat"},
		{Name: "threads_total", Unit: Count, Doc: "threads with all descendants, proc(5) stat"},
		{Name: "zombies", Unit: Count, Doc: "descendants that ended and were not waited for, proc(5) stat"},
	}
}

// treeMetrics are the metrics that need a pass over all processes.
func treeMetrics() []string {
	return append(ioMetrics("total_"),
		"children", "cpu.total_percent", "fds.total", "memory.total_percent", "memory.total_pss", "memory.total_rss", "memory.total_swap",
		"threads_total", "zombies")
}
