package checks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin"
)

// useFiles writes what proc(5) has of a process beside its stat.
func useFiles(t *testing.T, proc string, pid, n int) {
	t.Helper()
	dir := filepath.Join(proc, strconv.Itoa(pid))
	write(t, fmt.Sprintf("rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 1\n",
		10*n, 20*n, 3*n, 4*n, 5*n, 6*n), dir, "io")
	write(t, fmt.Sprintf("Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmRSS:\t  9 kB\nVmSwap:\t  %d kB\n", n), dir, "status")
	write(t, fmt.Sprintf("5578-7fff ---p 00000000 00:00 0   [rollup]\nRss:  99 kB\nPss:  %d kB\nPss_Anon:  7 kB\n", 2*n), dir, "smaps_rollup")
}

// family is a process 900 with the children 901 and 902.
func family(t *testing.T) (proc string) {
	t.Helper()
	proc = filepath.Join(t.TempDir(), "proc")
	write(t, "cpu  1 2 3 4\ncpu0 1 2 3 4\n", proc, "stat")
	for i := range 3 {
		line := statLine{pid: 900 + i, parent: 900, comm: "x", start: 5000 + i, threads: i + 1}
		if i == 0 {
			line.parent = 1
		}
		write(t, line.String(), proc, strconv.Itoa(900+i), "stat")
		useFiles(t, proc, 900+i, 100)
	}
	return proc
}

func TestProcessUse(t *testing.T) {
	proc := family(t)
	write(t, "12:cpu:/\n1:name=systemd:/system.slice/x.service\n0::/\n", proc, "900/cgroup")
	write(t, "667\n", proc, "900/oom_score")
	write(t, "/usr/sbin/x (enforce)\n\x00", proc, "900/attr/current")
	h, now := fixtureHost(t, proc)
	var all []string
	for _, m := range processKind().Metrics {
		if !strings.HasPrefix(m.Name, "fds.") {
			all = append(all, m.Name)
		}
	}
	r := open(t, h, "process", byPidfile(t, 900), all...)
	const kib = 1024
	wantValues(t, read(t, r), map[string]string{
		"memory.swap": strconv.Itoa(100 * kib), "memory.total_swap": strconv.Itoa(300 * kib), "memory.pss": strconv.Itoa(200 * kib),
		"memory.total_pss": strconv.Itoa(600 * kib), "threads": "1", "threads_total": "6", "user": "root", "group": "root",
		"cgroup": "/system.slice/x.service", "oom.score": "667", "security": "/usr/sbin/x (enforce)",
		"read.bytes_per_second": "", "disk.total_write_bytes_per_second": "",
	})
	now.Add(int64(10 * time.Second))
	useFiles(t, proc, 900, 200)
	useFiles(t, proc, 901, 110)
	for range 2 { // also the same instant again
		wantValues(t, read(t, r), map[string]string{
			"read.bytes_per_second": "100", "write.bytes_per_second": "200", "read.operations_per_second": "30", "write.operations_per_second": "40",
			"disk.read_bytes_per_second": "50", "disk.write_bytes_per_second": "60",
			"read.total_bytes_per_second": "110", "write.total_bytes_per_second": "220", "read.total_operations_per_second": "33",
			"write.total_operations_per_second": "44", "disk.total_read_bytes_per_second": "55", "disk.total_write_bytes_per_second": "66",
		})
	}
	// 902 has ended with all that it had moved, and is in what 900 has moved.
	now.Add(int64(10 * time.Second))
	if err := os.RemoveAll(filepath.Join(proc, "902")); err != nil {
		t.Fatal(err)
	}
	useFiles(t, proc, 900, 300)
	wantValues(t, read(t, r), map[string]string{"read.bytes_per_second": "100", "read.total_bytes_per_second": "0"})
	// Another process has the number.
	write(t, statLine{pid: 900, parent: 1, comm: "y", start: 9000}.String(), proc, "900/stat")
	now.Add(int64(10 * time.Second))
	wantValues(t, read(t, r), map[string]string{"read.bytes_per_second": "", "read.total_bytes_per_second": ""})
}

