package checks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is a /proc of which a test says who comes and goes.
type crowd struct {
	t    *testing.T
	proc string
	host *Host
	now  *atomic.Int64
}

// newCrowd has read the fixtures, which have been there for a day.
func newCrowd(t *testing.T, last int) *crowd {
	c := &crowd{t: t, proc: copyFixtures(t)}
	c.host, c.now = fixtureHost(t, c.proc)
	c.now.Add(int64(24 * time.Hour))
	c.last(strconv.Itoa(last))
	passOf(t, c.host, true)
	return c
}

// last says which number was given last.
func (c *crowd) last(number string) {
	write(c.t, "0.1 0.2 0.3 1/100 "+number+"\n", c.proc, "loadavg")
}

func (c *crowd) come(pid int, command string) {
	line := statLine{pid: pid, parent: 1, comm: "sh", start: int(c.host.uptime() / tick)}
	write(c.t, line.String(), c.proc, strconv.Itoa(pid), "stat")
	write(c.t, command+"\x00", c.proc, strconv.Itoa(pid), "cmdline")
}

func (c *crowd) leave(pid int) {
	if err := os.RemoveAll(filepath.Join(c.proc, strconv.Itoa(pid))); err != nil {
		c.t.Fatal(err)
	}
}

// glance is one a second later.
func (c *crowd) glance() *Table {
	c.t.Helper()
	c.now.Add(int64(time.Second))
	if err := c.host.processes().snapshot(c.t.Context(), 0, newcomers, func(*Table) {}); err != nil {
		c.t.Fatal(err)
	}
	return c.host.processes()
}

// sees fails unless the next glance sees that a process has the command line.
func (c *crowd) sees(what string, pid int32, command string) {
	c.t.Helper()
	if p := c.glance().byPID[pid]; p == nil || string(p.command) != command {
		c.t.Errorf("%s: got %+v, want %q", what, p, command)
	}
}

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

// TestANumberGivenAnew: who has the number of a process that has ended is another
// one, also with the same command line.
func TestANumberGivenAnew(t *testing.T) {
	c := newCrowd(t, 699)
	m := matcher{text: "^wanted$"}
	for _, pid := range []int{700, 101} {
		c.leave(pid)
	}
	c.come(700, "wanted")
	c.last("700")
	c.sees("another command", 700, "wanted")
	if p := m.find(c.host.processes()); p == nil || p.pid != 700 {
		t.Errorf("found %+v, want 700", p)
	}
	c.last("100")
	c.glance()
	c.come(101, "nginx: worker process")
	c.last("101")
	c.sees("the same command", 101, "nginx: worker process")
	if p := c.host.processes().byPID[101]; p.start != uint64(c.host.uptime()/tick)-100 || p.parent != 1 {
		t.Errorf("it began at %d under %d, want the new one", p.start, p.parent)
	}
	if n := len(c.host.processes().list); n != len(c.host.processes().byPID) {
		t.Errorf("%d are listed of %d", n, len(c.host.processes().byPID))
	}
}

// TestANumberOfAnother: where loadavg is not of this directory, the directory is
// gone through.
func TestANumberOfAnother(t *testing.T) {
	c := newCrowd(t, 3_000_000)
	c.host.processes().numbered = false
	c.come(702, "wanted")
	c.last("3000007")
	c.sees("a foreign number", 702, "wanted")
	start := c.host.processes().byPID[702].start
	c.now.Add(int64(time.Second))
	c.come(702, "wanted") // another process
	for range 70 {
		c.glance()
	}
	if p := c.host.processes().byPID[702]; p.start == start {
		t.Error("its number has another process, and nobody looked")
	}
	if !numbersItself("/proc") || !numbersItself(t.TempDir()) {
		t.Error("this /proc, or a copy, is taken for that of another")
	}
}

// TestANumberBeforeItsProcess: a number is given a little before its process can be
// seen, also while the directory is gone through.
func TestANumberBeforeItsProcess(t *testing.T) {
	for name, look := range map[string]func(*crowd){
		"a glance":            func(c *crowd) { c.glance() },
		"a pass":              func(c *crowd) { passOf(c.t, c.host, true) },
		"a glance and a pass": func(c *crowd) { c.glance(); passOf(c.t, c.host, true) },
	} {
		c := newCrowd(t, 701)
		c.last("702")
		look(c)
		c.come(702, "wanted")
		c.sees(name, 702, "wanted")
		c.glance()
		if n := len(c.host.processes().absent); n > 0 {
			t.Errorf("%s: %d numbers are asked for again and again", name, n)
		}
	}
}

// TestALookThatFails loses nobody: the directory cannot be opened.
func TestALookThatFails(t *testing.T) {
	for _, need := range []depth{whole, commands, newcomers} {
		c := newCrowd(t, 701)
		c.come(702, "wanted")
		c.last("702")
		table := c.host.processes()
		table.proc = filepath.Join(c.proc, "absent")
		if need == newcomers { // the number is known, the directory is not to be had
			if err := os.Mkdir(table.proc, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(c.proc, "loadavg"), filepath.Join(table.proc, "loadavg")); err != nil {
				t.Fatal(err)
			}
			table.commands = true
		}
		c.now.Add(int64(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := table.renew(ctx, c.host.uptime(), need); err == nil || table.complete {
			t.Errorf("%d: got %v, complete %t", need, err, table.complete)
		}
		table.proc = c.proc
		c.sees(fmt.Sprint(need), 702, "wanted")
	}
}

// TestWithoutACommandLine: who has none is looked at once more at once, as it may be
// in the midst of exec(3), and then like the others.
func TestWithoutACommandLine(t *testing.T) {
	c := newCrowd(t, 701)
	c.now.Add(int64(maxLook))
	write(t, "", c.proc, "102/cmdline")
	table := c.glance()
	p := table.byPID[102]
	if string(p.command) != "[nginx]" || p.due > c.host.uptime() {
		t.Errorf("got %q, due in %s, want to look at once", p.command, p.due-c.host.uptime())
	}
	c.glance()
	if wait := p.due - c.host.uptime(); wait < maxLook/2 {
		t.Errorf("it is due in %s", wait)
	}
}
