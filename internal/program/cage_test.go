package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// skip leaves a test out; in CI nothing may be left out.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("skipped, which CI does not allow: %s", why)
	}
	t.Skip(why)
}

// delegatedHere makes a control group as the service manager delegates one.
func delegatedHere(t *testing.T) string {
	t.Helper()
	_, mount, err := ownGroup("/proc")
	if err != nil {
		skip(t, err.Error())
	}
	dir := filepath.Join(mount, fmt.Sprintf("tocsin-cage-test-%d-%s", os.Getpid(), filepath.Base(t.TempDir())))
	if err := os.Mkdir(dir, 0o755); err != nil {
		skip(t, "no control group can be made: "+err.Error())
	}
	t.Cleanup(func() {
		if err := clearGroup(dir, 5*time.Second); err != nil {
			t.Errorf("%s is not empty: %v", dir, err)
		}
	})
	return dir
}

func newCage(t *testing.T) (*Cage, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c := &Cage{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), running: map[*cell]bool{}, ended: map[int]bool{}, born: bornInGroups(), stuck: map[<-chan error]stuckRun{}}
	t.Cleanup(c.Close)
	return c, &log
}

// cages are the two of them, by name.
func cages(t *testing.T, test func(t *testing.T, c *Cage)) {
	t.Run("control groups", func(t *testing.T) {
		c, _ := newCage(t)
		if err := c.build(delegatedHere(t), false); err != nil {
			t.Fatal(err)
		}
		test(t, c)
		if left := groupsIn(c.pen); len(left) > 0 || c.pen == "" {
			t.Errorf("got the groups %q left in %q, want none", left, c.pen)
		}
	})
	t.Run("control groups without clone3", func(t *testing.T) {
		c, _ := newCage(t)
		if err := c.build(delegatedHere(t), false); err != nil {
			t.Fatal(err)
		}
		c.born = false
		test(t, c)
		if left := groupsIn(c.pen); len(left) > 0 || c.pen == "" {
			t.Errorf("got the groups %q left in %q, want none", left, c.pen)
		}
	})
	t.Run("process groups", func(t *testing.T) {
		c, _ := newCage(t)
		c.why = "this is a test"
		c.reap()
		t.Cleanup(unreap)
		test(t, c)
		if left := children(); len(left) > 0 {
			t.Errorf("got the children %v left, want none", left)
		}
	})
}

// unreap lets orphans fall to the first process again, for other tests.
func unreap() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }

func shell(c *Cage, text string) Program {
	return Program{Args: []string{"/bin/sh", "-c", text}, Timeout: 10 * time.Second, Cage: c}
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// leash is a fifo whose other end a child holds open; the channel is closed
// when the child has ended.
func leash(t *testing.T) (path string, ended <-chan struct{}) {
	t.Helper()
	path = fifo(t)
	done := make(chan struct{})
	go func() {
		_, _ = os.ReadFile(path) // until nobody holds it any more
		close(done)
	}()
	return path, done
}

func gone(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("a child of the program is left")
	}
}

// errOver ends a program as its timeout does.
var errOver = errors.New("it is over")

