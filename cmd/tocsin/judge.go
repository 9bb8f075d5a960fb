package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"tocsin/internal/config"
	"tocsin/internal/program"
)

// What the process may use that reads the rule files first. No file that can be
// used comes near: a megabyte of rules takes a second and 100 MiB.
const (
	judgeTime   = 30 * time.Second
	judgeGrace  = 2 * time.Second // to be gone after it was killed
	judgeStack  = 64 << 20
	judgeOutput = 24 << 20 // all rule files in base64, with their problems
	judgeStderr = 4 << 10
	judgeNice   = 10 // checks go first
)

// judgement is what becomes of the rule files in a process of their own.
type judgement struct {
	Valid bool `json:"valid"`
	// Files are the very bytes that were judged, and Outside a hash of what came
	// from elsewhere. They are there when the files can be used.
	Files   []config.File `json:"files,omitempty"`
	Outside string        `json:"outside,omitempty"`
	// Sum is of the files and their problems: the same mistake has the same.
	Sum string `json:"sum"`
	// Problems is what validate prints, and Diagnostics that with --json.
	Problems    string          `json:"problems"`
	Diagnostics json.RawMessage `json:"diagnostics"`
}

// judge reads the rule files in a process of its own, so that none of them can
// take the agent with it: no stack overflow, no endless loop, no file system
// that hangs, no memory that runs out.
type judge struct {
	// command is that process; it ends with its context.
	command func(ctx context.Context) *exec.Cmd
	limit   time.Duration
	// spare keeps that process, which becomes a process group of its own, from
	// being taken for what a check's program left; see [program.Cage.Spare].
	spare func() (done func())
}

// newJudge is this very program, also after its file was replaced.
func newJudge(opt *options, cage *program.Cage) judge {
	return judge{limit: judgeTime, spare: cage.Spare, command: func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "/proc/self/exe")
		cmd.Args = []string{"tocsin", "judge", "--config", opt.config, "--state", opt.state}
		return cmd
	}}
}

// errUnjudged says that nobody knows whether the files can be used.
var errUnjudged = errors.New("try the rule files out in a process of their own")

// ask has the rule files judged. It returns in time also when that process
// cannot even be killed.
func (j judge) ask(ctx context.Context) (judgement, error) {
	limited, cancel := context.WithTimeout(ctx, j.limit)
	type answer struct {
		judgement
		err error
	}
	done := make(chan answer, 1)
	go func() {
		defer cancel()
		said, err := j.run(limited)
		done <- answer{said, err}
	}()
	select {
	case a := <-done:
		return a.judgement, a.err
	case <-limited.Done():
	}
	select {
	case a := <-done:
		return a.judgement, a.err
	case <-time.After(judgeGrace):
		return judgement{}, fmt.Errorf("%w: it does not answer and cannot be ended", errUnjudged)
	}
}

func (j judge) run(ctx context.Context) (said judgement, err error) {
	cmd := j.command(ctx)
	out, stderr := &room{left: judgeOutput, strict: true}, &room{left: judgeStderr}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, stderr, judgeGrace/2
	if j.spare != nil {
		defer j.spare()()
	}
	err = cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return said, fmt.Errorf("%w: it was not done within %s", errUnjudged, j.limit)
	case ctx.Err() != nil:
		return said, fmt.Errorf("%w: %w", errUnjudged, ctx.Err())
	case out.left == 0:
		return said, fmt.Errorf("%w: it says too much", errUnjudged)
	case err != nil:
		return said, fmt.Errorf("%w: it died: %w%s", errUnjudged, err, lastWords(stderr.kept.String()))
	}
	if err := json.Unmarshal(out.kept.Bytes(), &said); err != nil {
		return said, fmt.Errorf("%w: its answer: %w", errUnjudged, err)
	}
	return said, nil
}

// lastWords is why a Go program died, of what it wrote.
func lastWords(stderr string) string {
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "panic:") {
			return ": " + printable(strings.TrimSpace(line))
		}
	}
	return ""
}

// room takes what there is room for; what is more is an error when it is
// strict, else it is forgotten.
type room struct {
	kept   bytes.Buffer // its ReadFrom would know no end
	left   int
	strict bool
}

var errNoRoom = errors.New("too much output")

// Write takes in what there is room for.
func (r *room) Write(p []byte) (int, error) {
	n := min(len(p), r.left)
	r.left -= n
	r.kept.Write(p[:n])
	if r.strict && r.left == 0 {
		return n, errNoRoom
	}
	return len(p), nil
}

func newJudgeCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:    "judge",
		Short:  "Read the rule files for the agent, which runs this before a reload",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			confine()
			return failed(json.NewEncoder(opt.std.out).Encode(judged(opt)))
		},
	}
}

// confine bounds this process. What the kernel or a sandbox does not let it do
// is left: the agent looks at the clock all the same.
func confine() {
	debug.SetTraceback("none")
	debug.SetMaxStack(judgeStack)
	debug.SetMemoryLimit(judgeMemory / 2)
	for resource, most := range map[int]uint64{unix.RLIMIT_DATA: judgeMemory, unix.RLIMIT_CPU: uint64(judgeTime.Seconds()), unix.RLIMIT_CORE: 0} {
		_ = unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
	}
	// A priority is that of one thread, unless a process group gets it
	// (setpriority(2)): this process becomes one.
	if unix.Setpgid(0, 0) == nil {
		_ = unix.Setpriority(unix.PRIO_PGRP, 0, judgeNice)
	}
	// The agent shares its memory limit with this process (proc(5)).
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
}

// judged reads the rule files as a running agent does.
func judged(opt *options) judgement {
	cfg, problems := config.Load(opt.config, config.Options{StateDir: opt.state, Self: true})
	var text strings.Builder
	problems.Write(&text, false, terminalWidth)
	j := judgement{Valid: !problems.HasErrors(), Problems: text.String(), Diagnostics: problems.JSON()}
	h := sha256.New()
	for _, f := range problems.Files() {
		fmt.Fprintf(h, "%s %d %d\n%s", f.Name, f.Mode, len(f.Text), f.Text)
	}
	h.Write([]byte(j.Problems))
	j.Sum = hex.EncodeToString(h.Sum(nil))
	if j.Valid {
		j.Files, j.Outside = problems.Files(), cfg.Outside()
	}
	return j
}
