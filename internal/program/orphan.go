package program

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// orphan is a child of this process, perhaps one that it did not start.
type orphan struct {
	pid, group, session int
	began               uint64 // ticks since boot
	dead                bool   // a zombie
}

// sweep ends the orphans of a program that has ended: group is the number of
// its process group. It goes on until none is left, since the children of an
// orphan become orphans. Programs that end together are swept together.
func (c *Cage) sweep(group int) {
	c.mu.Lock()
	c.ended[group] = true
	c.mu.Unlock()
	c.sweeping.Lock()
	defer c.sweeping.Unlock()
	c.mu.Lock()
	mine := maps.Clone(c.ended)
	c.mu.Unlock()
	if !mine[group] {
		return // another sweep, which began later, had it among its own
	}
	c.end(mine)
	c.mu.Lock()
	defer c.mu.Unlock()
	for group := range mine {
		delete(c.ended, group)
	}
}

// end ends the orphans of these process groups, and those that are nobody's.
func (c *Cage) end(groups map[int]bool) {
	began := time.Now()
	seen := map[int]time.Time{}
	pause := time.Millisecond
	// A list of children is exact only if none of them changes (proc_tid_children(5)).
	for empty := 0; empty < 2; {
		left := c.orphans(groups)
		if len(left) == 0 {
			empty++
			continue
		}
		empty = 0
		now, stubborn := time.Now(), 0
		for _, o := range left {
			o.end()
			if first, known := seen[o.pid]; !known {
				seen[o.pid] = now
			} else if now.Sub(first) > endGrace/2 {
				stubborn++
			}
		}
		if now.Sub(began) > endGrace {
			if stubborn > 0 { // the others only came late
				c.log.Warn("processes that a program left cannot be ended, tried again after the next", "processes", stubborn)
			}
			return
		}
		<-time.After(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// orphans lists the children of this process that nobody needs any more.
func (c *Cage) orphans(groups map[int]bool) []orphan {
	var left []orphan
	for _, pid := range children() {
		if c.runs(pid) {
			continue
		}
		if o, ok := look(pid); ok && c.abandoned(o, groups, markOf) {
			left = append(left, o)
		}
	}
	return left
}

// runs says whether a process is a program that has not been waited for.
func (c *Cage) runs(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for one := range c.running {
		if one.pid == pid {
			return true
		}
	}
	return false
}

// end kills an orphan, or waits for it when it is dead. It is the child of this
// process and of nobody who waits for it, so its number is its own.
func (o orphan) end() {
	if !o.dead {
		_ = syscall.Kill(o.pid, syscall.SIGKILL) // the next look says whether that did it
		return
	}
	for {
		err := unix.Waitid(unix.P_PID, o.pid, nil, unix.WEXITED|unix.WNOHANG, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// abandoned says whether a child of this process is what a program left that
// has ended. groups are the process groups of those that just have.
//
// Whose an orphan is its process group says, or it itself by the mark in its
// environment. What says neither goes when no program runs any more that began
// before it, unless it may come of a lasting program: one that began before it
// ever, since a daemon forks when it likes and may have cleared its environment.
// What is dead harms nobody and goes sooner. Spared is what os/exec has forked
// and is not known by its number yet: its cell is older. What is in the agent's
// own process group was started by another part of it.
func (c *Cage) abandoned(o orphan, groups map[int]bool, markOf func(o orphan) string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	older := false
	for one := range c.running {
		if one.pid > 0 && (one.pid == o.pid || one.pid == o.group || one.pid == o.session) {
			return false
		}
		older = older || one.began <= o.began && (!o.dead || one.pid == 0)
	}
	if groups[o.group] || groups[o.session] {
		return true
	}
	mark := markOf(o)
	if mark == lasting {
		return false // it is to live on; a dead one has no mark
	}
	if pid, number, ok := strings.Cut(mark, "."); ok && pid == strconv.Itoa(os.Getpid()) {
		for one := range c.running {
			if number == strconv.FormatUint(one.number, 10) {
				return false
			}
		}
		return true
	}
	if o.group == unix.Getpgrp() || older {
		return false
	}
	if c.lasts > 0 && c.lasts <= o.began && !o.dead {
		return false
	}
	// The first process of a container inherits from strangers, too.
	return os.Getpid() != 1 || o.dead
}

// children lists the children of this process, those of all its threads.
func children() []int {
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return nil
	}
	var out []int
	for _, file := range files {
		text, _ := readText(file) // the thread may have ended
		for word := range strings.FieldsSeq(text) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// look reads what a child is.
func look(pid int) (orphan, bool) {
	text, err := readText(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return orphan{}, false
	}
	return parseChild(text)
}

// markOf reads the mark of a child: "" when it has none, has ended, or is
// another user's and the agent lacks CAP_SYS_PTRACE.
func markOf(o orphan) string {
	if o.dead {
		return ""
	}
	env, _ := readText(fmt.Sprintf("/proc/%d/environ", o.pid)) // then it says nothing
	for name := range strings.SplitSeq(env, "\x00") {
		if m, found := strings.CutPrefix(name, markName); found {
			return m
		}
	}
	return ""
}

// parseChild reads the text of proc_pid_stat(5). The name of a process is in
// brackets and may hold some itself.
func parseChild(text string) (orphan, bool) {
	i := strings.LastIndexByte(text, ')')
	pid, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(text, "(", 2)[0]))
	fields := strings.Fields(text[i+1:])
	if i < 0 || err != nil || len(fields) < 20 {
		return orphan{}, false
	}
	group, err1 := strconv.Atoi(fields[2])
	session, err2 := strconv.Atoi(fields[3])
	began, err3 := strconv.ParseUint(fields[19], 10, 64)
	dead := fields[0] == "Z" || fields[0] == "X"
	return orphan{pid: pid, group: group, session: session, began: began, dead: dead}, err1 == nil && err2 == nil && err3 == nil
}