// TestNothingComesOutOfTheCage: whatever a program does, all of it is gone
// when its run has ended.
func TestNothingComesOutOfTheCage(t *testing.T) {
	tests := []struct {
		name, script string // what hangs says so to $READY
		hangs        bool
		output       string
	}{
		{"well", `echo ok`, false, "ok"},
		{"ignores TERM", `trap '' TERM HUP INT; echo begun; sleep 600 & echo >$READY; wait`, true, "begun"},
		{"daemon", `(setsid sh -c 'trap "" TERM; sleep 600' >/dev/null 2>&1 &) & wait; echo ok`, false, "ok"},
		{"daemon that hides", `(env -i /usr/bin/setsid /bin/sh -c 'sleep 600 & sleep 601 & wait' >/dev/null 2>&1 &) & wait; echo ok`, false, "ok"},
		{"daemon and hangs", `(setsid sh -c 'setsid sleep 600 & wait' >/dev/null 2>&1 &) & wait; echo begun; echo >$READY; sleep 600`, true, "begun"},
		{"keeps its output open", `setsid sleep 600 & echo ok`, false, "ok"},
		{"many", `for i in 1 2 3 4 5 6 7 8; do (setsid sh -c 'sleep 600 & (setsid sleep 600 &) ; wait' >/dev/null 2>&1 &); done; echo ok`, false, "ok"},
	}
	cages(t, func(t *testing.T, c *Cage) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				path, ended := leash(t)
				ready := fifo(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.hangs {
					go func() {
						_, _ = os.ReadFile(ready)
						cancel(errOver)
					}()
				}
				r := shell(c, "READY="+ready+"; exec 9>"+path+"; "+tt.script).Run(ctx, anEvent())
				if r.Output != tt.output || errors.Is(r.Err, errOver) != tt.hangs {
					t.Errorf("got %q and %v", r.Output, r.Err)
				}
				gone(t, ended)
			})
		}
	})
}

// TestProgramsDoNotEndEachOther: what a program has left is ended while others
// run, and those with all of theirs are not.
func TestProgramsDoNotEndEachOther(t *testing.T) {
	cages(t, func(t *testing.T, c *Cage) {
		hold, held := leash(t)
		release, ready := fifo(t), fifo(t)
		var wg sync.WaitGroup
		var long Result
		wg.Go(func() {
			long = shell(c, `exec 9>`+hold+`; (env -i /usr/bin/setsid /bin/sh -c 'sleep 600' >/dev/null 2>&1 &) & wait; echo >`+ready+`; cat `+release).Run(t.Context(), anEvent())
		})
		// It runs, and so does its daemon.
		if _, err := os.ReadFile(ready); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			path, ended := leash(t)
			r := shell(c, `exec 9>`+path+`; (setsid sleep 600 >/dev/null 2>&1 &) & wait; echo ok`).Run(t.Context(), anEvent())
			if r.Err != nil || r.Output != "ok" {
				t.Errorf("got %q and %v", r.Output, r.Err)
			}
			gone(t, ended)
		}
		select {
		case <-held:
			t.Error("a program that runs was ended")
		default:
		}
		if err := os.WriteFile(release, []byte("said\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if long.Err != nil || long.Output != "said" {
			t.Errorf("got %q and %v", long.Output, long.Err)
		}
		gone(t, held)
	})
}

// TestManyRunsLeaveNothing: descriptors and children are as many after as
// before.
func TestManyRunsLeaveNothing(t *testing.T) {
	cages(t, func(t *testing.T, c *Cage) {
		p := shell(c, "(setsid sleep 600 >/dev/null 2>&1 &) & exit 3")
		_ = p.Probe(t.Context())
		before, starts := descriptors(t), 0
		c.Busy = func() { starts++ }
		for range 50 {
			if r := p.Probe(t.Context()); r.Status != 3 || r.Err != nil {
				t.Fatalf("got %+v", r)
			}
		}
		if starts != 50 {
			t.Errorf("heard of %d starts, want 50", starts)
		}
		if after := descriptors(t); after > before+2 {
			t.Errorf("got %d descriptors, had %d", after, before)
		}
	})
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestLeftovers: what a killed agent has left in its groups is ended by the
// next; what one that lives has is not.
func TestLeftovers(t *testing.T) {
	dir := delegatedHere(t)
	living, log := newCage(t)
	if err := living.build(dir, false); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, penPrefix+"4194305") // no process has this number
	group := filepath.Join(old, "1")
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	ready := fifo(t)
	path, ended := leash(t)
	f, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "exec 9>"+path+"; setsid sleep 600 & echo >"+ready+"; exec sleep 600")
	pidfd, err := launch(cmd, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	closeFile(pidfd)
	defer func() { _ = cmd.Wait() }() // it is killed
	if _, err := os.ReadFile(ready); err != nil {
		t.Fatal(err)
	}

	next, told := newCage(t)
	next.clear(dir)
	gone(t, ended)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) || !strings.Contains(told.String(), "ended what programs of an earlier run have left") {
		t.Errorf("got %v and the log %q", err, told)
	}
	if _, err := os.Stat(living.pen); err != nil || strings.Contains(log.String(), "WARN") {
		t.Errorf("got %v and the log %q, want the pen of an agent that lives to stay", err, log)
	}
}

