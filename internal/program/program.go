// Package program runs the programs of a rule file: without a shell, in a
// clean environment, for a bounded time, with a bounded output, and in a cage
// out of which nothing that they start comes. Nothing that such a program does
// reaches the agent but its exit status and its output, made safe.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tocsin"
	"tocsin/templates"
)

// maxOutput is how much of a program's output is kept, in bytes: its end,
// where the error is.
const maxOutput = 8 << 10

// endGrace is how long what a program has started may still write when it has
// ended, and how long a program that was killed may take to be gone.
const endGrace = time.Second

// ErrTimeout is for a program that was ended because its time was over.
var ErrTimeout = errors.New("ended at its timeout")

// ErrStuck is for a program that cannot be ended: it waits for the kernel, for
// a file system that does not answer (the state D of proc(5)).
var ErrStuck = errors.New("it cannot be ended: it waits for a device or file system that does not answer")

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
	// Cage holds it and everything it starts. Nil is its process group alone,
	// for a process that runs one program and ends. A process that has a Cage
	// gives it to all its programs.
	Cage *Cage
	// User and Group are whom it runs as, by name or number. Empty is the
	// agent's own user, and the groups of the user.
	User, Group string
	// Limits bounds what it may use. The zero value is the defaults.
	Limits Limits
	// Lasting says that what it starts is to live on, such as a daemon: it is in
	// no cage then, and has no limits. It itself is ended at its timeout.
	Lasting bool
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
	if err := p.run(ctx, nil, &out, nil); err != nil {
		return nil, err
	}
	data, lost := out.bytes()
	if lost {
		return nil, ErrOutput
	}
	return data, nil
}

// Run runs the program for an event until it ends, its timeout is over or ctx
// ends. Then it is killed with everything it started: nobody waits for it. Run
// returns soon after, also when the program cannot be killed; then it is not
// run again before it is gone.
func (p Program) Run(ctx context.Context, ev *tocsin.Event) Result {
	began := time.Now()
	var out tail
	err := p.run(ctx, append(variables(ev), monitVariables(ev)...), &out, &out)
	return Result{Output: out.text(), Took: time.Since(began), Err: err}
}

// run runs the program in a goroutine of its own: the kernel may hold every
// step of that, from looking at the program's file to its end.
func (p Program) run(ctx context.Context, env []string, stdout, stderr io.Writer) error {
	key := strings.Join(p.Args, "\x00")
	if since, stuck := p.Cage.isStuck(key); stuck {
		return fmt.Errorf("not started: the run of %s has not ended: %w", since.Format(time.DateTime), ErrStuck)
	}
	limited, cancel := context.WithTimeoutCause(ctx, p.Timeout, timeoutError{p.Timeout})
	done := make(chan error, 1)
	go func() {
		defer cancel()
		if p.Lasting {
			done <- p.last(limited, env, stdout)
		} else {
			done <- p.execute(limited, env, stdout, stderr)
		}
		p.Cage.unstick(done)
	}()
	select {
	case err := <-done:
		return err
	case <-limited.Done():
	}
	patience := time.NewTimer(2 * endGrace)
	defer patience.Stop()
	select {
	case err := <-done:
		return err
	case <-patience.C:
	}
	if p.Cage.stick(key, done) {
		return fmt.Errorf("%w; %w", overtime(limited), ErrStuck)
	}
	return overtime(limited)
}

// overtime says why a program was ended.
func overtime(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New("ended: there was no more time")
	}
	return err
}

// base is the environment that every program has.
func base(who *account) []string {
	return []string{
		"PATH=" + strings.Join(searchPath(), ":"), "LANG=C.UTF-8", "SHELL=/bin/sh",
		"HOME=" + who.home, "USER=" + who.name, "LOGNAME=" + who.name,
	}
}

// variables is all that a program knows of the world: the event. Nothing of
// the agent's own environment, where secrets may be, reaches it.
func variables(ev *tocsin.Event) []string {
	var env []string
	for _, v := range templates.Variables() {
		value := strings.ReplaceAll(templates.Expand("$"+v.Name, *ev), "\x00", "")
		env = append(env, "TOCSIN_"+v.Name+"="+value)
	}
	return env
}

// monitVariables is the event by the names that Monit gives to its programs,
// for scripts that were written for it.
func monitVariables(ev *tocsin.Event) []string {
	var env []string
	for _, name := range []string{"SERVICE", "EVENT", "DESCRIPTION", "DATE", "HOST"} {
		value := strings.ReplaceAll(templates.Expand("$"+name, *ev), "\x00", "")
		env = append(env, "MONIT_"+name+"="+value)
	}
	return env
}
