package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// execute runs a program to its end, or to that of ctx, and ends everything
// that it has left.
func (p Program) execute(ctx context.Context, env []string, stdout, stderr io.Writer) error {
	who, err := p.account()
	if err != nil {
		return err
	}
	if err := trusted(p.Args[0], who); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return overtime(ctx) // looking took all the time
	}
	c, err := p.Cage.enter(p.Limits)
	if err != nil {
		return unstartedf("%w", err)
	}
	defer c.leave()
	if err := who.allowed(c.grouped()); err != nil {
		return err
	}
	cmd := &exec.Cmd{Env: append(append(base(who), c.marks()...), env...), Dir: "/"}
	out, err := attach(cmd, stdout, stderr)
	if err != nil {
		return unstartedf("%w", err)
	}
	defer out.close()
	pidfd, err := p.start(cmd, c, who)
	if err != nil {
		return err
	}
	out.started()
	err = p.oversee(ctx, cmd, c, out, pidfd)
	if ctx.Err() != nil {
		return overtime(ctx)
	}
	return err
}

// start starts a program in its cell. Where that cannot be made a control
// group, it and those that follow are in process groups.
func (p Program) start(cmd *exec.Cmd, c *cell, who *account) (*os.File, error) {
	if unix.Access(p.Args[0], unix.X_OK) != nil && !who.other {
		return nil, unstartedf("%w", syscall.EACCES) // a launcher would say it by its status
	}
	again := *cmd // it was not started yet
	pidfd, err := p.startGrouped(cmd, c, who)
	if c.grouped() && isAny(err, syscall.ENOSYS, syscall.EPERM, syscall.EACCES, syscall.EOPNOTSUPP, syscall.EBADF, syscall.EBUSY) && who.allowed(false) == nil {
		*cmd = again
		cmd.Path, cmd.Args = p.Limits.launched(p.Args, who, atOnce)
		cmd.Env = append(cmd.Env, markName+mark(c.number))
		why := err
		if pidfd, err = launch(cmd, nil, who.credential()); err == nil {
			c.ungroup(why)
		}
	}
	if err != nil {
		if who.other && errors.Is(err, syscall.EPERM) {
			return nil, unstartedf("%w: %w; see docs/operate.md", ErrUser, cause(err))
		}
		return nil, unstartedf("%w", cause(err))
	}
	c.hold(cmd.Process.Pid)
	return pidfd, nil
}

// startGrouped starts a program in its control group, if it has one.
func (p Program) startGrouped(cmd *exec.Cmd, c *cell, who *account) (*os.File, error) {
	if c.grouped() && !c.cage.born {
		cmd.Path, cmd.Args = c.limits.launched(p.Args, who, whenSet)
		return move(cmd, c, who)
	}
	cmd.Path, cmd.Args = c.limits.launched(p.Args, who, atOnce)
	return launch(cmd, c.group, who.credential())
}

func isAny(err error, numbers ...syscall.Errno) bool {
	for _, n := range numbers {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}

// oversee waits for the program and ends what it has left. All are killed
// before the program is waited for: until then its number, which is that of
// its process group, is nobody else's.
func (p Program) oversee(ctx context.Context, cmd *exec.Cmd, c *cell, out *outputs, pidfd *os.File) error {
	exited := make(chan struct{})
	go func() {
		awaitExit(pidfd, cmd.Process.Pid)
		close(exited)
	}()
	select {
	case <-exited:
	case <-ctx.Done():
		_ = c.kill() // once more below, which tells
		<-exited
	}
	closeFile(pidfd)
	silent := out.wait(ctx, endGrace)
	killErr := c.kill()
	if !silent {
		out.wait(context.WithoutCancel(ctx), endGrace)
		out.close()
	}
	err := cmd.Wait()
	if killErr != nil && err == nil {
		err = fmt.Errorf("end what it started: %w", killErr)
	}
	if err == nil && !silent {
		err = errors.New("what it started keeps its output open")
	}
	return err
}

// launch starts a program without the capabilities that the agent has: those
// of the ambient set (capabilities(7)) would pass on to it. They are given up by
// a thread of its own, which ends with it. The file says when the program
// ends (pidfd_open(2)); nil when the kernel has none such.
func launch(cmd *exec.Cmd, group *os.File, who *syscall.Credential) (*os.File, error) {
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: who}
	if group != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(group.Fd())
	}
	return launchAs(cmd, attr)
}

// launchAs is launch with all that the kernel is told.
func launchAs(cmd *exec.Cmd, attr *syscall.SysProcAttr) (*os.File, error) {
	pidfd := -1
	cmd.SysProcAttr, attr.PidFD = attr, &pidfd
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is not like the others any more
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			started <- fmt.Errorf("give up capabilities: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if pidfd < 0 {
		return nil, nil //nolint:nilnil // the caller does without
	}
	_ = unix.SetNonblock(pidfd, true) // without, it is waited for by a thread
	return os.NewFile(uintptr(pidfd), "pid"), nil
}

// awaitExit returns when the program has ended, which is left for os/exec to
// be waited for. A program that hangs costs no thread where the kernel has
// pidfds that can be polled (5.3).
func awaitExit(pidfd *os.File, pid int) {
	if pidfd != nil {
		if raw, err := pidfd.SyscallConn(); err == nil {
			err = raw.Read(func(uintptr) bool { return ended(pid, unix.WNOHANG) })
			if err == nil {
				return
			}
		}
	}
	ended(pid, 0)
}

// ended says whether a child has ended, and leaves it as it is (waitid(2)).
func ended(pid, options int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|options, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err != nil || info.Signo != 0
	}
}

func closeFile(f *os.File) {
	if f != nil {
		_ = f.Close() // nothing was written
	}
}

// outputs are the pipes that a program writes into.
type outputs struct {
	reads, writes []*os.File
	writers       []io.Writer
	done          chan struct{} // closed when all were read to their end
}

// attach gives a program its pipes. One writer may be both; nil is /dev/null.
func attach(cmd *exec.Cmd, stdout, stderr io.Writer) (*outputs, error) {
	o := &outputs{done: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.reads, o.writes, o.writers = append(o.reads, r), append(o.writes, w), append(o.writers, stdout)
	cmd.Stdout = w
	switch stderr {
	case stdout:
		cmd.Stderr = w
	case nil:
	default:
		if r, w, err = os.Pipe(); err != nil {
			o.close()
			return nil, err
		}
		o.reads, o.writes, o.writers = append(o.reads, r), append(o.writes, w), append(o.writers, stderr)
		cmd.Stderr = w
	}
	return o, nil
}

// started leaves the pipes to the program and reads them.
func (o *outputs) started() {
	for _, w := range o.writes {
		closeFile(w)
	}
	left := make(chan struct{}, len(o.reads))
	for i, r := range o.reads {
		go func() {
			_, _ = io.Copy(o.writers[i], r) // ends when nobody writes any more, or it is closed
			left <- struct{}{}
		}()
	}
	go func() {
		for range o.reads {
			<-left
		}
		close(o.done)
	}()
}

// wait waits until nobody writes any more, and says whether that is so.
func (o *outputs) wait(ctx context.Context, limit time.Duration) bool {
	select {
	case <-o.done:
		return true
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-o.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// close ends the reading.
func (o *outputs) close() {
	for _, f := range slices.Concat(o.reads, o.writes) {
		closeFile(f)
	}
}