func TestCgroupMount(t *testing.T) {
	const hybrid = "30 20 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n31 30 0:27 / /sys/fs/cgroup/unified rw,relatime shared:5 - cgroup2 cgroup2 rw\n"
	const contained = "31 30 0:27 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	tests := []struct{ text, path, root, mount string }{
		{hybrid, "/system.slice/tocsin.service", "/", "/sys/fs/cgroup/unified"},
		{contained, "/docker/x/y", "/docker/x", "/sys/fs/cgroup"},
		{contained, "/docker/xy", "", ""},
		{"", "/", "", ""},
		{"31 30 - cgroup2", "/", "", ""},
	}
	for _, tt := range tests {
		if root, mount := cgroupMount(tt.text, tt.path); root != tt.root || mount != tt.mount {
			t.Errorf("%s: got %q and %q, want %q and %q", tt.path, root, mount, tt.root, tt.mount)
		}
	}
}

// TestDegraded: when control groups can be made no more, programs still run.
func TestDegraded(t *testing.T) {
	c, log := newCage(t)
	c.pen = filepath.Join(t.TempDir(), "gone")
	for range 2 {
		if r := shell(c, "echo ok").Run(t.Context(), anEvent()); r.Err != nil || r.Output != "ok" {
			t.Errorf("got %q and %v", r.Output, r.Err)
		}
	}
	if n := strings.Count(log.String(), "programs run in process groups, not in control groups"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, log)
	}
	if got := c.String(); !strings.HasPrefix(got, "process groups: mkdir ") {
		t.Errorf("got %q", got)
	}
}

// TestAProgramThatCannotBeEnded: who asks is answered in time, and it is not
// started once more before it has ended.
func TestAProgramThatCannotBeEnded(t *testing.T) {
	c, _ := newCage(t)
	done := make(chan error, 1)
	p := shell(c, "echo ok")
	key := strings.Join(p.Args, "\x00")
	if !c.stick(key, done) {
		t.Fatal("not remembered")
	}
	if r := p.Run(t.Context(), anEvent()); !errors.Is(r.Err, ErrStuck) || !strings.HasPrefix(r.Err.Error(), "not started: the run of ") {
		t.Errorf("got %v", r.Err)
	}
	if r := shell(c, "echo other").Run(t.Context(), anEvent()); r.Err != nil {
		t.Errorf("another program: got %v", r.Err)
	}
	c.unstick(done)
	if r := p.Run(t.Context(), anEvent()); r.Err != nil {
		t.Errorf("got %v after its end", r.Err)
	}
	ended := make(chan error, 1)
	ended <- nil
	if c.stick(key, ended) {
		t.Error("remembered one that has ended")
	}
}

// TestMoveSelf: a group with others in it is not left.
func TestMoveSelf(t *testing.T) {
	dir := t.TempDir()
	procs := filepath.Join(dir, "cgroup.procs")
	for text, want := range map[string]string{"": "", "1\n2\n": "holds other processes", "1\n": "holds other processes"} {
		if err := os.WriteFile(procs, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := moveSelf(dir)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if err := os.WriteFile(procs, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := moveSelf(dir); !errors.Is(err, os.ErrNotExist) || !slices.Equal(groupsIn(dir), []string{filepath.Join(dir, agentGroup)}) {
		t.Errorf("got %v and %q, want the group to be made", err, groupsIn(dir))
	}
}
