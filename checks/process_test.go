package checks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// byPidfile is a check of a process of the fixtures.
func byPidfile(t *testing.T, pid int) map[string]string {
	t.Helper()
	return map[string]string{"pidfile": write(t, strconv.Itoa(pid), t.TempDir(), "pid")}
}

func TestProcessByPidfile(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	page := os.Getpagesize()
	wantValues(t, read(t, open(t, h, "process", byPidfile(t, 100))), map[string]string{
		"exists": "true", "pid": "100", "ppid": "1", "state": "sleeping", "threads": "1", "uptime": "50",
		"children": "3", "zombies": "1", "cpu.percent": "", "cpu.total_percent": "",
		"memory.rss": strconv.Itoa(1000 * page), "memory.total_rss": strconv.Itoa(6010 * page), "memory.vms": "10485760",
		"uid": "33", "euid": "34", "gid": "35", "egid": "36",
		"fds.open": "4", "fds.percent": "25", "fds.total": "10",
	})
}

func TestProcessAbsent(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	for name, test := range map[string]struct {
		pid   int
		state string
	}{
		"no such process":     {999, ""},
		"vanished in between": {300, ""},
		"zombie":              {400, "zombie"},
		"only a thread":       {500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				got := read(t, open(t, h, "process", byPidfile(t, test.pid)))
				wantValues(t, got, map[string]string{"exists": "false", "state": test.state, "pid": ""})
				if len(got.Values) > 2 {
					t.Errorf("got %v, want nothing more", got.Values)
				}
			}
		})
	}
	t.Run("first thread ended", func(t *testing.T) {
		wantValues(t, read(t, open(t, h, "process", byPidfile(t, 401), "exists", "threads")), map[string]string{"exists": "true", "threads": "4"})
	})
}

func TestProcessBadPidfile(t *testing.T) {
	h, _ := fixtureHost(t, fixtures(t))
	path := write(t, "no number", t.TempDir(), "pid")
	for _, metrics := range [][]string{nil, {"exists"}, {"exists", "memory.rss"}} {
		got, err := open(t, h, "process", map[string]string{"pidfile": path}, metrics...).Read(t.Context())
		if err != nil || len(got.Values) > 0 || len(got.Errors) != max(1, len(metrics)) {
			t.Errorf("%q: got %v, %v, want errors of these metrics", metrics, got, err)
		}
		want := fmt.Sprintf(`pidfile: read pidfile %q: no process number in it: it begins with "no"`, path)
		if text := fmt.Sprint(got.Errors["exists"]); text != want {
			t.Errorf("got %s, want %s", text, want)
		}
	}
}

// TestPidfileWithoutANumber: once it was left alone it names no process, and that is
// why there is none.
func TestPidfileWithoutANumber(t *testing.T) {
	why := errors.New("no process number in it")
	for since, want := range map[time.Duration]bool{-time.Hour: false, 0: false, settled: false, settled + 1: true, time.Hour: true} {
		if err := leftAlone(why, since); errors.Is(err, errNoPID) != want || !errors.Is(err, why) {
			t.Errorf("%s after: got %v", since, err)
		}
	}
	h, _ := fixtureHost(t, fixtures(t))
	const old = "/bin/sh" // nobody has touched it for long
	got, err := open(t, h, "process", map[string]string{"pidfile": old}, "exists", "pid", "memory.rss").Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantValues(t, got, map[string]string{"exists": "false", "pid": "", "memory.rss": ""})
	if err := got.Errors["pid"]; len(got.Errors) != 1 || !errors.Is(err, errNoPID) {
		t.Errorf("got %v, want the reason", got.Errors)
	}
}

// TestPidfileReadsNoOtherProcess breaks another process: only a check of the
// descendants looks at it.
func TestPidfileReadsNoOtherProcess(t *testing.T) {
	proc := copyFixtures(t)
	write(t, "broken", proc, "700/stat")
	h, _ := fixtureHost(t, proc)
	attributes := byPidfile(t, 100)
	for _, m := range processKind().Metrics {
		needsAll := strings.Contains(m.Name, "total") || m.Name == "children" || m.Name == "zombies"
		_, err := open(t, h, "process", attributes, m.Name).Read(t.Context())
		if needsAll != errors.Is(err, errStat) {
			t.Errorf("%s: got %v, want an error of the other process: %t", m.Name, err, needsAll)
		}
	}
}

