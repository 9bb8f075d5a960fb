package checks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/program"
)

func programKind() Kind {
	const failed, succeeded = "Status failed", "Status succeeded"
	return Kind{
		Name: "program",
		Doc:  "a program that checks something, such as a Nagios plugin: run without a shell and in a clean environment, and ended with everything it started at the check's timeout",
		Attributes: []Attribute{
			{Name: "arguments", Doc: "its arguments, split at blanks; '…' and \"…\" keep blanks together, a backslash goes before a quote, and nothing is expanded", Valid: validArguments},
			{Name: "group", Default: "that of user", Doc: "the group it runs as, by name or number; by default that of user", Valid: program.ValidName},
			{Name: "memory", Type: "bytes", Default: "half of the unit's", Doc: "bytes that it and everything it started may use, such as 64 * MiB; by default half of the unit's MemoryMax=", Valid: validMemory},
			{Name: "path", Doc: "the program; it, the directories above it and the links that lead to it must belong to root, to the agent's user or to the user it runs as, and nobody else may write to them", Required: true, Valid: validPath},
			{Name: "processes", Type: "number", Default: "256", Doc: "processes and threads that it may have at a time, itself included; 256 by default", Valid: validProcesses},
			{Name: "user", Default: "the agent's", Doc: "the user it runs as, by name or number; by default the agent's, and only an agent with the capabilities for it can become another", Valid: program.ValidName},
		},
		Metrics: []Metric{
			{Name: "duration", Unit: Seconds, Doc: "how long it ran, also when it was ended, clock_gettime(2)"},
			{Name: "exit", Unit: Count, Doc: "exit status, 0 to 255, absent when a signal ended it, wait(2)", Failed: failed, Recovered: succeeded},
			{Name: "nagios.state", Unit: Word, Doc: "ok, warning, critical or unknown by the exit status 0, 1, 2 or any other, Monitoring Plugins guidelines", Failed: failed, Recovered: succeeded},
			{Name: "output", Unit: Word, Doc: "first line on stdout without performance data, or on stderr when stdout is empty, write(2)"},
			{Name: "perf.count", Unit: Count, Doc: "values in its performance data, Monitoring Plugins guidelines"},
			{Name: "perf.label", Unit: Word, Doc: "label of the first value of its performance data, Monitoring Plugins guidelines"},
			{Name: "perf.value", Unit: Count, Doc: "first value of its performance data, times in seconds, sizes in bytes, all others as they stand, Monitoring Plugins guidelines"},
			{Name: "ran", Unit: Truth, Doc: "it was started and ended within the timeout, wait(2)", Failed: "Execution failed", Recovered: "Execution succeeded"},
			{Name: "reason", Unit: Word, Doc: "why it did not run to its end, empty when it did, execve(2)"},
			{Name: "signal", Unit: Count, Doc: "number of the signal that ended it, 0 when it ended by itself, wait(2)", Failed: failed, Recovered: succeeded},
		},
		Open: openProgram,
	}
}

// defaultRun bounds a program when its reading has no deadline.
const defaultRun = 10 * time.Second

// programReader runs one program.
type programReader struct {
	spec Spec
	run  program.Program // without its time
}

var _ Reader = (*programReader)(nil)

func openProgram(h *Host, s Spec) (Reader, error) {
	path := s.Attributes.Of("path")
	if err := validPath(path); err != nil {
		return nil, fmt.Errorf("open program check %q: %w", s.Name, err)
	}
	args, err := SplitArguments(s.Attributes.Of("arguments"))
	if err != nil {
		return nil, fmt.Errorf("open program check %q: %w", s.Name, err)
	}
	run := program.Program{Args: append([]string{path}, args...), User: s.Attributes.Of("user"), Group: s.Attributes.Of("group")}
	if h != nil {
		run.Cage = h.Cage
	}
	if run.Limits.Memory, err = memoryLimit(s.Attributes.Of("memory")); err != nil {
		return nil, fmt.Errorf("open program check %q: %w", s.Name, err)
	}
	if run.Limits.Processes, err = parseProcesses(s.Attributes.Of("processes")); err != nil {
		return nil, fmt.Errorf("open program check %q: %w", s.Name, err)
	}
	return &programReader{spec: s, run: run}, nil
}

// Read runs the program. One that cannot be started, is refused or is ended at
// the timeout is a reading with ran=false; when no rule asks for that metric,
// it is the error of those that have no value.
func (r *programReader) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("run %s: %w", r.run.Args[0], err)
	}
	d := newDraft(r.spec)
	if !wantsAny(r.spec.Metrics, metricNames(programKind().Metrics)) {
		return d.reading, nil
	}
	limited, cancel := early(ctx)
	defer cancel()
	run := r.run
	run.Timeout = defaultRun
	if deadline, ok := limited.Deadline(); ok {
		run.Timeout = time.Until(deadline)
	}
	p := run.Probe(limited)
	if p.Err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return tocsin.Reading{}, fmt.Errorf("run %s: %w", r.run.Args[0], ctx.Err())
	}
	r.describe(d, p, limited.Err() != nil)
	return d.reading, nil
}

// describe turns what became of the program into a reading.
func (r *programReader) describe(d *draft, p program.Probe, overdue bool) {
	d.truth("ran", p.Err == nil)
	d.number("duration", p.Took.Seconds())
	if p.Err != nil {
		why := p.Err
		if errors.Is(why, program.ErrStuck) {
			why = program.ErrStuck
		} else if overdue || errors.Is(why, program.ErrTimeout) {
			why = errTooSlow
		}
		why = fmt.Errorf("run %s: %w", r.run.Args[0], why)
		d.text("reason", why.Error())
		if d.wanted != nil && !d.wanted["ran"] {
			d.fail(why, "exit", "nagios.state", "output", "perf.count", "perf.label", "perf.value", "signal")
		}
		return
	}
	d.text("reason", "")
	d.number("signal", float64(p.Signal))
	state := "unknown"
	if p.Signal == 0 {
		d.number("exit", float64(p.Status))
		if states := [...]string{"ok", "warning", "critical"}; p.Status < len(states) {
			state = states[p.Status]
		}
	}
	d.text("nagios.state", state)
	line, data := splitPlugin(string(p.Stdout))
	if len(strings.TrimSpace(string(p.Stdout))) == 0 {
		line, _, _ = strings.Cut(strings.TrimSpace(string(p.Stderr)), "\n")
	}
	d.text("output", strings.TrimSpace(line))
	values := parsePerf(data)
	d.number("perf.count", float64(len(values)))
	if len(values) > 0 {
		d.text("perf.label", values[0].label)
		d.number("perf.value", values[0].base())
	}
}

// errTooSlow is for a program that was ended. It says no figure: that would be
// another each time, and so a change.
var errTooSlow = errors.New("ended with everything it started: its time, the check's timeout, was over")
