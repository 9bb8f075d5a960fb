package program

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Cage holds the programs of a process, each with everything it starts, so that
// none of them outlives its time: every program has a control group of its own
// where the service manager delegates one (cgroups(7)). Elsewhere each has a
// process group, and what leaves that by setsid(2) or daemon(3) is caught
// because this process is the one that orphans fall to
// (PR_SET_CHILD_SUBREAPER).
//
// A process has at most one Cage: who inherits orphans is a matter of the whole
// process. Nil is a process group alone.
type Cage struct {
	// Busy hears of each program that is about to start; may be nil. It is set
	// before the first one. Go holds one of its processors until a program is
	// executed (vfork(2)), 1.5 ms here.
	Busy func() `json:"-"`

	log *slog.Logger

	mu      sync.Mutex
	pen     string   // the group in which the cells are; "" without
	lock    *os.File // says to others that the pen is in use
	why     string   // why there is none
	told    bool
	memory  bool // the pen's controllers
	pids    bool
	born    bool          // processes can be made in groups; else they are moved
	half    int64         // half of what the unit may use, in bytes; 0 is no limit
	spared  bool          // the kernel spares this process when memory is short
	reaper  bool          // orphans fall to this process
	lasts   uint64        // when the first lasting program began, in ticks since boot; 0 is never
	closed  chan struct{} // ends the reaping; nil while nobody reaps
	buried  chan struct{} // closed when that has ended; nil while nobody reaps
	next    uint64
	running map[*cell]bool
	ended   map[int]bool // process groups whose orphans are to be ended
	stuck   map[<-chan error]stuckRun
	left    []string // groups whose processes could not be killed yet

	sweeping sync.Mutex
}

// stuckRun is a program that cannot be ended.
type stuckRun struct {
	key   string
	since time.Time
}

// OpenCage makes the cage of this process. With move it goes into a control
// group of its own below the one that was delegated, so that its programs can
// have limits; a command that ends soon need not. What an agent that was killed
// has left in its control groups is killed and removed. It never fails: without
// control groups there are process groups, which is logged when the first
// program runs.
func OpenCage(move bool, log *slog.Logger) *Cage {
	c := &Cage{log: log, running: map[*cell]bool{}, ended: map[int]bool{}, stuck: map[<-chan error]stuckRun{}, spared: favoured(), born: bornInGroups()}
	dir, err := delegatedGroup("/proc")
	if err == nil {
		err = c.build(dir, move)
	}
	if err != nil {
		c.pen, c.why = "", err.Error()
		c.reap()
	} else if os.Getpid() == 1 {
		c.reaper = true // there is nobody else
	}
	return c
}

// build makes the pen in a delegated group.
func (c *Cage) build(dir string, move bool) error {
	pen := filepath.Join(dir, penPrefix+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(pen, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // as the kernel makes them
		return err
	}
	lock, err := lockGroup(pen)
	if err != nil {
		return err
	}
	c.lock, c.pen = lock, pen
	c.clear(dir)
	for _, left := range groupsIn(pen) { // of an agent that had this number
		c.leave(left)
	}
	if move {
		if err := moveSelf(dir); err != nil {
			c.log.Debug("programs have no limits by control groups", "err", err)
		}
	}
	enable(dir, "cpu", "memory", "pids")
	for _, name := range enable(pen, "memory", "pids") {
		c.memory = c.memory || name == "memory"
		c.pids = c.pids || name == "pids"
	}
	if text, err := readText(filepath.Join(dir, "memory.max")); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
			c.half = n / 2
		}
	}
	return nil
}

// lockGroup takes a group for this process alone, as long as it lives.
func lockGroup(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		closeFile(f)
		return nil, fmt.Errorf("lock control group %s: %w", dir, err)
	}
	return f, nil
}

// clear ends what agents have left that are no more.
func (c *Cage) clear(dir string) {
	for _, pen := range groupsIn(dir) {
		if pen == c.pen || !strings.HasPrefix(filepath.Base(pen), penPrefix) {
			continue
		}
		lock, err := lockGroup(pen)
		if err != nil {
			continue // it has an agent, or is gone
		}
		if n, err := processesIn(pen, maxDepth); err == nil && len(n) > 0 {
			c.log.Info("ended what programs of an earlier run have left", "processes", len(n))
		}
		c.leave(pen)
		closeFile(lock)
	}
}

// leave clears a group, and remembers it if that takes too long.
func (c *Cage) leave(dir string) {
	if err := clearGroup(dir, endGrace); err != nil {
		c.mu.Lock()
		c.left = append(c.left, dir)
		c.mu.Unlock()
		c.log.Warn("processes of a program cannot be ended, tried again later", "group", dir, "err", err)
	}
}

// Close kills what is left and removes the groups. Programs that still run
// fail.
func (c *Cage) Close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	pen, lock, buried := c.pen, c.lock, c.buried
	c.pen, c.lock, c.why = "", nil, "closed"
	if c.closed != nil {
		close(c.closed)
		c.closed, c.buried = nil, nil
	}
	c.mu.Unlock()
	if buried != nil {
		<-buried // it would wait for the children of others
	}
	if pen != "" {
		if err := clearGroup(pen, endGrace); err != nil {
			c.log.Warn("processes of a program cannot be ended", "group", pen, "err", err)
		}
	}
	closeFile(lock)
}

// String says what the cage is, for people.
func (c *Cage) String() string {
	if c == nil {
		return "process groups"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pen == "" {
		return "process groups: " + c.why
	}
	return "control groups in " + c.pen
}

// tell logs once what the cage is. The caller holds mu.
func (c *Cage) tell() {
	if c.told {
		return
	}
	c.told = true
	if c.pen == "" {
		c.log.Info("programs run in process groups, not in control groups", "reason", c.why)
		return
	}
	c.log.Debug("programs run in control groups", "group", c.pen, "memory", c.memory, "processes", c.pids)
}

// degrade goes on without control groups. The caller holds mu.
func (c *Cage) degrade(why error) {
	if c.pen != "" {
		c.pen, c.why, c.told = "", why.Error(), false
		c.reap()
		c.tell()
	}
}

// reap makes orphans fall to this process (PR_SET_CHILD_SUBREAPER(2const)).
func (c *Cage) reap() {
	if !c.reaper {
		c.reaper = os.Getpid() == 1 || unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
	}
	if c.lasts > 0 {
		c.bury()
	}
}

// isStuck says whether a run of the same program cannot be ended, and since
// when it is overdue.
func (c *Cage) isStuck(key string) (since time.Time, stuck bool) {
	if c == nil {
		return since, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, run := range c.stuck {
		if run.key == key {
			return run.since, true
		}
	}
	return since, false
}

// stick remembers a program that cannot be ended, false if it just did. done
// has its end.
func (c *Cage) stick(key string, done <-chan error) bool {
	if c == nil {
		return len(done) == 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(done) > 0 {
		return false
	}
	c.stuck[done] = stuckRun{key, time.Now()}
	return true
}

// unstick forgets a run that has ended after all.
func (c *Cage) unstick(done <-chan error) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.stuck, done)
}