func TestProcessLoad(t *testing.T) {
	proc := copyFixtures(t)
	h, now := fixtureHost(t, proc)
	r := open(t, h, "process", byPidfile(t, 100), "cpu.percent", "cpu.total_percent")
	master := statLine{pid: 100, parent: 1, comm: "nginx", ticks: 300, reaped: 75, start: 5000}
	worker := statLine{pid: 101, parent: 100, comm: "nginx", ticks: 1000, start: 5001}
	set := func(lines ...statLine) {
		for _, line := range lines {
			write(t, line.String(), proc, strconv.Itoa(line.pid), "stat")
		}
		now.Add(int64(10 * time.Second)) // 4000 ticks of 4 processors
	}
	step := func(name, own, total string) {
		t.Helper()
		got := read(t, r)
		t.Log(name)
		wantValues(t, got, map[string]string{"cpu.percent": own, "cpu.total_percent": total})
	}
	set(master, worker)
	step("first", "", "")
	step("same instant again", "", "")

	master.ticks, worker.ticks = 700, 1400
	set(master, worker)
	step("both worked", "10", "20")
	step("same instant again", "10", "20")

	worker.pid, worker.ticks, worker.start = 120, 400, 12500
	set(master, worker)
	step("a child was born and worked", "0", "10")

	if err := os.RemoveAll(filepath.Join(proc, "120")); err != nil {
		t.Fatal(err)
	}
	master.reaped += 400 + 800
	set(master)
	step("it worked on and was waited for", "0", "20")

	worker.pid, worker.ticks, worker.start = 130, 100000, 5005
	set(master, worker)
	step("an old process was adopted", "0", "0")

	if err := os.RemoveAll(filepath.Join(proc, "130")); err != nil {
		t.Fatal(err)
	}
	master.ticks += 400
	set(master)
	step("it left again", "10", "10")

	master.ticks += 1 << 30
	set(master)
	step("more than there is", "100", "100")

	master.start, master.ticks = 13000, 5000
	set(master)
	step("another process has the number", "", "")
	master.ticks += 400
	set(master)
	step("and works", "10", "10")
}

func TestProcessByCommand(t *testing.T) {
	for pattern, want := range map[string]string{
		`nginx`:                    "100", // the master, not its workers
		`^nginx: worker`:           "101", // the oldest worker
		`sleep 5$`:                 "110",
		`^java `:                   "701", // the oldest, though of a higher number
		`^java -Dx=x{900}`:         "700", // a long command line
		`^/opt/odd name --flag x`:  "200",
		`^\[kthreadd\]$`:           "2",
		`kworker/.*events`:         "50",
		`^\[cleared\]$`:            "600", // a process that cleared its arguments
		`^\[defunct\]$`:            "",    // a zombie
		`a thread`:                 "",
		`no such thing`:            "",
		`^/sbin/init splash$`:      "1",
		`nginx|^/sbin/init splash`: "1", // the top-most
	} {
		h, _ := fixtureHost(t, fixtures(t))
		exists := strconv.FormatBool(want != "")
		wantValues(t, read(t, open(t, h, "process", map[string]string{"match": pattern})), map[string]string{"pid": want, "exists": exists})
	}
}

// TestProcessChild watches a real process by both ways, from its start to its
// end.
func TestProcessChild(t *testing.T) {
	mark := fmt.Sprintf("%s-%d", childMark, os.Getpid())
	h := NewHost("")
	match := open(t, h, "process", map[string]string{"match": mark + "$"})
	wantValues(t, read(t, match), map[string]string{"exists": "false"})
	child := startChild(t, mark)
	// The table may be 200 ms old; this asks for a new one.
	h.processes().complete = false
	pidfile := open(t, h, "process", byPidfile(t, child.Pid))
	for _, r := range []Reader{match, pidfile} {
		for range 2 {
			got := read(t, r)
			wantValues(t, got, map[string]string{
				"exists": "true", "pid": strconv.Itoa(child.Pid), "ppid": strconv.Itoa(os.Getpid()), "uid": strconv.Itoa(os.Getuid()), "children": "0",
			})
			open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", child.Pid))
			if err != nil {
				t.Fatal(err)
			}
			wantValues(t, got, map[string]string{"fds.open": strconv.Itoa(len(open)), "fds.total": strconv.Itoa(len(open))})
			if share := got.Values.Of("fds.percent").Float(); share <= 0 || share > 50 {
				t.Errorf("got %v %% of the descriptors, want a few", share)
			}
			if rss := got.Values.Of("memory.rss").Float(); rss <= 0 || rss > got.Values.Of("memory.vms").Float() {
				t.Errorf("got %v bytes resident of %v", rss, got.Values.Of("memory.vms"))
			}
			if up := got.Values.Of("uptime").Float(); up < 0 || up > 600 {
				t.Errorf("got an uptime of %v s", up)
			}
		}
	}
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	waitForZombie(t, child.Pid)
	wantValues(t, read(t, pidfile), map[string]string{"exists": "false", "state": "zombie"})
	wantValues(t, read(t, match), map[string]string{"exists": "false"})
	if _, err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	wantValues(t, read(t, pidfile), map[string]string{"exists": "false", "state": ""})
	wantValues(t, read(t, match), map[string]string{"exists": "false"})
}

