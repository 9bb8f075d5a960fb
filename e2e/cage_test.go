//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/testprogram"
)

// programRuns is how many hostile programs TestProgramRuns has run by each kind
// of agent; $TOCSIN_RUNS is another number.
const programRuns = 2000

// The programs of these tests. Each appends a byte to $1 once it runs.
const (
	stubborn = "#!/bin/sh\ntrap '' TERM HUP INT\nprintf . >>\"$1\"\nwhile :; do sleep 600; done\n"
	daemonic = "#!/bin/sh\nprintf . >>\"$1\"\n(setsid \"$0.child\" </dev/null >/dev/null 2>&1 &) &\nwait\nexec sleep 600\n"
	forking  = "#!/bin/sh\nprintf . >>\"$1\"\nfor i in 1 2 3; do (setsid env -i \"$0.child\" >/dev/null 2>&1 &) & done\nwait\nsleep 600 &\nsleep 600 & wait\n"
	fleeting = "#!/bin/sh\n(setsid \"$0.child\" </dev/null >/dev/null 2>&1 &) &\nwait\nsleep 600 >/dev/null 2>&1 &\nprintf . >>\"$1\"\nexit 2\n"
	brat     = "#!/bin/sh\ntrap '' TERM HUP\nsleep 600 & wait\n"
)

// script writes a program and, beside it, the one that it leaves behind.
func (s *station) script(name, text string) string {
	s.t.Helper()
	for path, text := range map[string]string{s.path(name): text, s.path(name + ".child"): brat} {
		must(s.t, testprogram.Write(path, []byte(text), 0o700))
	}
	return s.path(name)
}

// runProgram is a check of a program.
func (s *station) runProgram(name, path, interval, timeout string) string {
	return fmt.Sprintf("check \"program\" %q {\n  path = %q\n  arguments = %q\n  interval = %q\n  timeout = %q\n  rule \"status\" {\n    when = exit == 77\n  }\n}\n",
		name, path, s.path(name+".runs"), interval, timeout)
}

// runs is how often a program has begun.
func (s *station) runs(name string) int {
	info, err := os.Stat(s.path(name + ".runs"))
	if err != nil {
		return 0
	}
	return int(info.Size())
}

// delegate makes a control group as systemd does for a unit with Delegate=.
func (s *station) delegate() {
	s.t.Helper()
	needRoot(s.t)
	mount := ""
	for line := range strings.Lines(readFile(s.t, "/proc/self/mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			mount = fields[4]
		}
	}
	if mount == "" {
		skip(s.t, "no cgroup v2")
	}
	dir, err := os.MkdirTemp(mount, "tocsin-cage-")
	if err != nil {
		skip(s.t, "no control group can be made: "+err.Error())
	}
	must(s.t, unix.Setxattr(dir, "user.delegate", []byte("1"), 0))
	group, err := os.Open(dir)
	must(s.t, err)
	s.group = group
	s.t.Cleanup(func() {
		group.Close()
		if got := readFile(s.t, filepath.Join(dir, "cgroup.events")); strings.Contains(got, "populated 1") {
			s.t.Errorf("processes are left in %s", dir)
		}
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0o600)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		poll(ctx, s.t, "the end of the control group", func() bool { return removeGroups(dir) == nil })
	})
}

// removeGroups removes a control group and those below it.
func removeGroups(dir string) error {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			_ = removeGroups(filepath.Join(dir, e.Name())) // the last of them tells
		}
	}
	return os.Remove(dir)
}

// inCages runs a test with both kinds of agent.
func inCages(t *testing.T, parallel bool, test func(t *testing.T, s *station)) {
	t.Run("control groups", func(t *testing.T) {
		if parallel {
			t.Parallel()
		}
		s := newStation(t)
		s.delegate()
		test(t, s)
	})
	t.Run("process groups", func(t *testing.T) {
		if parallel {
			t.Parallel()
		}
		test(t, newStation(t))
	})
}

