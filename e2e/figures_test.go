//go:build e2e && bench

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/postbox"
)

// The checks of both agents: a hundred, each with rules that never fail.
const (
	filesystems = 20
	pidfiles    = 49
	matches     = 30
)

// cycles is over how many seconds CPU time is measured.
const cycles = 30

// TestFigures prints a table; it passes no verdict.
func TestFigures(t *testing.T) {
	ctx := deadline(t, 10*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	for i := range pidfiles {
		startChild(t, s.path(fmt.Sprintf("p%02d.pid", i)))
	}
	for i := range matches {
		startSleep(t, 7000000+i)
	}
	s.rules(s.account("box", box.Port(), "implicit", box, ""), mailTo("ops", "ops@example.com"), s.hundredChecks())

	var rows [][]string
	row := func(cells ...string) { rows = append(rows, cells) }
	row("figure", "tocsin", "monit", "ratio")
	var starts []time.Duration
	for range 10 {
		a := s.start(ctx)
		starts = append(starts, time.Since(a.began))
		a.stop(ctx)
	}
	slices.Sort(starts)
	row("start to READY, 100 checks, median of 10", fmt.Sprintf("%.1f ms", milliseconds((starts[4]+starts[5])/2)), "", "")
	info, err := os.Stat(os.Getenv("TOCSIN_BIN"))
	must(t, err)
	row("binary, stripped", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), binarySize(), "")
	for _, alive := range []int{120, 570} {
		for n := processes(t); n < alive; n++ {
			startSleep(t, 8000000)
		}
		ours, theirs := s.measure(ctx, t)
		row(fmt.Sprintf("CPU a cycle of 1 s, %d processes alive", processes(t)), ours.perCycle(), theirs.perCycle(), ours.ratio(theirs))
		row("RSS, 100 checks", ours.memory(), theirs.memory(), "")
	}
	for _, r := range rows {
		fmt.Printf("%-45s %12s %12s %8s\n", r[0], r[1], r[2], r[3])
	}
	if n := len(box.Mails()); n > 0 {
		t.Errorf("%d mails were sent by rules that never fail", n)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// startSleep starts a process whose command line holds a number.
func startSleep(t *testing.T, seconds int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", strconv.Itoa(seconds))
	must(t, cmd.Start())
	c := child{cmd}
	t.Cleanup(c.kill)
}

func (s *station) hundredChecks() string {
	var b strings.Builder
	b.WriteString("check \"system\" \"here\" {\n  rule \"load\" {\n    when = load.avg1 > 100000 || cpu.percent > 1000 || memory.percent > 1000\n  }\n}\n")
	for i := range filesystems {
		fmt.Fprintf(&b, "check \"filesystem\" \"f%02d\" {\n  path = \"/\"\n  rule \"full\" {\n    when = space.percent > 1000 || inodes.percent > 1000\n  }\n}\n", i)
	}
	process := func(name, attribute, value string) {
		fmt.Fprintf(&b, "check \"process\" %q {\n  %s = %q\n  rule \"down\" {\n    when = !exists\n  }\n  rule \"heavy\" {\n    when = cpu.percent > 1000 || memory.percent > 1000\n  }\n}\n", name, attribute, value)
	}
	for i := range pidfiles {
		name := fmt.Sprintf("p%02d", i)
		process(name, "pidfile", s.path(name+".pid"))
	}
	for i := range matches {
		process(fmt.Sprintf("m%02d", i), "match", fmt.Sprintf("^sleep %d$", 7000000+i))
	}
	return b.String()
}

// monitRules is the same for Monit.
func (s *station) monitRules() string {
	var b strings.Builder
	fmt.Fprintf(&b, "set daemon 1\nset log %s\nset pidfile %s\nset idfile %s\nset statefile %s\n",
		s.path("monit.log"), s.path("monit.pid"), s.path("monit.id"), s.path("monit.state"))
	b.WriteString("check system here\n  if loadavg (1min) > 100000 then alert\n  if cpu usage > 1000% then alert\n  if memory usage > 1000% then alert\n")
	// Its cycles are counted by this one file, which it reads in each.
	fmt.Fprintf(&b, "check file marker with path %s\n  if changed sha1 checksum then alert\n", s.path("marker"))
	for i := range filesystems {
		fmt.Fprintf(&b, "check filesystem f%02d with path /\n  if space usage > 99.99%% then alert\n  if inode usage > 99.99%% then alert\n", i)
	}
	process := func(name, how string) {
		fmt.Fprintf(&b, "check process %s %s\n  if cpu > 1000%% then alert\n  if memory usage > 1000%% then alert\n", name, how)
	}
	for i := range pidfiles {
		process(fmt.Sprintf("p%02d", i), fmt.Sprintf("with pidfile %s", s.path(fmt.Sprintf("p%02d.pid", i))))
	}
	for i := range matches {
		process(fmt.Sprintf("m%02d", i), fmt.Sprintf("matching \"^sleep %d$\"", 7000000+i))
	}
	return b.String()
}

// usage is what an agent took.
type usage struct {
	cpu    time.Duration
	cycles int
	rss    int // kilobytes
}

func (u usage) perCycle() string {
	if u.cycles == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f ms", milliseconds(u.cpu)/float64(u.cycles))
}

func (u usage) memory() string {
	if u.rss == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f MB", float64(u.rss)/1024)
}

func (u usage) ratio(o usage) string {
	if u.cpu == 0 || u.cycles == 0 || o.cycles == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(u.cpu)/float64(u.cycles)/(float64(o.cpu)/float64(o.cycles)))
}

// measure runs both agents, one after the other.
func (s *station) measure(ctx context.Context, t *testing.T) (ours, theirs usage) {
	t.Helper()
	a := s.start(ctx)
	ours = observe(ctx, t, a.cmd.Process.Pid, s.path("p00.pid"))
	a.stop(ctx)
	if _, err := exec.LookPath("monit"); err != nil {
		t.Log("no monit")
		return ours, theirs
	}
	s.write("marker", "x\n")
	s.write("monitrc", s.monitRules())
	cmd := exec.CommandContext(ctx, "monit", "-I", "-c", s.path("monitrc"))
	must(t, cmd.Start())
	c := child{cmd}
	defer c.kill()
	return ours, observe(ctx, t, cmd.Process.Pid, s.path("marker"))
}

// observe measures a process over some cycles, counted by when it opens a
// file, after a few for warming up.
func observe(ctx context.Context, t *testing.T, pid int, file string) usage {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	opened := os.NewFile(uintptr(fd), "inotify")
	defer opened.Close()
	_, err = unix.InotifyAddWatch(fd, file, unix.IN_OPEN)
	must(t, err)
	deadline, _ := ctx.Deadline()
	must(t, opened.SetReadDeadline(deadline))
	var u usage
	var last time.Time
	for begun := -4; u.cycles < cycles; {
		_, err := opened.Read(make([]byte, 4096))
		must(t, err)
		if time.Since(last) < 500*time.Millisecond {
			continue // more than one open a cycle
		}
		last = time.Now()
		if begun++; begun == 0 {
			u.cpu = -cpuTime(t, pid)
		} else if begun > 0 {
			u.cycles++
		}
	}
	u.cpu += cpuTime(t, pid)
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			u.rss, err = strconv.Atoi(strings.Fields(text)[0])
			must(t, err)
		}
	}
	return u
}

// cpuTime is the CPU time of all threads of a process, in nanoseconds of the
// scheduler.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	must(t, err)
	var total time.Duration
	for _, file := range files {
		ns, err := strconv.ParseInt(strings.Fields(readFile(t, file))[0], 10, 64)
		must(t, err)
		total += time.Duration(ns)
	}
	return total
}

func processes(t *testing.T) int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	return len(dirs)
}

func binarySize() string {
	path, err := exec.LookPath("monit")
	if err != nil {
		return "-"
	}
	info, err := os.Stat(path)
	if err != nil {
		return "-"
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}
