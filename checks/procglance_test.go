package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestGlance has processes come, change and go between two passes.
func TestGlance(t *testing.T) {
	proc := copyFixtures(t)
	h, now := fixtureHost(t, proc)
	look := func(after time.Duration) *Table {
		t.Helper()
		now.Add(int64(after))
		if err := h.processes().snapshot(t.Context(), 0, newcomers, func(*Table) {}); err != nil {
			t.Fatal(err)
		}
		return h.processes()
	}
	command := func(table *Table, pid int32) string {
		if p := table.byPID[pid]; p != nil {
			return string(p.command)
		}
		return "none"
	}
	old := command(look(0), 101)
	write(t, statLine{pid: 101, parent: 100, comm: "other", start: 5001}.String(), proc, "101/stat")
	write(t, "other\x00", proc, "101/cmdline")
	write(t, statLine{pid: 900, parent: 1, comm: "sh", start: 9000}.String(), proc, "900/stat")
	write(t, "sh\x00start\x00", proc, "900/cmdline")
	if err := os.RemoveAll(filepath.Join(proc, "700")); err != nil {
		t.Fatal(err)
	}
	table := look(time.Second)
	if got := command(table, 101); got != old {
		t.Errorf("got %q of a process that was there, want %q until it is due", got, old)
	}
	if got := command(table, 900); got != "sh start" {
		t.Errorf("got %q of a new process", got)
	}
	if got := command(table, 700); got != "none" {
		t.Errorf("got %q of a process that has gone", got)
	}
	write(t, statLine{pid: 900, parent: 1, comm: "daemon", start: 9000}.String(), proc, "900/stat")
	write(t, "daemon\x00-x\x00", proc, "900/cmdline")
	if got := command(look(time.Second), 900); got != "daemon -x" {
		t.Errorf("got %q of a young process, want what it has become", got)
	}
	if got := command(look(maxLook), 101); got != "other" {
		t.Errorf("got %q after %s, want what it has become", got, maxLook)
	}
}

// TestGlanceNeedsNoDirectory: who has come is found by the numbers that the
// kernel has given, and only where these say nothing in the directory.
func TestGlanceNeedsNoDirectory(t *testing.T) {
	proc := copyFixtures(t)
	h, now := fixtureHost(t, proc)
	table := h.processes()
	last := func(text string) { write(t, "0.1 0.2 0.3 1/100 "+text+"\n", proc, "loadavg") }
	come := func(pid, signal int) {
		line := statLine{pid: pid, parent: 1, comm: "sh", start: int(h.uptime() / tick), signal: signal}
		write(t, line.String(), proc, strconv.Itoa(pid), "stat")
		write(t, fmt.Sprintf("sh\x00%d\x00", pid), proc, strconv.Itoa(pid), "cmdline")
	}
	last("701")
	passOf(t, h, true)
	steps := []struct {
		name   string
		after  time.Duration
		do     func()
		walks  bool
		here   []int32
		absent []int32
	}{
		{"nobody", time.Second, func() {}, false, []int32{1, 700}, []int32{702}},
		{"one", time.Second, func() { last("702"); come(702, 17) }, false, []int32{702}, nil},
		{"one whose number is given and who is not there yet", time.Second, func() { last("703") }, false, nil, []int32{703}},
		{"and is now", time.Second, func() { come(703, 17) }, false, []int32{702, 703}, nil},
		{"a thread", time.Second, func() { last("704"); come(704, -1) }, false, []int32{703}, []int32{704}},
		{"out of turn", time.Second, func() { come(900, 17) }, false, nil, []int32{900}},
		{"the number says nothing", time.Second, func() { last("nonsense") }, true, []int32{703, 900}, nil},
		{"nor did it the last time", time.Second, func() { last("900") }, true, nil, nil},
		{"the numbers begin anew", time.Second, func() { last("20"); come(20, 17) }, true, []int32{20}, nil},
		{"very many", time.Second, func() { last("2000"); come(1999, 17) }, true, []int32{1999}, nil},
		{"one has gone", maxLook, func() {
			if err := os.RemoveAll(filepath.Join(proc, "700")); err != nil {
				t.Fatal(err)
			}
		}, true, []int32{900}, []int32{700}},
		{"a young one has gone", 20 * time.Second, func() {
			if err := os.RemoveAll(filepath.Join(proc, "20")); err != nil {
				t.Fatal(err)
			}
		}, false, nil, []int32{20}},
		{"out of turn, and that long ago", walkAge, func() { come(30, 17) }, true, []int32{30}, nil},
	}
	for _, step := range steps {
		before := table.walked
		now.Add(int64(step.after))
		step.do()
		if err := table.snapshot(t.Context(), 0, newcomers, func(*Table) {}); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := table.walked != before; got != step.walks {
			t.Errorf("%s: went through the directory: %t", step.name, got)
		}
		listed := map[int32]int{}
		for _, p := range table.list {
			listed[p.pid]++
		}
		for _, pid := range step.here {
			if listed[pid] != 1 || table.byPID[pid] == nil {
				t.Errorf("%s: %d is listed %d times", step.name, pid, listed[pid])
			}
		}
		for _, pid := range step.absent {
			if listed[pid] != 0 || table.byPID[pid] != nil {
				t.Errorf("%s: %d is listed %d times", step.name, pid, listed[pid])
			}
		}
	}
}

// TestPatience: what is young is looked at often.
func TestPatience(t *testing.T) {
	p := &process{}
	p.start = 500 // five seconds after the boot
	for at, want := range map[time.Duration]time.Duration{
		4 * time.Second: 0, 5 * time.Second: 0, 9 * time.Second: time.Second, 45 * time.Second: 10 * time.Second, time.Hour: maxLook,
	} {
		if got := p.patience(at); got != want {
			t.Errorf("%s after the boot: got %s, want %s", at, got, want)
		}
	}
}
