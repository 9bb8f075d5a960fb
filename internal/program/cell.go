package program

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cell holds one program and everything it started.
type cell struct {
	cage   *Cage // nil is without
	number uint64
	began  uint64 // in ticks since boot, as proc_pid_stat(5) counts
	dir    string // its control group
	group  *os.File
	limits Limits // those that its control group does not hold
	pid    int    // of the program, which is also its process group; 0 before
}

// enter makes the cell of a program that is about to start.
func (c *Cage) enter(limits Limits) (*cell, error) {
	if c == nil {
		return &cell{limits: limits}, nil
	}
	if c.Busy != nil {
		c.Busy()
	}
	c.retry()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	one := &cell{cage: c, number: c.next, began: ticks(), limits: limits}
	if c.pen != "" {
		if err := one.fence(c.pen); err != nil {
			c.degrade(err)
		}
	}
	if one.grouped() {
		var err error
		if one.limits, err = limits.bound(one.dir, c.half, c.memory, c.pids); err != nil {
			one.unfence()
			return nil, err
		}
	}
	c.tell()
	c.running[one] = true
	return one, nil
}

// Spare keeps the children that another part of this process is about to have,
// from being taken for orphans, until done is called: after they were waited
// for.
func (c *Cage) Spare() (done func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	one := &cell{cage: c, number: c.next, began: ticks()}
	c.running[one] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, one)
	}
}

// fence makes the control group.
func (c *cell) fence(pen string) error {
	dir := filepath.Join(pen, strconv.FormatUint(c.number, 10))
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as the kernel makes them
		return err
	}
	group, err := os.Open(dir)
	if err != nil {
		_ = unix.Rmdir(dir) // it is empty
		return err
	}
	c.dir, c.group = dir, group
	return nil
}

// unfence gives up a control group that nothing was started in.
func (c *cell) unfence() {
	closeFile(c.group)
	_ = unix.Rmdir(c.dir) // else it is removed with the pen
	c.dir, c.group = "", nil
}

// ungroup says that a program started only after its control group was given
// up.
func (c *cell) ungroup(why error) {
	c.unfence()
	c.cage.mu.Lock()
	defer c.cage.mu.Unlock()
	c.cage.degrade(fmt.Errorf("start in a control group: %w", cause(why)))
}

// grouped says whether the cell is a control group.
func (c *cell) grouped() bool { return c.group != nil }

// markName is the variable that says whose a process is that left its process
// group.
const markName = "TOCSIN_CAGE="

// marks is what the program's environment says of its cell.
func (c *cell) marks() []string {
	if c.cage == nil || c.grouped() {
		return nil
	}
	return []string{markName + mark(c.number)}
}

// mark is unlike that of every other cell of this boot, but for a number that
// comes again.
func mark(number uint64) string {
	return strconv.Itoa(os.Getpid()) + "." + strconv.FormatUint(number, 10)
}

// hold is told of the program as soon as it is there.
func (c *cell) hold(pid int) {
	if c.cage == nil {
		c.pid = pid
		return
	}
	c.cage.mu.Lock()
	c.pid = pid
	c.cage.mu.Unlock()
	if c.cage.spared {
		disfavour(pid)
	}
}

// kill kills the program and everything that is in its cell. It is called
// while the program has not been waited for.
func (c *cell) kill() error {
	var err error
	if c.grouped() {
		err = killGroup(c.dir)
	}
	if c.pid > 0 {
		killErr := syscall.Kill(-c.pid, syscall.SIGKILL)
		if !c.grouped() && !errors.Is(killErr, syscall.ESRCH) {
			err = killErr
		}
	}
	return err
}

// leave ends what has left the cell's process group, and gives the cell up.
func (c *cell) leave() {
	if c.cage == nil {
		return
	}
	if c.grouped() {
		closeFile(c.group)
		c.cage.leave(c.dir)
	}
	c.cage.mu.Lock()
	delete(c.cage.running, c)
	reaper := c.cage.reaper
	c.cage.mu.Unlock()
	if reaper && c.pid > 0 {
		c.cage.sweep(c.pid)
	}
}

// retry tries again to remove what could not be ended.
func (c *Cage) retry() {
	c.mu.Lock()
	left := c.left
	c.left = nil
	c.mu.Unlock()
	for _, dir := range left {
		if err := clearGroup(dir, 0); err != nil {
			c.mu.Lock()
			c.left = append(c.left, dir)
			c.mu.Unlock()
		}
	}
}

// ticks is the time since boot in the unit of proc_pid_stat(5), field 22.
func ticks() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return uint64(time.Duration(now.Nano()) / (10 * time.Millisecond)) //nolint:gosec // not negative
}
