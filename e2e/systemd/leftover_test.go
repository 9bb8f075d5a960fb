//go:build e2esystemd

package systemd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// prefix is how the names begin of all that the tests make outside their
// directory: network namespaces, interfaces, control groups.
const prefix = "tocsin-e2e-"

// cache is where the setup keeps its root.
func cache() string {
	if dir := os.Getenv("TOCSIN_ROOTFS"); dir != "" {
		return dir
	}
	return "/var/cache/tocsin-e2e"
}

// rootfs is the root that every machine gets a copy of.
func rootfs() string { return filepath.Join(cache(), "root") }

// workDir holds all files of a run. Its name is fixed, so that the next run
// finds what a killed one has left.
func workDir() string { return filepath.Join(cache(), "run") }

// lockCache makes this the only run on the machine.
func lockCache() (unlock func(), err error) {
	if err := os.MkdirAll(cache(), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(cache(), "run.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return func() { _ = lock.Close() }, nil
	}
	fmt.Fprintln(os.Stderr, "e2e/systemd: waiting for another run to end")
	return func() { _ = lock.Close() }, unix.Flock(int(lock.Fd()), unix.LOCK_EX)
}

// sweep ends and removes whatever a run has left, and says what it was. A
// machine outlives the process that started it, and so do mounts.
func sweep() (found []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	queues, _ := filepath.Glob(filepath.Join(workDir(), "*", "postfix", "queue"))
	var pids []int
	for _, queue := range queues {
		pids = append(pids, processesIn(queue)...)
	}
	files, _ := filepath.Glob(filepath.Join(workDir(), "*", "*.pid"))
	for _, file := range files {
		if pid, ok := recorded(file); ok {
			pids = append(pids, pid)
		}
	}
	for _, pid := range pids {
		found = append(found, fmt.Sprintf("process %d", pid))
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	for _, pid := range pids {
		for ; alive(pid) && ctx.Err() == nil; <-time.After(10 * time.Millisecond) {
		}
	}
	spaces, _ := filepath.Glob("/run/netns/" + prefix + "*")
	for _, space := range spaces {
		found = append(found, "network namespace "+filepath.Base(space))
		_ = exec.CommandContext(ctx, "ip", "netns", "del", filepath.Base(space)).Run()
	}
	for _, mount := range mountsIn(workDir()) {
		found = append(found, "mount "+mount)
		for unix.Unmount(mount, 0) != nil && ctx.Err() == nil {
			<-time.After(10 * time.Millisecond) // until the last process is gone
		}
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/" + prefix + "*")
	for _, group := range groups {
		found = append(found, "control group "+group)
		removeGroup(group)
	}
	names, _ := filepath.Glob(filepath.Join(workDir(), "*"))
	found = append(found, names...)
	if len(mountsIn(workDir())) == 0 {
		_ = os.RemoveAll(workDir())
	}
	return found
}

// record notes a process for the sweep of the next run. With its start the id
// cannot mean another process.
func record(file string, pid int) error {
	return os.WriteFile(file, fmt.Appendf(nil, "%d %s\n", pid, startOf(pid)), 0o600)
}

// recorded reads what record has written; a process that is gone is not ok.
func recorded(file string) (pid int, ok bool) {
	data, _ := os.ReadFile(file)
	id, start, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	pid, err := strconv.Atoi(id)
	return pid, err == nil && start != "" && start == startOf(pid) && alive(pid)
}

// startOf is when a process started, in ticks (proc_pid_stat(5), field 22);
// empty when it is gone.
func startOf(pid int) string {
	if fields := statOf(pid); len(fields) > 19 {
		return fields[19]
	}
	return ""
}

// alive says whether a process runs. One that only waits for its parent to
// look at it does not.
func alive(pid int) bool {
	fields := statOf(pid)
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

// statOf is the fields of /proc/PID/stat from the third, the state.
func statOf(pid int) []string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.Fields(rest)
}

// processesIn are those that work in dir, as those of a Postfix do in its
// queue.
func processesIn(dir string) []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && (cwd == dir || strings.HasPrefix(cwd, dir+"/")) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// mountsIn are the mount points under dir, the last one first.
func mountsIn(dir string) []string {
	var points []string
	data, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	slices.Reverse(points)
	return points
}
