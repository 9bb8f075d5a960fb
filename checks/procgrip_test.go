package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
		t.Errorf("got %q of a process that was there, want %q until the next pass", got, old)
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
	if got := command(look(wholeAge), 101); got != "other" {
		t.Errorf("got %q after %s, want a whole pass", got, wholeAge)
	}
}

// TestGlanceSparesItself has nobody come: the number that the kernel gave last
// is the same.
func TestGlanceSparesItself(t *testing.T) {
	proc := copyFixtures(t)
	h, now := fixtureHost(t, proc)
	generation := func() uint64 {
		t.Helper()
		now.Add(int64(time.Second))
		if err := h.processes().snapshot(t.Context(), 0, newcomers, func(*Table) {}); err != nil {
			t.Fatal(err)
		}
		return h.processes().generation
	}
	write(t, "0.1 0.2 0.3 1/100 700\n", proc, "loadavg")
	generation()
	first := generation()
	if got := generation(); got != first {
		t.Errorf("walked although nobody has come")
	}
	write(t, "0.1 0.2 0.3 1/100 701\n", proc, "loadavg")
	if got := generation(); got == first {
		t.Errorf("did not walk although somebody has come")
	}
	second := generation()
	write(t, "nonsense\n", proc, "loadavg")
	if got := generation(); got == second {
		t.Errorf("did not walk although nobody can say")
	}
}

// TestGrip reads one process twice and then another one.
func TestGrip(t *testing.T) {
	h := NewHost("")
	mark := fmt.Sprintf("%s-grip-%d", childMark, os.Getpid())
	first, second := startChild(t, mark), startChild(t, mark)
	path := filepath.Join(t.TempDir(), "pid")
	write(t, fmt.Sprint(first.Pid), path)
	r := open(t, h, "process", map[string]string{"pidfile": path}, "exists", "pid", "uid", "memory.rss")
	pr, _ := r.(*processReader)
	wantValues(t, read(t, r), map[string]string{"exists": "true", "pid": fmt.Sprint(first.Pid)})
	held := pr.grip
	if held == nil || h.grips.Load() != 1 {
		t.Fatalf("got no grip, %d in all", h.grips.Load())
	}
	got := read(t, r)
	wantValues(t, got, map[string]string{"exists": "true", "pid": fmt.Sprint(first.Pid)})
	if pr.grip != held || len(got.Values) != 4 {
		t.Errorf("got another grip, or not all of %v", got.Values)
	}
	write(t, fmt.Sprint(second.Pid), path)
	wantValues(t, read(t, r), map[string]string{"exists": "true", "pid": fmt.Sprint(second.Pid)})
	if err := second.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Wait(); err != nil {
		t.Fatal(err)
	}
	wantValues(t, read(t, r), map[string]string{"exists": "false"})
	if pr.grip != nil {
		t.Error("got a grip on a process that has ended")
	}
	for deadline := time.Now().Add(10 * time.Second); h.grips.Load() > 0; runtime.Gosched() {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatalf("%d grips are never let go", h.grips.Load())
		}
	}
}

// TestSameCommand has the process that matched become another program, under
// the same name: it is noticed once its command line is due.
func TestSameCommand(t *testing.T) {
	s := sighting{stat: procStat{comm: []byte("java")}, at: time.Second}
	dir := t.TempDir()
	write(t, "java\x00-jar\x00a.jar\x00", dir, "cmdline")
	var err error
	if s.dir, err = openDir(dir); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var k knownCommand
	k.remember(&process{name: []byte("java"), command: []byte("java -jar a.jar"), due: 2 * time.Second})
	step := func(at time.Duration, want bool) {
		t.Helper()
		s.at = at
		if got := k.still(s); got != want {
			t.Errorf("at %s: got %t, want %t", at, got, want)
		}
	}
	step(3*time.Second, true)
	write(t, "java\x00-jar\x00b.jar\x00", dir, "cmdline")
	step(4*time.Second, true) // not due
	step(3*time.Second+commandAge, false)
	write(t, "java "+strings.Repeat("x", 2*knownLine), dir, "cmdline")
	k.remember(&process{name: []byte("java"), command: []byte("java " + strings.Repeat("x", 2*knownLine)), due: 0})
	step(time.Hour, true)
	s.stat.comm = []byte("ruby")
	step(time.Hour, false)
}

func TestPidfileThatIsTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	write(t, "41\n", path)
	p := pidfile{path: path}
	past := time.Now().Add(-time.Hour)
	read := func(want int32) {
		t.Helper()
		if got, err := p.read(); err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	read(41)
	write(t, "42\n", path) // within a tick of the kernel's clock
	read(42)
	p.was.Ino = 1 // as if it had settled, and been another file
	p.was.Ctim.Sec = past.Unix()
	write(t, "43\n", path)
	read(43)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := p.read(); err == nil {
		t.Error("got a number from a file that is gone")
	}
}
