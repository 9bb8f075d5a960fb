package checks

import (
	"bytes"
	"context"
	"path/filepath"
	"time"
)

const (
	// walkAge is after how long a glance goes through the directory all the same:
	// a number may have been given out of its turn (clone3(2), set_tid).
	walkAge = 30 * time.Second
	// maxFresh bounds the command lines that are remembered as new ones.
	maxFresh = 256
)

// glance looks for new processes and reads those, and who was there before only
// when it is due: most of what a pass costs is reading processes that have been
// there for long. The kernel gives numbers one after the other, so that who has
// come is found without the directory, which costs as much as there are
// processes; one is asked for twice, since it is given before it can be seen.
func (t *Table) glance(ctx context.Context) error {
	before, now := t.lastPID, t.clock()
	t.lastPID = t.newest()
	came := int(t.lastPID) - int(before)
	if before == 0 || t.lastPID == 0 || came < 0 || came > len(t.list)/4+32 || now-t.walked >= walkAge {
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
	dir, err := openDir(t.proc)
	if err != nil {
		return err
	}
	defer dir.close()
	t.begin()
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

// newest is the process number that the kernel gave last (proc(5) loadavg),
// also to a thread. It is 0 where that is not known.
func (t *Table) newest() int32 {
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
// the command line that is known: that costs half of its stat.
func (t *Table) stays(dir procDir, p *process, now time.Duration) (bool, error) {
	if p.alive() && p.flags&kernelThread == 0 {
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
// may be a thread, which /proc shows to whoever asks.
func (t *Table) probe(ctx context.Context, dir procDir, pid int32) (found bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if t.byPID[pid] != nil {
		return true, nil // it came while the directory was read
	}
	p, err := t.look(dir, pid)
	if p == nil || err != nil {
		return false, err
	}
	if p.signal < 0 {
		t.forget(p)
		return true, nil
	}
	return true, t.enlist(p)
}
