package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin"
)

// kernel is a copy of testdata/kernels/NAME, for tests that change it.
func kernel(tb testing.TB, name string) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), "proc")
	if err := os.CopyFS(to, os.DirFS(filepath.Join("testdata/kernels", name))); err != nil {
		tb.Fatal(err)
	}
	return to
}

func TestSystemOfKernels(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"6.12": {
			"cpu.count": "2", "load.avg1": "0.5", "load.avg15": "3", "load.avg5_per_core": "0.625", "load.avg15_per_core": "1.5",
			"memory.total": "8192000000", "memory.available": "2048000000", "memory.used": "6144000000", "memory.percent": "75",
			"memory.cached": "1740800000", "memory.buffers": "102400000", "memory.free": "1024000000",
			"swap.total": "4096000000", "swap.free": "3072000000", "swap.used": "1024000000", "swap.percent": "25",
			"fds.open": "2036", "fds.max": "9223372036854775808", "fds.percent": "2.20744e-14",
			"processes.running": "3", "processes.blocked": "2", "processes.threads": "420", "processes.total": "0", "processes.zombies": "",
			"pressure.cpu.some.avg10": "22.65", "pressure.cpu.some.avg300": "37.44", "pressure.io.full.avg60": "0.5",
			"pressure.io.some.avg300": "3.5", "pressure.memory.some.avg10": "100", "pressure.memory.full.avg10": "99", "uptime": "100",
		},
		"5.4": {
			"pressure.cpu.some.avg60": "3", "pressure.memory.full.avg60": "50", "fds.percent": "25",
		},
		"2.6.32": {
			"memory.available": "409600", "memory.percent": "60", "memory.cached": "337920", "swap.percent": "0", "swap.total": "0", "swap.used": "0",
			"fds.open": "800", "fds.percent": "80", "load.avg15_per_core": "4", "pressure.cpu.some.avg10": "", "pressure.memory.full.avg60": "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := fixtureHost(t, kernel(t, name))
			wantValues(t, read(t, open(t, h, "system", nil)), want)
		})
	}
}

// TestSystemSaysWhatItCannotRead wants of every metric of which there is no
// value a reason, and that of itself alone.
func TestSystemSaysWhatItCannotRead(t *testing.T) {
	later := []string{"processes.total", "processes.zombies", "uptime"} // are there whatever the files say
	for _, test := range []struct {
		kernel string
		lacks  func(name string) bool
	}{
		{"nonsense", func(name string) bool { return name != "cpu.count" && !strings.HasPrefix(name, "load.avg1_") }},
		{"empty", func(string) bool { return true }},
		{"2.6.32", func(name string) bool { return strings.HasPrefix(name, "pressure.") || name == "cpu.guest_nice" }},
		{"5.4", func(string) bool { return false }},
		{"6.12", func(string) bool { return false }},
	} {
		t.Run(test.kernel, func(t *testing.T) {
			h, now := fixtureHost(t, kernel(t, test.kernel))
			for _, m := range systemKind().Metrics {
				r := open(t, h, "system", nil, m.Name)
				if _, err := r.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
				now.Add(int64(time.Second))
				got, err := r.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				value, reason := got.Values.Of(m.Name), got.Errors[m.Name]
				want := test.lacks(m.Name) && !slices.Contains(later, m.Name)
				if test.kernel == "nonsense" && m.Name == "cpu.count" {
					want = false
				}
				if test.kernel == "nonsense" && strings.HasPrefix(m.Name, "load.") {
					want = true
				}
				if want != (reason != nil) || want && value.Kind() != tocsin.NoValue {
					t.Errorf("%s: got %v with the reason %v, want a reason: %t", m.Name, value, reason, want)
				}
				idle := strings.HasPrefix(m.Name, "cpu.") && m.Unit == "percent" // no tick has passed
				if !want && !idle && value.Kind() != tocsin.NumberValue {
					t.Errorf("%s: got no value and no reason", m.Name)
				}
			}
		})
	}
}

// TestSystemSilentWhenNotAsked: of a check without rules all is shown, and what
// this kernel does not have is no failure of it.
func TestSystemSilentWhenNotAsked(t *testing.T) {
	h, _ := fixtureHost(t, kernel(t, "2.6.32"))
	read(t, open(t, h, "system", nil))
}

func TestSystemRates(t *testing.T) {
	proc := kernel(t, "6.12")
	h, now := fixtureHost(t, proc)
	r := open(t, h, "system", nil)
	rates := []string{
		"cpu.switches_per_second", "processes.forks_per_second", "paging.in_bytes_per_second", "paging.out_bytes_per_second",
		"swap.in_bytes_per_second", "swap.out_bytes_per_second", "paging.major_faults_per_second",
	}
	want := func(texts ...string) {
		t.Helper()
		all := map[string]string{}
		for i, name := range rates {
			all[name] = ""
			if i < len(texts) {
				all[name] = texts[i]
			}
		}
		wantValues(t, read(t, r), all)
	}
	replace := func(file string, pairs ...string) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(proc, file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, strings.NewReplacer(pairs...).Replace(string(data)), proc, file)
	}
	want() // the first
	want() // the same instant
	now.Add(int64(10 * time.Second))
	replace("stat", "ctxt 40000", "ctxt 40500", "processes 700", "processes 720")
	replace("vmstat", "pgpgin 1000", "pgpgin 1100", "pgpgout 2000", "pgpgout 2010", "pswpin 10", "pswpin 110", "pgmajfault 30", "pgmajfault 55")
	page := pageSize()
	want("50", "2", "10240", "1024", tocsin.Number(10*page).String(), "0", "2.5")
	want("50", "2", "10240", "1024", tocsin.Number(10*page).String(), "0", "2.5") // the same instant again
	now.Add(int64(time.Second))
	replace("stat", "ctxt 40500", "ctxt 1")
	replace("vmstat", "pgpgin 1100", "pgpgin 7")
	want("", "0", "", "0", "0", "0", "0") // went back
	now.Add(int64(time.Second))
	replace("stat", "ctxt 1", "ctxt 11")
	want("10", "0", "0", "0", "0", "0", "0")
}

