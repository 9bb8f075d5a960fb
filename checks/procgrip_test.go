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
