package checks

import (
	"bytes"
	"errors"
)

// The modes of processor time, in the order of proc(5) stat.
const (
	modeUser = iota
	modeNice
	modeSystem
	modeIdle
	modeIowait
	modeIRQ
	modeSoftIRQ
	modeSteal
	modeGuest
	modeGuestNice
	modes
)

// cpuTimes is the time that all processors together spent in each mode, in
// ticks since boot.
type cpuTimes [modes]uint64

// counted is all the time, each tick once: the kernel counts guest also as
// user and guest_nice also as nice.
func (t *cpuTimes) counted() (sum uint64) {
	for _, n := range t[:modeGuest] {
		sum += n
	}
	return sum
}

// kernelStat is proc(5) stat. A number that this kernel does not say is NaN.
type kernelStat struct {
	times cpuTimes
	modes int // how many of times the kernel says, 4 or more

	switches, forks  float64 // since boot
	running, blocked float64 // threads now
}

// parseKernelStat reads /proc/stat.
func parseKernelStat(data []byte) (kernelStat, error) {
	s := kernelStat{switches: unknown(), forks: unknown(), running: unknown(), blocked: unknown()}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	words, ok := bytes.CutPrefix(first, []byte("cpu "))
	if !ok {
		return s, errors.New("no cpu line in proc(5) stat")
	}
	for word := range bytes.FieldsSeq(words) {
		n, ok := integer(word)
		if !ok {
			return s, errors.New("no numbers in the cpu line of proc(5) stat")
		}
		if s.modes < modes {
			s.times[s.modes] = positive(n)
			s.modes++
		}
	}
	if s.modes <= modeIdle {
		return s, errors.New("fewer than 4 numbers in the cpu line of proc(5) stat")
	}
	eachKeyed(rest, func(key []byte, n float64) {
		switch string(key) {
		case "ctxt":
			s.switches = n
		case "processes":
			s.forks = n
		case "procs_running":
			s.running = n
		case "procs_blocked":
			s.blocked = n
		}
	})
	return s, nil
}

// cpuMode is a metric that is the share of one mode.
type cpuMode struct {
	metric string
	mode   int
}

// cpuModes are the metrics of one mode.
func cpuModes() [10]cpuMode {
	return [...]cpuMode{
		{"cpu.user", modeUser},
		{"cpu.nice", modeNice},
		{"cpu.system", modeSystem},
		{"cpu.iowait", modeIowait},
		{"cpu.irq", modeIRQ},
		{"cpu.softirq", modeSoftIRQ},
		{"cpu.steal", modeSteal},
		{"cpu.guest", modeGuest},
		{"cpu.guest_nice", modeGuestNice},
		{"cpu.idle", modeIdle},
	}
}

// setTimes sets the percents of the time between two samples. A single mode
// may go back a little, as idle and iowait do.
func setTimes(d *draft, before, after *kernelStat) {
	for _, m := range cpuModes() {
		if m.mode >= after.modes {
			d.count(m.metric, unknown(), "proc(5) stat")
		}
	}
	if after.times.counted() < before.times.counted() {
		return // a processor went offline and took its counters along
	}
	var grown [modes]float64
	total := 0.0
	for i := range grown {
		grown[i] = float64(after.times[i] - min(after.times[i], before.times[i]))
		if i < modeGuest {
			total += grown[i]
		}
	}
	d.share("cpu.percent", total-grown[modeIdle]-grown[modeIowait], total)
	grown[modeGuest] += grown[modeGuestNice]
	for _, m := range cpuModes() {
		if m.mode < after.modes {
			d.share(m.metric, grown[m.mode], total)
		}
	}
}
