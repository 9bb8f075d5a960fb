package program

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Limits is what a program may use, with everything it started.
type Limits struct {
	// Memory is in bytes, without swap. 0 is half of what the agent's unit may
	// use, and no limit where that has none.
	Memory int64
	// Processes counts processes and threads. 0 is DefaultProcesses.
	Processes int64
}

// DefaultProcesses is how many processes and threads a program may have: more
// than any check has, and too few for a fork bomb to be felt.
const DefaultProcesses = 256

// bound writes the limits of a new control group (cgroups(7), Documentation/
// admin-guide/cgroup-v2.rst). It says which of those that were asked for the
// group does not hold.
func (l Limits) bound(dir string, half int64, memory, pids bool) (left Limits, err error) {
	left = l
	if most := orElse(l.Memory, half); memory && most > 0 {
		err := setValue(dir, "memory.max", most)
		if err == nil {
			left.Memory = 0
			_ = setValue(dir, "memory.swap.max", 0)  // a kernel without swap has none
			_ = setValue(dir, "memory.oom.group", 1) // since 4.19: without, the biggest of them goes
		} else if l.Memory > 0 {
			return l, err
		}
	}
	if pids {
		err := setValue(dir, "pids.max", orElse(l.Processes, DefaultProcesses))
		if err == nil {
			left.Processes = 0
		} else if l.Processes > 0 {
			return l, err
		}
	}
	return left, nil
}

func orElse(n, other int64) int64 {
	if n > 0 {
		return n
	}
	return other
}

func setValue(dir, file string, n int64) error {
	if err := writeFile(filepath.Join(dir, file), strconv.FormatInt(n, 10)); err != nil {
		return fmt.Errorf("limit %s: %w", file, cause(err))
	}
	return nil
}

// threadsOf counts the processes and threads of a user. The directory of a
// process's threads has a link for each of them.
func threadsOf(uid uint32) int64 {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	n := int64(0)
	for _, dir := range dirs {
		info, err := os.Lstat(dir + "/task")
		if err != nil {
			continue // it has ended
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == uid && st.Nlink > 2 {
			n += int64(st.Nlink) - 2 //nolint:gosec,unconvert,nolintlint // another size on other processors
		}
	}
	return n
}

// favoured says whether the kernel spares this process when memory is short
// (choom(1)): its programs inherit that and should not.
func favoured() bool {
	text, err := readText("/proc/self/oom_score_adj")
	return err == nil && strings.HasPrefix(text, "-")
}

// disfavour lets a program be ended before the agent when memory is short. One
// that has another user by now is held by its limit alone.
func disfavour(pid int) {
	_ = writeFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), "0")
}
