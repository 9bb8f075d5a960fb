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

// load is a rule file for both agents, and the processes that it is about.
type load struct {
	name                                       string
	filesystems, pidfiles, matches, down, file int
}

// mixed is n checks as servers have them: a system, a tenth file systems, three
// tenths processes by pidfile, a fifth by their command line, the rest files.
func mixed(n int) load {
	l := load{name: fmt.Sprintf("%d checks", n), filesystems: n / 10, pidfiles: 3 * n / 10, matches: n / 5}
	l.file = n - 1 - l.filesystems - l.pidfiles - l.matches
	return l
}

// rival says whether Monit is measured too. It looks through all processes for
// each pattern that matches none, which takes it 17 s a cycle here.
func (l load) rival() bool { return l.matches+l.down < 100 }

// cycles is over how many seconds CPU time is measured.
const cycles = 30

// TestFigures prints a table; it passes no verdict. TOCSIN_FIGURES chooses rows
// by a part of their name.
func TestFigures(t *testing.T) {
	ctx := deadline(t, 25*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	f := figures{t: t, s: s, box: box}
	f.row("figure", "tocsin", "monit", "ratio")
	info, err := os.Stat(os.Getenv("TOCSIN_BIN"))
	must(t, err)
	f.row("binary, stripped", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), binarySize(), "")
	hundred := mixed(100)
	f.starts(ctx, hundred)
	f.memory(ctx, mixed(10))
	f.memory(ctx, hundred)
	f.memory(ctx, mixed(1000))
	f.memory(ctx, load{name: "1000 match checks", matches: 1000})
	for _, alive := range []int{50, 120, 570, 2070} {
		f.populate(alive)
		f.cycle(ctx, hundred, "")
	}
	f.cycle(ctx, load{name: "100 match checks", matches: 100}, "")
	f.cycle(ctx, load{name: "100 match checks, all down", down: 100}, "")
	f.cycle(ctx, hundred, "  events = false\n")
	f.first(ctx, load{name: "1000 match checks", matches: 1000})
	if n := len(box.Mails()); n > 0 {
		t.Errorf("%d mails were sent by rules that never fail", n)
	}
}

// figures is the table in the making.
type figures struct {
	t   *testing.T
	s   *station
	box *postbox.Server
	// crowd is how many processes were started to be there.
	crowd int
}

// row prints one; those before it stay when somebody ends the run.
func (f *figures) row(name, ours, theirs, ratio string) {
	fmt.Printf("%-75s %18s %18s %8s\n", name, ours, theirs, ratio)
}

// chosen says whether a row is wanted.
func (f *figures) chosen(name string) bool {
	return strings.Contains(name, os.Getenv("TOCSIN_FIGURES"))
}

// populate makes as many processes be alive on this machine.
func (f *figures) populate(alive int) {
	for n := processes(f.t); n < alive; n++ {
		startSleep(f.t, 8000000)
	}
}

// prepare writes the rule files of a load and starts its processes.
func (f *figures) prepare(l load, agent string) {
	s := f.s
	for i := range l.pidfiles {
		if _, err := os.Stat(s.path(fmt.Sprintf("p%03d.pid", i))); err != nil {
			startChild(f.t, s.path(fmt.Sprintf("p%03d.pid", i)))
		}
	}
	for ; f.crowd < l.matches; f.crowd++ {
		startSleep(f.t, 7000000+f.crowd)
	}
	for i := range l.file {
		s.write(fmt.Sprintf("file%03d", i), "x\n")
	}
	s.rules(s.account("box", f.box.Port(), "implicit", f.box, ""), mailTo("ops", "ops@example.com"), s.checksOf(l))
	s.write("tocsin.hcl", strings.Replace(readFile(f.t, s.path("tocsin.hcl")), "agent {\n", "agent {\n"+agent, 1))
	s.write("marker", "x\n")
	s.write("monitrc", s.monitRules(l))
}

// starts measures how long the agent takes until it is ready.
func (f *figures) starts(ctx context.Context, l load) {
	name := "start to READY, " + l.name + ", median of 10"
	if !f.chosen(name) {
		return
	}
	f.prepare(l, "")
	var starts []time.Duration
	for range 10 {
		a := f.s.start(ctx)
		starts = append(starts, time.Since(a.began))
		a.stop(ctx)
	}
	slices.Sort(starts)
	f.row(name, fmt.Sprintf("%.1f ms", milliseconds((starts[4]+starts[5])/2)), "", "")
}