// TestProgramRuns: after many hostile programs there is no process, no zombie,
// no descriptor and no thread of them.
func TestProgramRuns(t *testing.T) {
	t.Parallel()
	inCages(t, true, func(t *testing.T, s *station) {
		total := number(t, "TOCSIN_RUNS", programRuns)
		ctx := deadline(t, time.Minute+time.Duration(total)*100*time.Millisecond)
		path := s.script("fleeting", fleeting)
		idle := s.runProgram("idle", s.script("idle", "#!/bin/sh\nprintf . >>\"$1\"\n"), "1s", "10s")
		var busy []string
		for i := range 16 {
			busy = append(busy, s.runProgram(fmt.Sprintf("p%02d", i), path, "300ms", "20s"))
		}
		s.rules(idle)
		a := s.start(ctx)
		poll(ctx, t, "the first program", func() bool { return s.runs("idle") > 1 })
		before := a.holds()
		s.rules(append(busy, idle)...)
		a.signal(syscall.SIGHUP)
		a.ready(ctx, 2)
		began := time.Now()
		count := func() (n int) {
			for i := range busy {
				n += s.runs(fmt.Sprintf("p%02d", i))
			}
			return n
		}
		poll(ctx, t, "all runs", func() bool { return count() >= total })
		t.Logf("%d runs in %s", count(), time.Since(began).Round(time.Second))
		s.rules(idle)
		a.signal(syscall.SIGHUP)
		a.ready(ctx, 3)
		a.quiet(ctx, s, before)
	})
}

// TestKilledAgentsPrograms: what an agent that was killed has left running is
// ended by the next, where there are control groups.
func TestKilledAgentsPrograms(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	s.delegate()
	s.rules(s.runProgram("p", s.script("forking", forking), "1s", "30s"))
	a := s.start(ctx)
	child := s.path("forking.child")
	poll(ctx, t, "the program's children", func() bool { return len(processesWith(child)) >= 3 })
	a.kill()
	if n := len(processesWith(child)); n < 3 {
		t.Fatalf("got %d children after the agent's end, want them to be there", n)
	}
	s.rules(s.watchProcess("worker", "1s"))
	again := s.start(ctx)
	poll(ctx, t, "the end of what was left", func() bool { return len(processesWith(s.dir)) == 1 })
	if !strings.Contains(again.log.String(), "ended what programs of an earlier run have left") {
		t.Errorf("the log does not say so:\n%s", again.log)
	}
	again.stop(ctx)
}

// holding is what an agent has of the kernel.
type holding struct{ descriptors, threads int }

func (a *agent) holds() holding {
	a.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.cmd.Process.Pid))
	must(a.t, err)
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", a.cmd.Process.Pid))
	must(a.t, err)
	return holding{len(entries), len(threads)}
}

// quiet waits until no program of an agent runs any more, wants it to hold what
// it held before, and ends it.
func (a *agent) quiet(ctx context.Context, s *station, before holding) {
	a.t.Helper()
	var left []string
	gone := func() bool {
		left = nil
		for pid, command := range processesWith(s.dir) {
			if pid != a.cmd.Process.Pid && !strings.Contains(command, s.path("idle")) {
				left = append(left, command)
			}
		}
		return len(left) == 0
	}
	patient, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	poll(patient, a.t, "the end of the programs", gone)
	// Programs end one after the other: when two more have, nothing is under way.
	runs := s.runs("idle")
	poll(patient, a.t, "two more programs", func() bool { return s.runs("idle") > runs+2 })
	if zombies := zombiesOf(a.cmd.Process.Pid); len(zombies) > 0 {
		<-time.After(time.Second) // one that ended this moment is waited for
		if zombies = zombiesOf(a.cmd.Process.Pid); len(zombies) > 0 {
			a.t.Errorf("got the zombies %v, want none", zombies)
		}
	}
	after := a.holds()
	a.t.Logf("before %+v, after %+v", before, after)
	// Go keeps the threads that it once needed; a program that was not ended
	// would cost more.
	if after.descriptors > before.descriptors+3 || after.threads > before.threads+8 {
		a.t.Errorf("got %+v, had %+v", after, before)
	}
	a.signal(syscall.SIGQUIT)
	_ = a.wait(ctx)
	stacks := a.log.String()
	if n, cages := strings.Count(stacks, "\ngoroutine "), strings.Count(stacks, "program.Program.execute("); n == 0 || n > 60 || cages > 1 {
		a.t.Errorf("got %d goroutines, %d with programs, want at most 60 and the idle one", n, cages)
	} else {
		a.t.Logf("%d goroutines", n)
	}
	poll(ctx, a.t, "the end of everything", func() bool { return len(processesWith(s.dir)) == 0 })
}

// processesWith are the processes with a text in their command line.
func processesWith(text string) map[int]string {
	out := map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		data, err := os.ReadFile(dir + "/cmdline")
		if err != nil || !strings.Contains(string(data), text) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			out[pid] = strings.ReplaceAll(string(data), "\x00", " ")
		}
	}
	return out
}

// zombiesOf are the children of a process that nobody waits for.
func zombiesOf(parent int) []int {
	var out []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		data, _ := os.ReadFile(dir + "/stat")
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[0] == "Z" && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			out = append(out, pid)
		}
	}
	return out
}

// number is a count from the environment.
func number(t *testing.T, name string, other int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return other
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}
