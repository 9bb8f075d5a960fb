package checks

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// walkAge is after how long a glance goes through the directory all the same:
	// a number may have been given out of its turn (clone3(2), set_tid), or all of
	// them have between two glances.
	walkAge = 30 * time.Second
	// maxLate is how many of the numbers that were given last may have a process
	// that a walk did not see as yet.
	maxLate = 32
	// maxFresh bounds the command lines that are remembered as new ones.
	maxFresh = 256
)

// glance looks for new processes and reads those, and who was there before only
// when it is due: most of what a pass costs is reading processes that have been
// there for long. The kernel gives numbers one after the other, so that who has
// come is found without the directory, which costs as much as there are
// processes; one is asked for twice, since it is given before it can be seen.
func (t *Table) glance(ctx context.Context) error {
	before, last, now := t.lastPID, t.newest(), t.clock()
	came := int(last) - int(before)
	if before == 0 || last == 0 || came < 0 || came > len(t.list)/4+32 || now-t.walked >= walkAge {
		return t.walk(ctx, func(dir procDir, pid int32) error { return t.meet(dir, pid, now) })
	}
	due := 0
	for _, p := range t.list {
		if now >= p.due {
			due++
		}
	}
	if came+len(t.absent)+due == 0 {
		t.taken = now
		return nil
	}
	t.begin()
	t.lastPID = last
	dir, err := openDir(t.proc)
	if err != nil {
		return err
	}
	defer dir.close()
	if due > 0 {
		if err := t.lookAgain(ctx, dir, now); err != nil {
			return err
		}
	}
	if err := t.lookFor(ctx, dir, before); err != nil {
		return err
	}
	t.complete = true
	return nil
}

// numbersItself says whether loadavg speaks of the processes of this directory: it
// has the last number of who reads it, or of the host where lxcfs(1) has replaced
// it. A copy of a /proc is taken at its word.
func numbersItself(proc string) bool {
	on := func(name string) bool {
		var fs unix.Statfs_t
		return unix.Statfs(filepath.Join(proc, name), &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
	}
	if !on("") {
		return true
	}
	self, err := os.Readlink(filepath.Join(proc, "self"))
	return err == nil && self == strconv.Itoa(os.Getpid()) && on("loadavg")
}

// newest is the process number that the kernel gave last (proc(5) loadavg),
// also to a thread. It is 0 where that is not known.
func (t *Table) newest() int32 {
	if !t.numbered {
		return 0
	}
	data, err := readFile(filepath.Join(t.proc, "loadavg"), 256)
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) != 5 {
		return 0
	}
	n, _ := number(append(fields[4], 0)) // 0 for what is none
	return n
}

// meet puts a process of the directory on the list.
func (t *Table) meet(dir procDir, pid int32, now time.Duration) error {
	p := t.byPID[pid]
	if p == nil {
		return t.visit(dir, pid)
	}
	if now >= p.due {
		there, err := t.stays(dir, p, now)
		if err != nil || !there {
			return err
		}
	}
	p.seen = t.generation
	return t.enlist(p)
}

// lookAgain looks at those who are due, and drops who has gone.
func (t *Table) lookAgain(ctx context.Context, dir procDir, now time.Duration) error {
	kept := t.list[:0]
	for _, p := range t.list {
		if now >= p.due {
			if err := ctx.Err(); err != nil {
				return err
			}
			there, err := t.stays(dir, p, now)
			if err != nil {
				return err
			}
			if !there {
				t.forget(p)
				continue
			}
		}
		kept = append(kept, p)
	}
	clear(t.list[len(kept):])
	t.list = kept
	return nil
}

// stays says whether a process is still there, and reads it anew unless it has
// the command line that is known: that costs half of its stat. It is another one
// with the same line only if its number was given anew, which is heard of.
func (t *Table) stays(dir procDir, p *process, now time.Duration) (bool, error) {
	if t.numbered && p.alive() && p.flags&kernelThread == 0 {
		if line := t.commandLine(dir, p.pid); len(line) > 0 && bytes.Equal(line, p.command) {
			p.due = now + p.patience(now)
			return true, nil
		}
	}
	p, err := t.look(dir, p.pid)
	return p != nil, err
}

// lookFor looks for the processes with the numbers that were given since one,
// and for those that had none when they were asked for first.
func (t *Table) lookFor(ctx context.Context, dir procDir, since int32) error {
	again := t.absent
	t.absent = nil
	for _, pid := range again {
		if _, err := t.probe(ctx, dir, pid); err != nil {
			return err
		}
	}
	for pid := since + 1; pid <= t.lastPID; pid++ {
		found, err := t.probe(ctx, dir, pid)
		if err != nil {
			return err
		}
		if !found {
			t.absent = append(t.absent, pid)
		}
	}
	return nil
}

// probe looks for one process, and says whether something has its number: that
// may be a thread, which /proc shows to whoever asks. Who is known has ended and
// left its number to another, or came while the directory was read.
func (t *Table) probe(ctx context.Context, dir procDir, pid int32) (found bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	denied := t.unreadable
	stat, there, err := t.read(dir, pid)
	if err != nil || !there || stat.signal < 0 {
		return there || t.unreadable > denied, err
	}
	known := t.byPID[pid] != nil
	p := t.take(dir, stat)
	if known {
		return true, nil
	}
	return true, t.enlist(p)
}

// missNewest notes which of the numbers that were given last a walk has not met:
// a process can be seen a little later than its number is given.
func (t *Table) missNewest() {
	t.absent = t.absent[:0]
	for pid := max(t.lastPID-maxLate, 0) + 1; pid <= t.lastPID; pid++ {
		if t.byPID[pid] == nil {
			t.absent = append(t.absent, pid)
		}
	}
}
