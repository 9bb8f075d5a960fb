package checks

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	line := statLine{pid: 42, parent: 7, comm: "a) (b\n", state: "D", ticks: 300, reaped: 40, start: 5000, flags: 64, threads: 3, virtual: 4096, residentInPage: 9}
	s, err := parseStat([]byte(line.String()))
	if err != nil {
		t.Fatal(err)
	}
	if s.pid != 42 || s.parent != 7 || string(s.comm) != "a) (b\n" || s.state != 'D' || s.ticks != 300 || s.reaped != 40 || s.start != 5000 ||
		s.flags != 64 || s.threads != 3 || s.virtual != 4096 || s.pages != 9 || s.signal != 17 {
		t.Errorf("got %+v, want it as in %q", s, line)
	}
}

func TestParseStatOfThisProcess(t *testing.T) {
	data, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseStat(data)
	if err != nil || int(s.pid) != os.Getpid() || int(s.parent) != os.Getppid() || s.pages == 0 || s.start == 0 || !s.alive() {
		t.Errorf("got %+v, %v, want this process", s, err)
	}
}

func TestParseStatRefuses(t *testing.T) {
	good := statLine{pid: 1, comm: "x"}.String()
	for _, text := range []string{
		"", "1", "1 (x", "1 x) S 1", "(x) S 1", "1 (x)", "1(x) S 1",
		strings.Replace(good, "1 (x)", "0 (x)", 1),
		strings.Replace(good, "1 (x)", "-1 (x)", 1),
		strings.Replace(good, "1 (x)", "4294967297 (x)", 1),
		strings.Replace(good, " S ", " SS ", 1),
		strings.Replace(good, " S 0 ", " S -2 ", 1),
		strings.Replace(good, " S 0 ", " S x ", 1),
		strings.Join(strings.Fields(good)[:23], " "), // cut off
	} {
		if s, err := parseStat([]byte(text)); !errors.Is(err, errStat) {
			t.Errorf("%q: got %+v, %v, want %v", text, s, err, errStat)
		}
	}
}

func TestParseStatClampsNegatives(t *testing.T) {
	s, err := parseStat([]byte(statLine{pid: 1, comm: "x", residentInPage: -3, ticks: -1}.String()))
	if err != nil || s.pages != 0 || s.ticks != 0 {
		t.Errorf("got %d pages and %d ticks, %v, want 0", s.pages, s.ticks, err)
	}
}

func TestAlive(t *testing.T) {
	tests := []struct {
		name          string
		in            procStat
		alive, zombie bool
	}{
		{"sleeping", procStat{state: 'S', threads: 1, signal: 17}, true, false},
		{"zombie", procStat{state: 'Z', threads: 1, signal: 17}, false, true},
		{"first thread ended", procStat{state: 'Z', threads: 4, signal: 17}, true, false},
		{"dead", procStat{state: 'X', signal: 17}, false, false},
		{"thread", procStat{state: 'S', threads: 4, signal: -1}, false, false},
		{"child without a signal", procStat{state: 'S', threads: 1, signal: 0}, true, false},
	}
	for _, test := range tests {
		if alive, zombie := test.in.alive(), test.in.zombie(); alive != test.alive || zombie != test.zombie {
			t.Errorf("%s: got alive %t, zombie %t, want %t, %t", test.name, alive, zombie, test.alive, test.zombie)
		}
	}
}

func TestStateName(t *testing.T) {
	for state, want := range map[byte]string{
		'R': "running", 'S': "sleeping", 'D': "disk sleep", 'T': "stopped", 't': "tracing stop",
		'Z': "zombie", 'X': "dead", 'x': "dead", 'I': "idle", 'P': "parked", '?': "unknown",
	} {
		if got := stateName(state); got != want {
			t.Errorf("%c: got %q, want %q", state, got, want)
		}
	}
}

func TestInteger(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-12", -12, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"9223372036854775808", math.MaxInt64, true},
		{"18446744073709551615", math.MaxInt64, true},
		{"18446744073709551616", math.MaxInt64, true},
		{"99999999999999999999", math.MaxInt64, true},
		{"-9223372036854775807", -math.MaxInt64, true},
		{"999999999999999999999", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"1x", 0, false},
		{"+1", 0, false},
		{" 1", 0, false},
	}
	for _, test := range tests {
		if got, ok := integer([]byte(test.in)); got != test.want || ok != test.ok {
			t.Errorf("%q: got %d, %t, want %d, %t", test.in, got, ok, test.want, test.ok)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine{pid: 1, comm: "init"}.String()))
	f.Add([]byte(statLine{pid: 4194304, comm: "a) (b\n", state: "Z", signal: -1}.String()))
	f.Add([]byte("1 () S 1 " + strings.Repeat("18446744073709551615 ", 60)))
	f.Add([]byte("1 (x) S 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseStat(data)
		if err != nil {
			if !errors.Is(err, errStat) {
				t.Errorf("got %v, want %v", err, errStat)
			}
			return
		}
		if s.pid < 1 || s.parent < 0 || len(s.comm) > maxComm {
			t.Errorf("got %+v", s)
		}
	})
}