// memory measures what both agents keep after some cycles.
func (f *figures) memory(ctx context.Context, l load) {
	name := "RSS (anonymous), " + l.name
	if !f.chosen(name) {
		return
	}
	f.prepare(l, "")
	ours, theirs := f.measure(ctx, 10, l.rival())
	f.row(name, ours.memory(), theirs.memory(), "")
}

// cycle measures the processor time of a cycle of both.
func (f *figures) cycle(ctx context.Context, l load, agent string) {
	name := "CPU a cycle of 1 s, " + l.name
	if agent != "" {
		name += ", without kernel events"
	}
	if !f.chosen(name) {
		return
	}
	f.prepare(l, agent)
	name += fmt.Sprintf(", %d processes alive", processes(f.t))
	ours, theirs := f.measure(ctx, cycles, l.rival())
	f.row(name, ours.perCycle(), theirs.perCycle(), ours.ratio(theirs))
}

// first measures how long it takes, after READY, until all checks were read once,
// and the processor time of that and of the whole start.
func (f *figures) first(ctx context.Context, l load) {
	name := "first cycle, " + l.name
	if !f.chosen(name) {
		return
	}
	f.prepare(l, "")
	a := f.s.start(ctx)
	defer a.stop(ctx)
	ready, loading := time.Now(), cpuTime(f.t, a.cmd.Process.Pid)
	poll(ctx, f.t, "all checks", func() bool {
		return !strings.Contains(f.s.tocsin(ctx, "", "status").stdout, "unread")
	})
	took, all := time.Since(ready), cpuTime(f.t, a.cmd.Process.Pid)
	f.row(name+fmt.Sprintf(", %d processes alive, after READY", processes(f.t)), fmt.Sprintf("%.0f ms", milliseconds(took)), "", "")
	f.row("  its processor time, and with the start", fmt.Sprintf("%.0f, %.0f ms", milliseconds(all-loading), milliseconds(all)), "", "")
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

// checksOf are the checks of a load, with rules that never fail.
func (s *station) checksOf(l load) string {
	var b strings.Builder
	b.WriteString("check \"system\" \"here\" {\n  rule \"load\" {\n    when = load.avg1 > 100000 || cpu.percent > 1000 || memory.percent > 1000\n  }\n}\n")
	for i := range l.filesystems {
		fmt.Fprintf(&b, "check \"filesystem\" \"f%03d\" {\n  path = \"/\"\n  rule \"full\" {\n    when = space.percent > 1000 || inodes.percent > 1000\n  }\n}\n", i)
	}
	process := func(name, attribute, value, down string) {
		fmt.Fprintf(&b, "check \"process\" %q {\n  %s = %q\n  rule \"down\" {\n    when = %s\n  }\n  rule \"heavy\" {\n    when = cpu.percent > 1000 || memory.percent > 1000\n  }\n}\n", name, attribute, value, down)
	}
	for i := range l.pidfiles {
		process(fmt.Sprintf("p%03d", i), "pidfile", s.path(fmt.Sprintf("p%03d.pid", i)), "!exists")
	}
	for i := range l.matches {
		process(fmt.Sprintf("m%03d", i), "match", fmt.Sprintf("^sleep %d$", 7000000+i), "!exists")
	}
	for i := range l.down {
		process(fmt.Sprintf("d%03d", i), "match", fmt.Sprintf("^sleep %d$", 9000000+i), "exists")
	}
	for i := range l.file {
		fmt.Fprintf(&b, "check \"file\" \"c%03d\" {\n  path = %q\n  rule \"old\" {\n    when = age > 1000000 * hour || size > 1000 * GiB\n  }\n}\n", i, s.path(fmt.Sprintf("file%03d", i)))
	}
	return b.String()
}

// monitRules is the same for Monit.
func (s *station) monitRules(l load) string {
	var b strings.Builder
	fmt.Fprintf(&b, "set daemon 1\nset log %s\nset pidfile %s\nset idfile %s\nset statefile %s\n",
		s.path("monit.log"), s.path("monit.pid"), s.path("monit.id"), s.path("monit.state"))
	b.WriteString("check system here\n  if loadavg (1min) > 100000 then alert\n  if cpu usage > 1000% then alert\n  if memory usage > 1000% then alert\n")
	// Its cycles are counted by this one file, which it reads in each.
	fmt.Fprintf(&b, "check file marker with path %s\n  if changed sha1 checksum then alert\n", s.path("marker"))
	for i := range l.filesystems {
		fmt.Fprintf(&b, "check filesystem f%03d with path /\n  if space usage > 99.99%% then alert\n  if inode usage > 99.99%% then alert\n", i)
	}
	process := func(name, how, down string) {
		fmt.Fprintf(&b, "check process %s %s\n%s  if cpu > 1000%% then alert\n  if memory usage > 1000%% then alert\n", name, how, down)
	}
	for i := range l.pidfiles {
		process(fmt.Sprintf("p%03d", i), fmt.Sprintf("with pidfile %s", s.path(fmt.Sprintf("p%03d.pid", i))), "")
	}
	for i := range l.matches {
		process(fmt.Sprintf("m%03d", i), fmt.Sprintf("matching \"^sleep %d$\"", 7000000+i), "")
	}
	for i := range l.down {
		process(fmt.Sprintf("d%03d", i), fmt.Sprintf("matching \"^sleep %d$\"", 9000000+i), "  if not exist then alert\n")
	}
	for i := range l.file {
		fmt.Fprintf(&b, "check file c%03d with path %s\n  if timestamp > 100000 hours then alert\n  if size > 1000 GB then alert\n", i, s.path(fmt.Sprintf("file%03d", i)))
	}
	return b.String()
}

// usage is what an agent took.
type usage struct {
	cpu    time.Duration
	cycles int
	// rss and anonymous are in KiB.
	rss, anonymous int
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
	return fmt.Sprintf("%.1f (%.1f) MiB", float64(u.rss)/1024, float64(u.anonymous)/1024)
}

func (u usage) ratio(o usage) string {
	if u.cpu == 0 || u.cycles == 0 || o.cycles == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(u.cpu)/float64(u.cycles)/(float64(o.cpu)/float64(o.cycles)))
}

