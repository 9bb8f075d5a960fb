package checks

import (
	"math"
	"os"
	"testing"
)

func TestSetTimes(t *testing.T) {
	before := cpuTimes{modeUser: 100, modeNice: 10, modeSystem: 50, modeIdle: 800, modeIowait: 40, modeIRQ: 1, modeSoftIRQ: 2, modeSteal: 3, modeGuest: 20, modeGuestNice: 5}
	after := cpuTimes{modeUser: 130, modeNice: 15, modeSystem: 60, modeIdle: 840, modeIowait: 50, modeIRQ: 2, modeSoftIRQ: 4, modeSteal: 5, modeGuest: 30, modeGuestNice: 7}
	tests := []struct {
		name          string
		before, after cpuTimes
		want          map[string]string
	}{
		{"busy", before, after, map[string]string{
			"cpu.percent": "50", "cpu.user": "30", "cpu.nice": "5", "cpu.system": "10", "cpu.irq": "1", "cpu.idle": "40",
			"cpu.softirq": "2", "cpu.steal": "2", "cpu.iowait": "10", "cpu.guest": "12", "cpu.guest_nice": "2",
		}},
		{"same instant", before, before, map[string]string{"cpu.percent": "", "cpu.user": ""}},
		{"counters went back", after, before, map[string]string{"cpu.percent": "", "cpu.user": ""}},
		{
			"idle went back a little",
			cpuTimes{modeUser: 10, modeIdle: 100, modeIowait: 5},
			cpuTimes{modeUser: 20, modeIdle: 99, modeIowait: 5},
			map[string]string{"cpu.percent": "100", "cpu.iowait": "0"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDraft(Spec{})
			setTimes(d, &kernelStat{times: test.before, modes: modes}, &kernelStat{times: test.after, modes: modes})
			wantValues(t, d.reading, test.want)
		})
	}
}

func TestSetMemory(t *testing.T) {
	tests := []struct {
		name string
		in   memory
		want map[string]string
	}{
		{"usual", memory{total: 1000, available: 250, free: 100, cached: 300, buffers: 20, swapTotal: 400, swapFree: 300}, map[string]string{
			"memory.total": "1000", "memory.available": "250", "memory.used": "750", "memory.percent": "75", "memory.free": "100",
			"memory.cached": "300", "memory.buffers": "20", "swap.total": "400", "swap.free": "300", "swap.used": "100", "swap.percent": "25",
		}},
		{"no swap", memory{total: 1000, available: 1000}, map[string]string{
			"memory.percent": "0", "swap.percent": "0", "swap.total": "0", "swap.used": "0",
		}},
		{"more available than there is", memory{total: 1000, available: 2000, swapTotal: 1, swapFree: 2}, map[string]string{
			"memory.used": "0", "memory.percent": "0", "swap.used": "0", "swap.percent": "0",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDraft(Spec{})
			setMemory(d, &test.in)
			wantValues(t, d.reading, test.want)
		})
	}
}

// FuzzProcText gives every parser of the files about the whole host any text.
func FuzzProcText(f *testing.F) {
	for _, name := range []string{"stat", "meminfo", "vmstat", "loadavg", "sys/fs/file-nr", "pressure/memory", "pressure/io"} {
		for _, kernel := range []string{"6.12", "nonsense"} {
			data, err := os.ReadFile("testdata/kernels/" + kernel + "/" + name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("   8 0 sda 1 2 3 4 5 6 7 8 9 10 11"))
	f.Add([]byte("rchar: 1\nwchar: 18446744073709551615\nPss: 7 kB\n0::/a\nVmSwap:\t 1 kB\nUid:\t1\t1\nGid:\t1\t1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		finite := func(name string, numbers ...float64) {
			t.Helper()
			for _, n := range numbers {
				if n < 0 || math.IsInf(n, 0) {
					t.Errorf("%s: got %v", name, n)
				}
			}
		}
		if s, err := parseKernelStat(data); err == nil {
			finite("stat", s.switches, s.forks, s.running, s.blocked)
			d := newDraft(Spec{})
			setTimes(d, &kernelStat{}, &s)
			for _, got := range d.reading.Values {
				name, v := got.Metric, got.Value
				if v.Float() < 0 || v.Float() > 100 {
					t.Errorf("got %s %v", name, v)
				}
			}
		}
		if m, err := parseMemory(data); err == nil {
			finite("meminfo", m.total, m.available, m.free, m.cached, m.buffers, m.swapTotal, m.swapFree)
		}
		p := parsePaging(data)
		finite("vmstat", p.in, p.out, p.swapIn, p.swapOut, p.faults)
		if load, err := parseLoad(data); err == nil {
			finite("loadavg", load.avg[0], load.avg[1], load.avg[2], load.threads)
		}
		if open, most, err := parseFileNumbers(data); err == nil {
			finite("file-nr", open, most)
		}
		for _, line := range []string{"some", "full"} {
			if percent, ok := parsePressure(data, line, "avg10"); ok && !(percent >= 0 && percent <= 100) {
				t.Errorf("pressure: got %v", percent)
			}
		}
		if s, err := parseDiskStat(data); err == nil {
			finite("stat of a device", s.reads, s.read, s.readTime, s.writes, s.written, s.writeTime, s.busy)
		}
		io := parseIO(data)
		finite("io", io[:]...)
		finite("smaps_rollup", parsePSS(data))
		if s, err := parseStatus(data); err == nil {
			finite("status", s.swap)
		}
		if group, err := parseCgroup(data); err == nil && group[0] != '/' {
			t.Errorf("cgroup: got %q", group)
		}
	})
}