func TestTreeSince(t *testing.T) {
	id := func(pid int32, start uint64) identity { return identity{pid, start} }
	moved := func(n float64) procIO { return procIO{n, n, n, n, n, n} }
	before := ioSample{at: 100 * time.Second, members: map[identity]procIO{id(1, 10): moved(50), id(2, 20): moved(1000)}}
	for name, test := range map[string]struct {
		now  map[identity]procIO
		want float64
	}{
		"both went on":                    {map[identity]procIO{id(1, 10): moved(60), id(2, 20): moved(1005)}, 15},
		"a child was waited for":          {map[identity]procIO{id(1, 10): moved(1053)}, 3},
		"one was born":                    {map[identity]procIO{id(1, 10): moved(50), id(2, 20): moved(1000), id(3, 11000): moved(7)}, 7},
		"one has joined, which is old":    {map[identity]procIO{id(1, 10): moved(51), id(2, 20): moved(1000), id(3, 30): moved(1 << 40)}, 1},
		"one has left, for another's sum": {map[identity]procIO{id(1, 10): moved(60)}, 0},
	} {
		if got := (ioSample{members: test.now}).since(before); got != moved(test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// TestProcessUseThatCannotBeRead wants the reason with the metric alone, and
// only when a rule asks for it.
func TestProcessUseThatCannotBeRead(t *testing.T) {
	proc := family(t)
	if err := errors.Join(os.Remove(filepath.Join(proc, "900/io")), os.Remove(filepath.Join(proc, "900/smaps_rollup"))); err != nil {
		t.Fatal(err)
	}
	write(t, "nonsense\nVmRSS: 1 kB\nUid:\t0\t0\nGid:\t0\t0\n", proc, "900/status")
	write(t, "x\n", proc, "900/oom_score")
	write(t, "::x\n", proc, "900/cgroup")
	h, _ := fixtureHost(t, proc)
	metrics := []string{"exists", "read.bytes_per_second", "read.total_bytes_per_second", "memory.pss", "memory.swap", "uid", "oom.score", "cgroup", "security"}
	got, err := open(t, h, "process", byPidfile(t, 900), metrics...).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"read.bytes_per_second":       "read io of process: this kernel has no such file",
		"read.total_bytes_per_second": "read io of process: this kernel has no such file",
		"memory.pss":                  "read smaps_rollup of process: this kernel has no such file",
		"memory.swap":                 "this kernel says nothing of memory.swap in proc(5) status",
		"oom.score":                   "no number in proc(5) oom_score",
		"cgroup":                      "no control group in proc(5) cgroup",
		"security":                    "read attr/current of process: this kernel has no such file",
	} {
		if text := fmt.Sprint(got.Errors[name]); text != want {
			t.Errorf("%s: got the reason %s, want %s", name, text, want)
		}
	}
	if len(got.Errors) != 7 || got.Values.Of("uid") != tocsin.Number(0) || got.Values.Of("exists") != tocsin.Bool(true) {
		t.Errorf("got %v, %v, want the rest to be read", got.Errors, got.Values)
	}
}

func TestProcessUseRefused(t *testing.T) {
	proc := family(t)
	for _, name := range []string{"io", "smaps_rollup"} {
		if err := os.Chmod(filepath.Join(proc, "900", name), 0); err != nil {
			t.Fatal(err)
		}
	}
	h, _ := fixtureHost(t, proc)
	got, err := open(t, h, "process", byPidfile(t, 900), "read.bytes_per_second", "memory.pss").Read(t.Context())
	switch {
	case err != nil:
		t.Fatal(err)
	case os.Geteuid() == 0: // nothing is refused
		if len(got.Errors) != 0 {
			t.Errorf("got %v", got.Errors)
		}
	case !errors.Is(got.Errors["memory.pss"], errPtrace) || !errors.Is(got.Errors["read.bytes_per_second"], errPtrace):
		t.Errorf("got %v, want %v", got.Errors, errPtrace)
	}
	if err := os.Remove(filepath.Join(proc, "900/smaps_rollup")); err != nil {
		t.Fatal(err)
	}
	read(t, open(t, h, "process", byPidfile(t, 900))) // nobody asks
}

// TestProcessOfThisHost compares this process with what it knows of itself.
func TestProcessOfThisHost(t *testing.T) {
	path := write(t, strconv.Itoa(os.Getpid()), t.TempDir(), "pid")
	r := open(t, NewHost(""), "process", map[string]string{"pidfile": path},
		"exists", "memory.pss", "memory.total_pss", "memory.rss", "user", "cgroup", "read.bytes_per_second", "read.total_operations_per_second", "oom.score")
	read(t, r)
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	got := read(t, r)
	pss, rss := got.Values.Of("memory.pss").Float(), got.Values.Of("memory.rss").Float()
	if pss <= 0 || pss > 2*rss {
		t.Errorf("got a pss of %v and an rss of %v", pss, rss)
	}
	if user := got.Values.Of("user").String(); user != userName(strconv.Itoa(os.Geteuid())) {
		t.Errorf("got the user %q", user)
	}
	for _, name := range []string{"cgroup", "read.bytes_per_second", "read.total_operations_per_second", "oom.score"} {
		if _, found := got.Values.Find(name); !found {
			t.Errorf("got no %s", name)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/nginx.service\n": "/system.slice/nginx.service",
		"0::/\n":                           "/",
		"9:name=systemd:/a.slice\n4:memory:/bbbbbbbbbbbbb\n0::/\n": "/a.slice",
		"0::/odd:name\n": "/odd:name",
		"4:memory:/x\n":  "",
		"0::relative\n":  "",
		"":               "",
	} {
		if got, err := parseCgroup([]byte(text)); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}
