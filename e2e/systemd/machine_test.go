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
	"syscall"
	"testing"
	"time"
)

// machine is a Debian under its own systemd, in a container with its own
// network. It is booted, brought down and booted again.
type machine struct {
	t    *testing.T
	name string // also of its network namespace
	dir  string // what is known of it, such as the console's output
	root string
	net  *network

	boots  int
	nspawn *exec.Cmd
	leader int // its PID 1, as the host sees it; 0 is off
	ended  chan struct{}
	groups []string // control groups
}

func newMachine(t *testing.T, dir, root string, net *network) *machine {
	m := &machine{t: t, name: net.space, dir: dir, root: root, net: net}
	t.Cleanup(func() {
		m.powerCut()
		for _, group := range m.groups {
			removeGroup(group)
		}
	})
	return m
}

// What nspawn says of how a machine ended.
const (
	codeDown   = 0
	codeKilled = 1
	codeReboot = 133
)

// boot starts the machine and waits until it has finished starting.
func (m *machine) boot(ctx context.Context) {
	m.t.Helper()
	began := time.Now()
	m.net.replug(ctx)
	m.boots++
	m.spawn()
	// A unit that failed makes it degraded; the tests ask for what they need.
	state := ""
	poll(ctx, m.t, "the machine to boot", func() bool {
		select {
		case <-m.ended:
			m.t.Fatalf("nspawn ended with %v:\n%s", m.nspawn.ProcessState, tail(m.console(), 20))
		default:
		}
		if m.leader == 0 {
			if m.leader = firstProcess(m.nspawn.Process.Pid); m.leader == 0 {
				return false
			}
			must(m.t, record(filepath.Join(m.dir, "leader.pid"), m.leader))
		}
		out, _ := m.in(ctx, "systemctl", "is-system-running", "--wait")
		state = strings.TrimSpace(out)
		return state == "running" || state == "degraded"
	})
	m.t.Logf("boot %d: %s after %s", m.boots, state, time.Since(began).Round(10*time.Millisecond))
}

// spawn starts nspawn.
func (m *machine) spawn() {
	m.t.Helper()
	args := []string{
		"systemd-nspawn", "--quiet", "--directory=" + m.root, "--machine=" + m.name,
		"--register=no", "--keep-unit", // a reboot ends it with its own code
		"--network-namespace-path=/run/netns/" + m.net.space,
		"--capability=CAP_NET_ADMIN", // a namespace by its path comes without
		"--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe", "--boot",
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		args = append([]string{"systemd-run", "--scope", "--quiet", "--collect", "--property=Delegate=yes", "--"}, args...)
	} else {
		args = m.grouped(args)
	}
	console, err := os.Create(m.consolePath())
	must(m.t, err)
	defer console.Close()
	cmd := exec.Command(args[0], args[1:]...) // it ends when the machine does
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ^C is for the tests
	must(m.t, cmd.Start())
	must(m.t, record(filepath.Join(m.dir, "nspawn.pid"), cmd.Process.Pid))
	ended := make(chan struct{})
	m.nspawn, m.leader, m.ended = cmd, 0, ended
	go func() {
		_ = cmd.Wait() // the state of the process says it
		close(ended)
	}()
}

// grouped puts a command into control groups of its own, where no manager of
// the host does: two machines in one group would be one to their managers.
func (m *machine) grouped(args []string) []string {
	m.t.Helper()
	script := ""
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		if _, err := os.Stat(hierarchy + "/cgroup.procs"); err != nil {
			continue
		}
		group := filepath.Join(hierarchy, m.name)
		if err := os.Mkdir(group, 0o755); err == nil {
			m.groups = append(m.groups, group)
		} else if !os.IsExist(err) {
			m.t.Fatal(err)
		}
		script += "echo $$ >" + group + "/cgroup.procs && "
	}
	return append([]string{"sh", "-c", script + `exec "$@"`, "sh"}, args...)
}

// removeGroup removes a control group and those in it. What is left of their
// processes may take a moment to go.
func removeGroup(group string) {
	for range 50 {
		var dirs []string
		_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			_ = os.Remove(dir) // the last of them tells
		}
		if _, err := os.Stat(group); err != nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

// firstProcess finds the PID 1 of the container among the children of nspawn,
// which has others while it sets the container up. 0 is not yet.
func firstProcess(nspawn int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", nspawn, nspawn))
	for child := range strings.FieldsSeq(string(data)) {
		status, _ := os.ReadFile("/proc/" + child + "/status")
		for line := range strings.Lines(string(status)) {
			ids := strings.Fields(line)
			if pid, err := strconv.Atoi(child); err == nil && len(ids) == 3 && ids[0] == "NSpid:" && ids[2] == "1" {
				return pid
			}
		}
	}
	return 0
}

// command is a program inside the machine.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(m.leader), "--all", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	return cmd
}

// in runs a program inside the machine and returns all it printed.
func (m *machine) in(ctx context.Context, args ...string) (string, error) {
	out, err := m.command(ctx, args...).CombinedOutput()
	return string(out), err
}

// ok runs a program inside the machine that has to succeed.
func (m *machine) ok(ctx context.Context, args ...string) string {
	m.t.Helper()
	out, err := m.in(ctx, args...)
	if err != nil {
		m.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// waitEnd waits until the machine is off and returns nspawn's exit code.
func (m *machine) waitEnd(ctx context.Context) int {
	m.t.Helper()
	select {
	case <-m.ended:
	case <-ctx.Done():
		m.t.Fatalf("the machine is still there:\n%s", tail(m.console(), 20))
	}
	m.leader = 0
	return m.nspawn.ProcessState.ExitCode()
}

// signal sends a signal to PID 1. The real-time ones have numbers only.
func (m *machine) signal(sig syscall.Signal) {
	m.t.Helper()
	must(m.t, syscall.Kill(m.leader, sig))
}

// powerCut ends the machine at once: with its PID 1 the kernel kills every
// process of it. What they wrote is still in the host's memory; disk is for
// the machine that loses that, too. A machine that is off stays off.
func (m *machine) powerCut() {
	if m.nspawn == nil {
		return
	}
	if m.leader != 0 {
		_ = syscall.Kill(m.leader, syscall.SIGKILL) // it may have ended
	} else {
		// It has no PID 1 yet or none any more; without nspawn it gets none.
		_ = m.nspawn.Process.Kill()
	}
	select {
	case <-m.ended:
	case <-time.After(20 * time.Second):
		m.t.Errorf("nspawn %d did not end after its machine's PID 1 %d", m.nspawn.Process.Pid, m.leader)
	}
	for deadline := time.Now().Add(20 * time.Second); m.leader != 0 && alive(m.leader); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Errorf("PID 1 %d of the machine did not end", m.leader)
			break
		}
	}
	m.nspawn, m.leader = nil, 0
}

func (m *machine) consolePath() string {
	return filepath.Join(m.dir, fmt.Sprintf("console.%d", m.boots))
}

// console is what the machine has printed since it was started.
func (m *machine) console() string {
	data, _ := os.ReadFile(m.consolePath())
	return string(data)
}
