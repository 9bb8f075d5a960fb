package checks

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	gopsprocess "github.com/shirou/gopsutil/v3/process"

	"tocsin"
)

// manyProcesses writes a proc tree of n processes.
func manyProcesses(tb testing.TB, n int) string {
	tb.Helper()
	proc := filepath.Join(tb.TempDir(), "proc")
	write(tb, "cpu  1 2 3 4\ncpu0 1 2 3 4\nbtime 1700000000\n", proc, "stat")
	for i := range n {
		pid := strconv.Itoa(1000 + i)
		write(tb, statLine{pid: 1000 + i, parent: 1000 + i/10, comm: "worker", ticks: 100, start: 500 + i, residentInPage: 300}.String(), proc, pid, "stat")
		write(tb, fmt.Sprintf("/usr/bin/worker\x00--number\x00%d\x00", i), proc, pid, "cmdline")
		write(tb, "Name:\tworker\nState:\tS (sleeping)\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmRSS:\t 1200 kB\n", proc, pid, "status")
		write(tb, "2500 300 100 10 0 90 0\n", proc, pid, "statm")
	}
	return proc
}

// BenchmarkTable is one pass over 2,000 processes that have not changed, with
// their command lines known. The metric gopsutil/pass says how many times as
// long gopsutil's list of the same takes.
func BenchmarkTable(b *testing.B) {
	proc := manyProcesses(b, 2000)
	b.Setenv("HOST_PROC", proc)
	h, now := fixtureHost(b, proc)
	table := h.processes()
	pass := func() {
		now.Add(int64(time.Second / 100)) // less than commandAge in all
		if err := table.snapshot(b.Context(), 0, commands, func(*Table) {}); err != nil {
			b.Fatal(err)
		}
	}
	pass()
	for _, p := range table.list {
		p.due = time.Duration(1<<63 - 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		pass()
	}
	perPass := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(perPass.Nanoseconds())/2000, "ns/process")
	b.StopTimer()
	if len(table.list) != 2000 {
		b.Fatalf("got %d processes, want 2000", len(table.list))
	}
	start := time.Now()
	if got := gopsutilList(b); got != 2000 {
		b.Fatalf("got %d processes of gopsutil, want 2000", got)
	}
	b.ReportMetric(float64(time.Since(start))/float64(perPass), "gopsutil/pass")
}

// gopsutilList reads of every process what the table does.
func gopsutilList(b *testing.B) int {
	b.Helper()
	all, err := gopsprocess.PidsWithContext(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range all {
		p := gopsprocess.Process{Pid: pid} // its own constructor asks the real kernel for the number
		_, nameErr := p.NameWithContext(b.Context())
		_, lineErr := p.CmdlineWithContext(b.Context())
		_, memoryErr := p.MemoryInfoWithContext(b.Context())
		if nameErr != nil || lineErr != nil || memoryErr != nil {
			b.Fatal(nameErr, lineErr, memoryErr)
		}
		if _, err := p.TimesWithContext(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return len(all)
}

// BenchmarkRead is one reading of a check by kind of check.
func BenchmarkRead(b *testing.B) {
	proc := manyProcesses(b, 2000)
	pidfile := write(b, "1500", b.TempDir(), "pid")
	for _, bench := range []struct {
		name, kind string
		attributes map[string]string
		metrics    []string
	}{
		{"pidfile", "process", map[string]string{"pidfile": pidfile}, []string{"exists", "cpu.percent", "memory.rss"}},
		{"match, table shared", "process", map[string]string{"match": "number 700$"}, []string{"exists", "memory.rss"}},
		{"no match, table shared", "process", map[string]string{"match": "nothing"}, []string{"exists"}},
		{"filesystem", "filesystem", map[string]string{"path": "/"}, []string{"space.percent", "inodes.percent"}},
		{"file", "file", map[string]string{"path": pidfile}, []string{"age", "size"}},
		{"system", "system", nil, []string{"cpu.percent", "memory.percent", "load.avg5"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			h, _ := fixtureHost(b, proc)
			if bench.kind != "process" { // the fixture has nothing else
				h = NewHost("")
			}
			r := open(b, h, bench.kind, bench.attributes, bench.metrics...)
			b.ReportAllocs()
			read := r.Read
			if here, ok := r.(interface {
				ReadHere(context.Context) (tocsin.Reading, error)
			}); ok {
				read = here.ReadHere
			}
			for b.Loop() {
				if _, err := read(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestPassAllocatesNothingPerProcess holds what BenchmarkTable shows: a pass
// over processes that have not changed costs the same few objects for ten of
// them as for 200.
func TestPassAllocatesNothingPerProcess(t *testing.T) {
	allocations := func(n int) float64 {
		h, now := fixtureHost(t, manyProcesses(t, n))
		ctx := t.Context()
		pass := func() {
			now.Add(1)
			if err := h.processes().snapshot(ctx, 0, commands, func(*Table) {}); err != nil {
				t.Error(err)
			}
		}
		pass()
		for _, p := range h.processes().list {
			p.due = time.Duration(1<<63 - 1)
		}
		return testing.AllocsPerRun(5, pass)
	}
	few, many := allocations(10), allocations(200)
	if many > few+5 {
		t.Errorf("got %v allocations of 200 processes and %v of 10, want about the same", many, few)
	}
}
