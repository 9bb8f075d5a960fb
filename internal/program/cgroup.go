package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The names of the control groups that the agent makes in its own: itself is
// in one, since a group with processes in it has no limits to give to others
// (the "no internal processes" rule of cgroups(7)), and the cells of its
// programs are in the other.
const (
	agentGroup = "agent"
	penPrefix  = "programs."
)

// maxFile bounds what is read of a file of the kernel's, in bytes.
const maxFile = 1 << 20

// maxDepth bounds how deep a program's own control groups are removed.
const maxDepth = 16

// ownGroup finds the control group of this process: its directory, and where
// cgroup v2 is mounted. proc is where proc(5) is.
func ownGroup(proc string) (dir, mount string, err error) {
	text, err := readText(filepath.Join(proc, "self/cgroup"))
	if err != nil {
		return "", "", err
	}
	path := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			path = rest
		}
	}
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/..") || strings.HasSuffix(path, " (deleted)") {
		return "", "", errors.New("no cgroup v2")
	}
	text, err = readText(filepath.Join(proc, "self/mountinfo"))
	if err != nil {
		return "", "", err
	}
	root, mount := cgroupMount(text, path)
	if mount == "" {
		return "", "", errors.New("no cgroup v2 is mounted")
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(path, strings.TrimSuffix(root, "/")), "/")
	return filepath.Join(mount, rel), mount, nil
}

// cgroupMount finds the mount of cgroup v2 that shows the group path, and its
// root (proc_pid_mountinfo(5)).
func cgroupMount(text, path string) (root, mount string) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		root, mount = fields[3], fields[4]
		if root == "/" || path == root || strings.HasPrefix(path, root+"/") {
			return root, mount
		}
	}
	return "", ""
}

// delegatedGroup is the control group in which this process may make others,
// because somebody said so: the service manager marks what it has delegated
// (Delegate= of systemd.resource-control(5)), and a group that an ordinary
// user may write to was given to it. Root may write to every group, which
// makes none of them its own.
func delegatedGroup(proc string) (dir string, err error) {
	own, mount, err := ownGroup(proc)
	if err != nil {
		return "", err
	}
	for _, dir := range []string{own, filepath.Dir(own)} {
		if dir == mount || !strings.HasPrefix(dir, mount) {
			break
		}
		if !delegated(dir) {
			continue
		}
		if err := unix.Access(dir, unix.W_OK); err != nil {
			return "", fmt.Errorf("control group %s: %w", dir, err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("the control group %s is not delegated", own)
}

func delegated(dir string) bool {
	value := make([]byte, 8)
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, name, value); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return os.Geteuid() != 0 && unix.Access(dir, unix.W_OK) == nil && unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil
}

// moveSelf puts this process into a group below dir, if it is alone in dir, so
// that limits can be given to the groups beside it.
func moveSelf(dir string) error {
	text, err := readText(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	switch procs := strings.Fields(text); {
	case len(procs) == 0:
		return nil // it is in one already
	case len(procs) > 1 || procs[0] != strconv.Itoa(os.Getpid()):
		return fmt.Errorf("control group %s holds other processes", dir)
	}
	group := filepath.Join(dir, agentGroup)
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // as the kernel makes them
		return err
	}
	return writeFile(filepath.Join(group, "cgroup.procs"), "0")
}

// enable gives the groups in dir the controllers that it has: memory and pids
// for limits, cpu so that all programs together get no more than the agent
// when there is too little. It returns those that are on.
func enable(dir string, names ...string) []string {
	for _, name := range names {
		_ = writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+"+name) // what is on afterwards says it
	}
	text, err := readText(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(strings.Fields(text), func(name string) bool { return !slices.Contains(names, name) })
}

// killGroup kills every process in a group and in those below it. Since 5.14
// the kernel does; before, whoever is there is killed until nobody is.
func killGroup(dir string) error {
	err := writeFile(filepath.Join(dir, "cgroup.kill"), "1")
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, gone := os.Lstat(dir); errors.Is(gone, os.ErrNotExist) {
		return nil
	}
	for range 100 {
		pids, err := processesIn(dir, maxDepth)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
	}
	return nil // those left are dying, or cannot: who removes the group sees it
}

// processesIn lists the processes of a group and of those below it.
func processesIn(dir string, depth int) ([]int, error) {
	text, err := readText(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for word := range strings.FieldsSeq(text) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 { // 0 is in another namespace
			pids = append(pids, pid)
		}
	}
	for _, sub := range groupsIn(dir) {
		if depth > 0 {
			more, _ := processesIn(sub, depth-1) // it may just have gone
			pids = append(pids, more...)
		}
	}
	return pids, nil
}

// groupsIn lists the groups right below one.
func groupsIn(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// clearGroup kills everything in a group, and removes it and those below it
// when the last process is gone, for which it waits until limit is over.
func clearGroup(dir string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		killErr := killGroup(dir)
		err := removeGroups(dir, maxDepth)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(err, killErr)
		}
		<-time.After(pause)
	}
}

func removeGroups(dir string, depth int) error {
	err := unix.Rmdir(dir)
	if err == nil || depth == 0 {
		return err
	}
	for _, sub := range groupsIn(dir) {
		if err := removeGroups(sub, depth-1); err != nil {
			return err
		}
	}
	return unix.Rmdir(dir)
}

// readText reads a small file of the kernel's.
func readText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(data), err
}

// writeFile writes to a file that is there, in one write.
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}
