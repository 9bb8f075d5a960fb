package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// launcherName is the name by which this program is called to limit itself, or
// to wait until it is in a control group, and to become another.
const launcherName = "tocsin: launcher"

// exitLaunch is the exit status of a launcher that could not become the
// program, as a shell's is.
const exitLaunch = 126

// The words of a launcher: what it waits for on its descriptor 3.
const (
	atOnce  = "now"
	whenSet = "wait"
)

// launched is the command that becomes the program after it has given itself
// limits which no control group holds (getrlimit(2)): they are those of each
// process alone. Memory is what it writes to (RLIMIT_DATA): address space says
// little, since runtimes reserve many times what they use. Processes are
// counted by the kernel for a user as a whole, so those of today are added; it
// counts none for root.
//
// A process can be limited or moved from outside only when it runs, and by
// then it may have started others. So the command is this very program, which
// becomes the other.
func (l Limits) launched(args []string, who *account, when string) (path string, argv []string) {
	if l == (Limits{}) && when == atOnce {
		return args[0], args
	}
	processes := l.Processes
	if processes > 0 {
		processes += threadsOf(who.uid)
	}
	return "/proc/self/exe", append([]string{launcherName, strconv.FormatInt(l.Memory, 10), strconv.FormatInt(processes, 10), when}, args...)
}

// Launch is the first thing that the main function of a program with a Cage
// calls. It returns false unless this process is to limit itself and become
// another program; then it returns when that could not be, with the exit
// status.
func Launch(argv []string, stderr io.Writer) (status int, launched bool) {
	if len(argv) < 5 || argv[0] != launcherName {
		return 0, false
	}
	err := prepare(argv)
	if err == nil {
		err = unix.Exec(argv[4], argv[4:], os.Environ())
	}
	fmt.Fprintf(stderr, "start %s: %v\n", argv[4], err)
	return exitLaunch, true
}

// prepare waits for the word of the agent and sets the limits.
func prepare(argv []string) error {
	if argv[3] == whenSet {
		word := []byte{0}
		n, err := unix.Read(3, word)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Read(3, word)
		}
		_ = unix.Close(3) // only read from
		if n != 1 {
			return errors.New("the agent has ended")
		}
	}
	for i, resource := range []int{unix.RLIMIT_DATA, unix.RLIMIT_NPROC} {
		n, err := strconv.ParseUint(argv[1+i], 10, 63)
		if err == nil && n > 0 {
			err = unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n})
		}
		if err != nil {
			return fmt.Errorf("limit it: %w", err)
		}
	}
	return nil
}

// bornInGroups says whether a process can be made in a control group: a filter
// of system calls that looks at the flags of clone(2), such as that of
// RestrictNamespaces= (systemd.exec(5)), forbids clone3(2), whose it cannot
// see.
func bornInGroups() bool {
	_, _, number := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0) // no arguments: nothing is made
	return number == unix.EINVAL || number == unix.EFAULT
}

// move starts a program that waits, moves it into its group, and lets it go on.
func move(cmd *exec.Cmd, c *cell, who *account) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer closeFile(w)
	cmd.ExtraFiles = []*os.File{r}
	pidfd, err := launch(cmd, nil, who.credential())
	closeFile(r)
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(c.dir, "cgroup.procs"), strconv.Itoa(cmd.Process.Pid)); err != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it waits, and has nobody yet
		_ = cmd.Wait()
		closeFile(pidfd)
		return nil, fmt.Errorf("move it: %w", err)
	}
	_, _ = w.Write([]byte{1}) // one that was killed reads no more
	return pidfd, nil
}