// waitForZombie waits until a child has ended, without reaping it.
func waitForZombie(t *testing.T, pid int) {
	t.Helper()
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
}

// TestThreadIsNoProcess has the number of a thread in a pidfile, as after a
// crash, when the kernel has given the number to a thread of somebody else.
func TestThreadIsNoProcess(t *testing.T) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	threads := 0
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, open(t, NewHost(""), "process", byPidfile(t, tid), "exists"))
		wantValues(t, got, map[string]string{"exists": strconv.FormatBool(tid == os.Getpid())})
		if tid != os.Getpid() {
			threads++
		}
	}
	if threads == 0 {
		t.Error("got no thread beside the first, want some")
	}
}

// TestProcessRestarted has another process match at once when the first ends,
// within the time that the table is used again.
func TestProcessRestarted(t *testing.T) {
	mark := fmt.Sprintf("%s-restarted-%d", childMark, os.Getpid())
	r := open(t, NewHost(""), "process", map[string]string{"match": mark + "$"}, "exists", "pid")
	for range 3 {
		child := startChild(t, mark)
		got := read(t, r)
		// The first reading of all may use no table, so it sees the process.
		wantValues(t, got, map[string]string{"exists": "true", "pid": strconv.Itoa(child.Pid)})
		if err := child.Kill(); err != nil {
			t.Fatal(err)
		}
		if _, err := child.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProcessHidden(t *testing.T) {
	proc := copyFixtures(t)
	h, _ := fixtureHost(t, proc)
	r := open(t, h, "process", map[string]string{"match": "no such thing"})
	h.processes().unreadable = 3
	h.processes().complete, h.processes().commands, h.processes().taken, h.processes().whole = true, true, h.uptime(), h.uptime()
	if got, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "3 may not be read") {
		t.Errorf("got %v, %v, want that processes may not be read", got, err)
	}
	if NewHost("").hidden(1 << 30) {
		t.Error("got a hidden process that is not there")
	}
	if h.hidden(1) {
		t.Error("got a hidden process of fixtures")
	}
}

func TestProcessWithoutProc(t *testing.T) {
	h, _ := fixtureHost(t, filepath.Join(t.TempDir(), "gone"))
	got, err := open(t, h, "process", map[string]string{"match": "x"}).Read(t.Context())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, %v, want %v", got, err, fs.ErrNotExist)
	}
}

func TestProcessPartsThatCannotBeRead(t *testing.T) {
	proc := copyFixtures(t)
	write(t, "nothing", proc, "100/status")
	write(t, "nothing", proc, "100/limits")
	if err := os.Remove(filepath.Join(proc, "stat")); err != nil {
		t.Fatal(err)
	}
	h, _ := fixtureHost(t, proc)
	got, err := open(t, h, "process", byPidfile(t, 100)).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uid", "euid", "gid", "egid", "user", "group", "memory.swap", "memory.total_swap", "fds.percent", "cpu.percent", "cpu.total_percent"} {
		if got.Errors[name] == nil {
			t.Errorf("got no error of %s, want one", name)
		}
	}
	if len(got.Errors) != 11 || got.Values.Of("fds.open") != tocsin.Number(4) {
		t.Errorf("got %v, %v, want the rest to be read", got.Errors, got.Values.Of("fds.open"))
	}
}