// measure runs the agent and then, where it is wanted, Monit for some cycles.
func (f *figures) measure(ctx context.Context, cycles int, rival bool) (ours, theirs usage) {
	f.t.Helper()
	s := f.s
	a := s.start(ctx)
	tick := time.NewTicker(time.Second) // a cycle of ours is a second
	defer tick.Stop()
	ours = observe(f.t, a.cmd.Process.Pid, cycles, func() { <-tick.C })
	a.stop(ctx)
	if _, err := exec.LookPath("monit"); err != nil || !rival {
		return ours, theirs
	}
	next, done := opens(ctx, f.t, s.path("marker"))
	defer done()
	cmd := exec.CommandContext(ctx, "monit", "-I", "-c", s.path("monitrc"))
	must(f.t, cmd.Start())
	c := child{cmd}
	defer c.kill()
	return ours, observe(f.t, cmd.Process.Pid, cycles, next)
}

// warmUp is how many cycles are not measured.
const warmUp = 4

// observe measures a process over some cycles, after a few for warming up; next
// returns when another one has begun.
func observe(t *testing.T, pid, cycles int, next func()) usage {
	t.Helper()
	for range warmUp {
		next()
	}
	u := usage{cpu: -cpuTime(t, pid), cycles: cycles}
	for range cycles {
		next()
	}
	u.cpu += cpuTime(t, pid)
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		fields := strings.Fields(line)
		for name, to := range map[string]*int{"VmRSS:": &u.rss, "RssAnon:": &u.anonymous} {
			if len(fields) > 1 && fields[0] == name {
				var err error
				*to, err = strconv.Atoi(fields[1])
				must(t, err)
			}
		}
	}
	return u
}

// opens counts the cycles of a process by when it opens a file.
func opens(ctx context.Context, t *testing.T, file string) (next, done func()) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	opened := os.NewFile(uintptr(fd), "inotify")
	_, err = unix.InotifyAddWatch(fd, file, unix.IN_OPEN)
	must(t, err)
	deadline, _ := ctx.Deadline()
	must(t, opened.SetReadDeadline(deadline))
	var last time.Time
	return func() {
		for {
			_, err := opened.Read(make([]byte, 4096))
			must(t, err)
			if time.Since(last) > 500*time.Millisecond { // more than one open a cycle
				last = time.Now()
				return
			}
		}
	}, func() { must(t, opened.Close()) }
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
