package checks

import (
	"context"
	"errors"
	"testing"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"

	"tocsin"
)

func TestSetTimes(t *testing.T) {
	before := cpu.TimesStat{User: 100, Nice: 10, System: 50, Idle: 800, Iowait: 40, Irq: 1, Softirq: 2, Steal: 3, Guest: 20, GuestNice: 5}
	after := cpu.TimesStat{User: 130, Nice: 15, System: 60, Idle: 840, Iowait: 50, Irq: 2, Softirq: 4, Steal: 5, Guest: 30, GuestNice: 7}
	tests := []struct {
		name          string
		before, after cpu.TimesStat
		want          map[string]string
	}{
		{"busy", before, after, map[string]string{
			"cpu.percent": "50", "cpu.user": "30", "cpu.nice": "5", "cpu.system": "10", "cpu.irq": "1",
			"cpu.softirq": "2", "cpu.steal": "2", "cpu.iowait": "10", "cpu.guest": "12",
		}},
		{"same instant", before, before, map[string]string{"cpu.percent": "", "cpu.user": ""}},
		{"counters went back", after, before, map[string]string{"cpu.percent": "", "cpu.user": ""}},
		{
			"idle went back a little",
			cpu.TimesStat{User: 10, Idle: 100, Iowait: 5},
			cpu.TimesStat{User: 20, Idle: 99, Iowait: 5},
			map[string]string{"cpu.percent": "100", "cpu.iowait": "0"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDraft(Spec{})
			setTimes(d, test.before, test.after)
			wantValues(t, d.reading, test.want)
		})
	}
}

func TestSetMemory(t *testing.T) {
	tests := []struct {
		name string
		in   mem.VirtualMemoryStat
		want map[string]string
	}{
		{"usual", mem.VirtualMemoryStat{Total: 1000, Available: 250, Free: 100, Cached: 300, Buffers: 20, SwapTotal: 400, SwapFree: 300}, map[string]string{
			"memory.total": "1000", "memory.available": "250", "memory.used": "750", "memory.percent": "75", "memory.free": "100",
			"memory.cached": "300", "memory.buffers": "20", "swap.total": "400", "swap.free": "300", "swap.used": "100", "swap.percent": "25",
		}},
		{"no swap", mem.VirtualMemoryStat{Total: 1000, Available: 1000}, map[string]string{
			"memory.percent": "0", "swap.percent": "0", "swap.total": "0", "swap.used": "0",
		}},
		{"more available than there is", mem.VirtualMemoryStat{Total: 1000, Available: 2000, SwapTotal: 1, SwapFree: 2}, map[string]string{
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

// systemSources is a system reader whose sources count how often they are read.
func systemSources(metrics ...string) (*systemReader, map[string]int) {
	counts := map[string]int{}
	r := &systemReader{spec: Spec{Metrics: map[string]bool{}}}
	for _, name := range metrics {
		r.spec.Metrics[name] = true
	}
	r.cores = func() (int, error) { counts["cores"]++; return 8, nil }
	r.times = func(context.Context, bool) ([]cpu.TimesStat, error) {
		counts["times"]++
		return []cpu.TimesStat{{User: float64(counts["times"]), Idle: float64(3 * counts["times"])}}, nil
	}
	r.memory = func(context.Context) (*mem.VirtualMemoryStat, error) {
		counts["memory"]++
		return &mem.VirtualMemoryStat{Total: 100, Available: 50}, nil
	}
	r.load = func(context.Context) (*load.AvgStat, error) {
		counts["load"]++
		return &load.AvgStat{Load1: 1, Load5: 5, Load15: 15}, nil
	}
	r.uptime = func(context.Context) (uint64, error) { counts["uptime"]++; return 77, nil }
	return r, counts
}

func TestSystemReadsOnlyWantedSources(t *testing.T) {
	tests := []struct {
		metric, source, want string
	}{
		{"cpu.count", "cores", "8"},
		{"cpu.user", "times", "25"},
		{"memory.available", "memory", "50"},
		{"swap.percent", "memory", "0"},
		{"load.avg15", "load", "15"},
		{"uptime", "uptime", "77"},
	}
	for _, test := range tests {
		r, counts := systemSources(test.metric)
		read(t, r)
		wantValues(t, read(t, r), map[string]string{test.metric: test.want})
		if len(counts) != 1 || counts[test.source] != 2 {
			t.Errorf("%s: got reads %v, want only %s", test.metric, counts, test.source)
		}
	}
}

func TestSystemPercentIsAbsentFirst(t *testing.T) {
	r, _ := systemSources("cpu.percent")
	wantValues(t, read(t, r), map[string]string{"cpu.percent": ""})
	wantValues(t, read(t, r), map[string]string{"cpu.percent": "25"})
}

func TestSystemSaysWhatItCannotRead(t *testing.T) {
	broken := errors.New("broken")
	r, _ := systemSources("cpu.count", "cpu.percent", "memory.used", "load.avg1", "uptime")
	r.cores = func() (int, error) { return 0, broken }
	r.times = func(context.Context, bool) ([]cpu.TimesStat, error) { return nil, nil }
	r.memory = func(context.Context) (*mem.VirtualMemoryStat, error) { return &mem.VirtualMemoryStat{}, nil }
	r.load = func(context.Context) (*load.AvgStat, error) { return nil, broken }
	r.uptime = func(context.Context) (uint64, error) { return 0, broken }
	got, err := r.Read(t.Context())
	if err != nil || len(got.Values) != 0 || len(got.Errors) != len(r.spec.Metrics) {
		t.Errorf("got %v, %v, want an error of each metric and no value", got, err)
	}
}

func TestSystemOfThisHost(t *testing.T) {
	got := read(t, open(t, NewHost(""), "system", nil))
	value := func(name string) float64 {
		v := got.Values[name]
		if v.Kind() != tocsin.NumberValue {
			t.Errorf("got %s %v, want a number", name, v)
		}
		return v.Float()
	}
	if available, total := value("memory.available"), value("memory.total"); available <= 0 || available > total {
		t.Errorf("got %v of %v bytes available", available, total)
	}
	if up := value("uptime"); up <= 0 {
		t.Errorf("got uptime %v, want it to be over 0", up)
	}
	if load := value("load.avg1"); load < 0 {
		t.Errorf("got load %v, want it to be 0 or more", load)
	}
}
