package control

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// NoAnswer says that there is an agent which takes connections and has answered
// nothing.
type NoAnswer struct {
	// Process is the agent's; 0 when the kernel does not say.
	Process int
	Waited  time.Duration
	// Acts says that it was asked to do something, which it may still do.
	Acts bool
}

// Error says what happened and what to do about it.
func (e *NoAnswer) Error() string { return e.Text() + "; " + e.Advice() }

// Text is what happened.
func (e *NoAnswer) Text() string {
	who := "the agent"
	if e.Process > 0 {
		who = fmt.Sprintf("the agent (process %d)", e.Process)
	}
	text := fmt.Sprintf("%s has not answered for %g s", who, e.Waited.Seconds())
	if e.Acts {
		text += ", and what it was asked for may still take effect"
	}
	return text
}

// Advice is what to do about it.
func (e *NoAnswer) Advice() string {
	if isStopped(e.Process) {
		return fmt.Sprintf("it is stopped: kill -CONT %d lets it go on", e.Process)
	}
	return "its log says what it did last (journalctl -u tocsin); where it does not come back, restart it (systemctl restart tocsin)"
}

// isStopped says whether a signal has stopped a process (state T,
// proc_pid_stat(5)). None has the number 0.
func isStopped(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T"))
}
