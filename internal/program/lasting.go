package program

import (
	"context"
	"io"
	"os/exec"
	"syscall"
)

// lasting is the mark of what is to live on.
const lasting = "lasting"

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
	note, err := newNote(who.uid)
	if err != nil {
		return unstartedf("%w", err)
	}
	defer note.leave()
	c := p.Cage.adopt()
	defer c.release()
	cmd := &exec.Cmd{
		Path: p.Args[0], Args: p.Args, Dir: "/", Stdout: note.write, Stderr: note.write,
		Env: append(append(base(who), markName+lasting), env...),
	}
	pidfd, err := launchAs(cmd, &syscall.SysProcAttr{Setsid: true, Credential: who.credential()})
	if err != nil {
		return unstartedf("%w", cause(err))
	}
	c.hold(cmd.Process.Pid)
	note.copy(stdout)
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
	note.finish()
	if ctx.Err() != nil {
		return overtime(ctx)
	}
	return err
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