func TestSystemPercentIsAbsentFirst(t *testing.T) {
	proc := kernel(t, "6.12")
	h, now := fixtureHost(t, proc)
	r := open(t, h, "system", nil, "cpu.percent", "cpu.guest_nice")
	wantValues(t, read(t, r), map[string]string{"cpu.percent": ""})
	now.Add(int64(time.Second))
	write(t, "cpu 1025 100 500 8075 300 10 20 30 200 60\n", proc, "stat")
	wantValues(t, read(t, r), map[string]string{"cpu.percent": "25", "cpu.guest_nice": "10"})
}

// TestSystemStall reads for a stall between two readings at the interval: the
// pressure is that of now, what is measured over time stays that of the
// interval.
func TestSystemStall(t *testing.T) {
	proc := kernel(t, "6.12")
	h, now := fixtureHost(t, proc)
	reader, ok := open(t, h, "system", nil, "cpu.percent", "cpu.switches_per_second", "pressure.io.some.avg10", "processes.running").(*systemReader)
	if !ok {
		t.Fatal("got another reader")
	}
	for _, step := range []struct {
		name          string
		after         time.Duration
		early         bool
		busy, idle    int // ticks since boot
		switches      int
		cpu, rate, io string
	}{
		{"a stall before anything was read", 0, true, 1000, 8000, 1000, "", "", "1.5"},
		{"a stall", 2 * time.Second, true, 1200, 8000, 9000, "", "", "1.5"},
		{"at the interval", 28 * time.Second, false, 1300, 8700, 4000, "30", "100", "1.5"},
		{"a stall", 2 * time.Second, true, 1500, 8700, 99000, "30", "100", "1.5"},
		{"at the interval", 8 * time.Second, false, 1500, 9500, 5000, "20", "100", "1.5"},
	} {
		write(t, fmt.Sprintf("cpu %d 0 0 %d\nctxt %d\nprocs_running 3\n", step.busy, step.idle, step.switches), proc, "stat")
		now.Add(int64(step.after))
		reader.stalled.Store(step.early)
		t.Log(step.name)
		wantValues(t, read(t, reader), map[string]string{
			"cpu.percent": step.cpu, "cpu.switches_per_second": step.rate, "pressure.io.some.avg10": step.io, "processes.running": "3",
		})
	}
}

// TestSystemReadsOnlyWantedSources breaks all files but one.
func TestSystemReadsOnlyWantedSources(t *testing.T) {
	sources := map[string][]string{
		"stat":            {"cpu.user", "cpu.switches_per_second", "processes.blocked", "cpu.count"},
		"meminfo":         {"memory.available", "swap.percent"},
		"loadavg":         {"load.avg15", "processes.threads"},
		"vmstat":          {"paging.in_bytes_per_second", "swap.in_bytes_per_second"},
		"sys/fs/file-nr":  {"fds.percent"},
		"pressure/cpu":    {"pressure.cpu.some.avg10"},
		"pressure/memory": {"pressure.memory.some.avg10", "pressure.memory.full.avg60"},
	}
	for source, metrics := range sources {
		proc := kernel(t, "6.12")
		for other := range sources {
			if other != source {
				write(t, "broken", proc, other)
			}
		}
		h, _ := fixtureHost(t, proc)
		read(t, open(t, h, "system", nil, metrics...))
	}
}

func TestSystemProcesses(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	got := read(t, open(t, h, "system", nil, "processes.total", "processes.zombies"))
	wantValues(t, got, map[string]string{"processes.zombies": "2"})
	if n := got.Values.Of("processes.total").Float(); n < 10 {
		t.Errorf("got %v processes, want 10 or more", n)
	}
}

// TestSystemReadAllocatesLittle holds that a reading costs the same few
// objects, whatever the files say.
func TestSystemReadAllocatesLittle(t *testing.T) {
	h, now := fixtureHost(t, kernel(t, "6.12"))
	r := open(t, h, "system", nil, "cpu.percent", "memory.percent", "load.avg5", "fds.percent")
	ctx := t.Context()
	got := testing.AllocsPerRun(20, func() {
		now.Add(1)
		if _, err := r.Read(ctx); err != nil {
			t.Error(err)
		}
	})
	if got > 25 {
		t.Errorf("got %v allocations a reading, want 25 or fewer", got)
	}
}

func TestSystemOfThisHost(t *testing.T) {
	got := read(t, open(t, NewHost(""), "system", nil))
	value := func(name string) float64 {
		v := got.Values.Of(name)
		if v.Kind() != tocsin.NumberValue {
			t.Errorf("got %s %v, want a number; there is %q", name, v, got.Values.Sorted())
		}
		return v.Float()
	}
	if available, total := value("memory.available"), value("memory.total"); available <= 0 || available > total {
		t.Errorf("got %v of %v bytes available", available, total)
	}
	for _, name := range []string{"uptime", "fds.open", "fds.max", "processes.total", "processes.threads", "processes.running"} {
		if n := value(name); n <= 0 {
			t.Errorf("got %s %v, want it to be over 0", name, n)
		}
	}
	if load := value("load.avg1"); load < 0 {
		t.Errorf("got load %v, want it to be 0 or more", load)
	}
}
