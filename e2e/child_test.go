//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// child is a process that an agent watches.
type child struct{ cmd *exec.Cmd }

// startChild starts a process and writes its pidfile.
func startChild(t *testing.T, pidfile string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "3600")
	must(t, cmd.Start())
	c := &child{cmd}
	t.Cleanup(c.kill)
	writePidfile(t, pidfile, cmd.Process.Pid)
	return c
}

// kill ends the process; when it returns nothing of it is left.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	_ = c.cmd.Wait()
}

// writePidfile replaces a pidfile in one step, as a good daemon does.
func writePidfile(t *testing.T, path string, pid int) {
	t.Helper()
	must(t, os.WriteFile(path+".new", []byte(strconv.Itoa(pid)+"\n"), 0o600))
	must(t, os.Rename(path+".new", path))
}
