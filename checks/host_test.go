package checks

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestCores(t *testing.T) {
	h := NewHost(fixtures(t))
	for range 2 {
		if got, err := h.cores(); got != 4 || err != nil {
			t.Errorf("got %d, %v, want 4", got, err)
		}
	}
	if got, err := NewHost(t.TempDir()).cores(); got != 0 || err == nil {
		t.Errorf("got %d, %v of no file, want an error", got, err)
	}
	empty := t.TempDir()
	write(t, "intr 1\n", empty, "stat")
	if got, err := NewHost(empty).cores(); got != 0 || err == nil {
		t.Errorf("got %d, %v of no cpu line, want an error", got, err)
	}
}

func TestCoresAreCountedAnewAfterAMinute(t *testing.T) {
	proc := copyFixtures(t)
	h := NewHost(proc)
	if got, _ := h.cores(); got != 4 {
		t.Fatalf("got %d, want 4", got)
	}
	write(t, "cpu  1\ncpu0 1\n", proc, "stat")
	if got, _ := h.cores(); got != 4 {
		t.Errorf("got %d at once, want 4", got)
	}
	h.cpus.at = h.cpus.at.Add(-coresAge)
	if got, _ := h.cores(); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}

func TestZeroHostReadsProc(t *testing.T) {
	var h Host
	cores, err := h.cores()
	if err != nil || cores < runtime.NumCPU() {
		t.Errorf("got %d processors, %v, want at least the %d that this test may use", cores, err, runtime.NumCPU())
	}
	s, err := h.sight(int32(os.Getpid()))
	if err != nil || !s.found {
		t.Fatalf("got %v, %v, want this process", s, err)
	}
	defer s.close()
	if age := h.uptime() - time.Duration(s.stat.start)*tick; age < 0 || age > time.Hour {
		t.Errorf("got an age of %s, want that of this test", age)
	}
}
