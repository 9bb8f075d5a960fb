package checks

import "time"

// What proc(5) io counts, in the order of ioMetrics.
const (
	ioRead = iota
	ioWritten
	ioReads
	ioWrites
	ioDiskRead
	ioDiskWritten
	ioCounts
)

// procIO is proc(5) io: what a process has moved, with what its children had
// when it waited for them. What the kernel does not say is NaN.
type procIO [ioCounts]float64

// ioMetrics are the metrics that are rates of procIO; which is "" for those of
// one process and "total_" for those of its tree.
func ioMetrics(which string) []string {
	if which == "" {
		return []string{
			"read.bytes_per_second", "write.bytes_per_second", "read.operations_per_second", "write.operations_per_second",
			"disk.read_bytes_per_second", "disk.write_bytes_per_second",
		}
	}
	return []string{
		"read.total_bytes_per_second", "write.total_bytes_per_second", "read.total_operations_per_second", "write.total_operations_per_second",
		"disk.total_read_bytes_per_second", "disk.total_write_bytes_per_second",
	}
}

// ioTable are the metrics of proc(5) io.
func ioTable() []Metric {
	docs := [ioCounts]string{
		"read since the previous reading, from whatever, the cache too; with a child that ended comes all that it had read, rchar of proc(5) io",
		"written since the previous reading, to whatever, the cache too; with a child that ended comes all that it had written, wchar of proc(5) io",
		"calls such as read(2) since the previous reading, syscr of proc(5) io",
		"calls such as write(2) since the previous reading, syscw of proc(5) io",
		"read from disks since the previous reading, read_bytes of proc(5) io",
		"caused to be written to disks since the previous reading, write_bytes of proc(5) io",
	}
	totals := ioMetrics("total_")
	var metrics []Metric
	for i, name := range ioMetrics("") {
		doc := docs[i]
		if i != ioReads && i != ioWrites {
			doc = "bytes " + doc
		}
		metrics = append(metrics,
			Metric{Name: name, Unit: PerSecond, Doc: doc},
			Metric{Name: totals[i], Unit: PerSecond, Doc: "the same with all descendants, proc(5) io"})
	}
	return metrics
}

// parseIO reads /proc/PID/io.
func parseIO(data []byte) procIO {
	var io procIO
	for i := range io {
		io[i] = unknown()
	}
	eachKeyed(data, func(key []byte, n float64) {
		switch string(key) {
		case "rchar":
			io[ioRead] = n
		case "wchar":
			io[ioWritten] = n
		case "syscr":
			io[ioReads] = n
		case "syscw":
			io[ioWrites] = n
		case "read_bytes":
			io[ioDiskRead] = n
		case "write_bytes":
			io[ioDiskWritten] = n
		}
	})
	return io
}

// ioMeter turns samples of procIO into rates. The zero value has seen nothing.
type ioMeter struct {
	of     identity
	growth growth
}

// set sets the rates since the previous sample of the same process.
func (m *ioMeter) set(d *draft, which string, of identity, at time.Duration, now procIO, err error) {
	names := ioMetrics(which)
	if err != nil {
		d.miss(err, names...)
		return
	}
	if m.of != of {
		m.of, m.growth = of, growth{}
	}
	for i, rate := range m.growth.perSecond(at, now[:]...) {
		d.rate(names[i], now[i], rate, "proc(5) io")
	}
}

// ioSample is what the members of a tree have moved.
type ioSample struct {
	at      time.Duration // since boot
	members map[identity]procIO
}

// since is what the tree has moved since an earlier sample. What a child had
// moved when its parent waited for it is in the parent's, so what the members
// of the earlier sample had is taken off, whether they are still there or not.
// A process that has joined the tree counts from now on, one that was born in
// it from the beginning.
func (now ioSample) since(before ioSample) procIO {
	var sum procIO
	for id, io := range now.members {
		_, known := before.members[id]
		if !known && time.Duration(id.start+1)*tick <= before.at { //nolint:gosec // The kernel's uptime.
			continue
		}
		for i := range sum {
			sum[i] += io[i]
		}
	}
	for _, io := range before.members {
		for i := range sum {
			sum[i] -= io[i]
		}
	}
	for i := range sum {
		sum[i] = max(0, sum[i])
	}
	return sum
}

// parsePSS finds the proportional set size in /proc/PID/smaps_rollup, in
// bytes; NaN when it is not there.
func parsePSS(data []byte) float64 {
	pss := unknown()
	eachKeyed(data, func(key []byte, n float64) {
		if string(key) == "Pss" {
			pss = 1024 * n
		}
	})
	return pss
}
