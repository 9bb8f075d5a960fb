// Package program runs the programs of a rule file: without a shell, in a
// clean environment, for a bounded time and with a bounded output. Nothing
// that such a program does reaches the agent but its exit status and its
// output, made safe.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/templates"
)

// maxOutput is how much of a program's output is kept, in bytes: its end,
// where the error is.
const maxOutput = 8 << 10

// endGrace is how long the output of a program that was ended is waited for.
const endGrace = time.Second

// ErrUnsafe is for a program that somebody else than its owner could have
// changed.
var ErrUnsafe = errors.New("others may write to it")

// ErrTimeout is for a program that was ended because its time was over.
var ErrTimeout = errors.New("ended at its timeout")

// timeoutError is ErrTimeout with how long that was.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("%v of %s", ErrTimeout, e.after) }

func (timeoutError) Unwrap() error { return ErrTimeout }

// Program is a program with its arguments.
type Program struct {
	// Args is the program, by its whole path, and its arguments.
	Args []string
	// Timeout is how long it may run, with everything it started.
	Timeout time.Duration
}

// Result is what became of a program.
type Result struct {
	// Output is the end of what it printed on stdout and stderr, made safe,
	// without blanks around it.
	Output string
	Took   time.Duration
	// Err is why it failed; nil when it ended with exit status 0 in time.
	Err error
}

// String says what became of a program, for a mail.
func (r Result) String() string {
	how := "done"
	if r.Err != nil {
		how = r.Err.Error()
	}
	text := fmt.Sprintf("%s after %s", how, r.Took.Round(time.Millisecond))
	if r.Output != "" {
		text += ":\n  " + strings.ReplaceAll(r.Output, "\n", "\n  ")
	}
	return text
}

// ErrOutput is for a program that prints more than is taken.
var ErrOutput = fmt.Errorf("it prints more than %d bytes", maxOutput)

// Output runs the program, without an event, and returns what it printed on
// stdout byte by byte; see Run for its end. What it printed on stderr is lost.
func (p Program) Output(ctx context.Context) ([]byte, error) {
	var out tail
	if err := p.run(ctx, base(), &out, nil); err != nil {
		return nil, err
	}
	if out.lost {
		return nil, ErrOutput
	}
	return out.data, nil
}

// Run runs the program for an event until it ends, its timeout is over or ctx
// ends. Then it is killed with its process group: nobody waits for it.
func (p Program) Run(ctx context.Context, ev *tocsin.Event) Result {
	began := time.Now()
	var out tail
	err := p.run(ctx, environment(ev), &out, &out)
	return Result{Output: out.text(), Took: time.Since(began), Err: err}
}

func (p Program) run(ctx context.Context, env []string, stdout, stderr io.Writer) error {
	if err := p.check(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, p.Timeout, timeoutError{p.Timeout})
	defer cancel()
	cmd := exec.CommandContext(limited, p.Args[0], p.Args[1:]...) //nolint:gosec // what to run is what the rule file is for
	cmd.Env, cmd.Dir = env, "/"
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = endGrace
	kill := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = kill
	if err := start(cmd); err != nil && limited.Err() == nil {
		return fmt.Errorf("start: %w", cause(err))
	} else if err != nil {
		return overtime(limited)
	}
	err := cmd.Wait()
	if killErr := kill(); killErr != nil && !errors.Is(killErr, syscall.ESRCH) && err == nil {
		err = fmt.Errorf("end what it started: %w", killErr)
	}
	if limited.Err() != nil {
		return overtime(limited)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return errors.New("what it started keeps its output open")
	}
	return err
}

// overtime says why a program was ended.
func overtime(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New("ended: there was no more time")
	}
	return err
}

// start starts a program without the capabilities that the agent has: those of
// the ambient set (capabilities(7)) would pass on to it. They are given up by a
// thread of its own, which ends with it.
func start(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is not like the others any more
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			started <- fmt.Errorf("give up capabilities: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	return <-started
}

// check refuses a program that others could have changed or replaced: it and
// the directories above it belong to root or to the agent, and nobody else may
// write to them. In a directory like /tmp nobody may touch what is not theirs.
func (p Program) check() error {
	info, err := os.Stat(p.Args[0])
	if err != nil {
		return fmt.Errorf("start: %w", cause(err))
	}
	if info.IsDir() {
		return errors.New("start: it is a directory")
	}
	path, err := filepath.EvalSymlinks(p.Args[0])
	if err != nil {
		return fmt.Errorf("start: %w", cause(err))
	}
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("start: %w", cause(err))
		}
		owner := info.Sys().(*syscall.Stat_t).Uid //nolint:forcetypeassert // on Linux it is nothing else
		if owner != 0 && int(owner) != os.Geteuid() {
			return fmt.Errorf("start: %w: %s belongs to the user %d", ErrUnsafe, path, owner)
		}
		sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
		if info.Mode().Perm()&0o022 != 0 && !sticky {
			return fmt.Errorf("start: %w: %s has the mode %04o; chmod go-w it", ErrUnsafe, path, info.Mode().Perm())
		}
		if path == "/" {
			return nil
		}
	}
}

// cause leaves out the path, which the reader knows.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// base is the environment that every program has.
func base() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/", "SHELL=/bin/sh",
	}
}

// environment is all that a program knows of the world: the event. Nothing of
// the agent's own environment, where secrets may be, reaches it.
func environment(ev *tocsin.Event) []string {
	env := base()
	for _, v := range templates.Variables() {
		value := strings.ReplaceAll(templates.Expand("$"+v.Name, *ev), "\x00", "")
		env = append(env, "TOCSIN_"+v.Name+"="+value)
	}
	return env
}
