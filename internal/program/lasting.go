package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// lasting is the mark of what is to live on.
const lasting = "lasting"

// noteRoom is how much a lasting program and what it leaves may print, in
// bytes. After that a write fails (EPERM), which ends nobody.
const noteRoom = 64 << 10

// last runs a program that starts what is to live on, such as a daemon, in a
// session of its own. Until the program has ended, or ctx does, it is this
// process's, and in its control group; what it leaves is that of the first
// process (PID 1), or of this one where the cage is the one for orphans.
func (p Program) last(ctx context.Context, env []string, stdout io.Writer) error {
	who, err := p.account()
	if err != nil {
		return err
	}
	if err := trusted(p.Args[0], who); err != nil {
		return err
	}
	if err := who.allowed(false); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return overtime(ctx) // looking took all the time
	}
	note, err := newNote()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer closeFile(note)
	c := p.Cage.adopt()
	defer c.release()
	cmd := &exec.Cmd{
		Path: p.Args[0], Args: p.Args, Dir: "/", Stdout: note, Stderr: note,
		Env: append(append(base(who), markName+lasting), env...),
	}
	pidfd, err := launchAs(cmd, &syscall.SysProcAttr{Setsid: true, Credential: who.credential()})
	if err != nil {
		return fmt.Errorf("start: %w", cause(err))
	}
	c.hold(cmd.Process.Pid)
	exited := make(chan struct{})
	go func() {
		awaitExit(pidfd, cmd.Process.Pid)
		close(exited)
	}()
	select {
	case <-exited:
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its number is its own: it was not waited for
		<-exited
	}
	closeFile(pidfd)
	err = cmd.Wait()
	read(note, stdout)
	if ctx.Err() != nil {
		return overtime(ctx)
	}
	return err
}

// newNote is what a lasting program writes to. It is no pipe, since a daemon
// would be killed when it writes and nobody reads any more, and no file, since
// it could fill a disk.
func newNote() (*os.File, error) {
	fd, err := unix.MemfdCreate("tocsin-output", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	note := os.NewFile(uintptr(fd), "output")
	err = note.Truncate(noteRoom)
	if err == nil {
		_, err = unix.FcntlInt(note.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		closeFile(note)
		return nil, err
	}
	return note, nil
}

// read copies what was written to a note: all who write share its offset.
func read(note *os.File, to io.Writer) {
	n, err := note.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	_, _ = io.Copy(to, io.NewSectionReader(note, 0, min(n, noteRoom))) // a tail takes everything
}

// adopt makes the cell of a lasting program. What that leaves falls to this
// process as all orphans do, where there are no control groups, and lives.
func (c *Cage) adopt() *cell {
	if c == nil {
		return &cell{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	one := &cell{cage: c, number: c.next, began: ticks()}
	c.running[one] = true
	if c.lasts == 0 {
		c.lasts = max(1, one.began)
	}
	if c.reaper {
		c.bury()
	}
	return one
}

// release gives up the cell of a lasting program that was waited for.
func (c *cell) release() {
	if c.cage == nil {
		return
	}
	c.cage.mu.Lock()
	defer c.cage.mu.Unlock()
	delete(c.cage.running, c)
}
