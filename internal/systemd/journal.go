package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Journal reads the journal through journalctl(1): the library that reads its
// files needs cgo. The zero value is ready to use.
type Journal struct {
	// Program is journalctl; "" is the one in PATH.
	Program string
	// Spare is told that journalctl is about to be started, and by done that it
	// was waited for; nil tells nobody. It is for a process that ends and reaps
	// children which it does not know.
	Spare func() (done func())
}

// The bounds of one question.
const (
	maxJournalLines  = 1000
	maxJournalOutput = 1 << 20
	maxMatches       = 32
)

// Lines returns the last n lines (at most 1000) that match, oldest first. A
// match is FIELD=value; those of one field are alternatives, those of different
// fields all hold, and "+" stands between two such groups. ctx bounds the time
// and should have a deadline. When the output is over 1 MiB the oldest lines
// are missing. An error of journalctl is an error here with what it said; that
// nothing matches is none.
func (j Journal) Lines(ctx context.Context, n int, matches ...string) ([]JournalLine, error) {
	if err := checkMatches(matches); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	n = min(max(n, 1), maxJournalLines)
	out, err := j.run(ctx, []string{"-r", "-n", strconv.Itoa(n)}, matches)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	lines := parseJournal(out, n)
	slices.Reverse(lines)
	return lines, nil
}

// First is Lines for the first n lines that match, of at most 1 MiB.
func (j Journal) First(ctx context.Context, n int, matches ...string) ([]JournalLine, error) {
	if err := checkMatches(matches); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	// There is a limit from the beginning only since version 254.
	out, err := j.run(ctx, nil, matches)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return parseJournal(out, min(max(n, 1), maxJournalLines)), nil
}

// Unit returns the last n lines of a unit: what it wrote itself and what the
// service manager says of it. With an invocation (32 hex digits) lines of other
// runs are left out. One that names no run stays: the journal does not know
// that of a process which ended as soon as it had spoken.
func (j Journal) Unit(ctx context.Context, unit, invocation string, n int) ([]JournalLine, error) {
	if !isUnitName(unit) {
		return nil, fmt.Errorf("read journal: %q is no unit", safe(unit, maxWord))
	}
	own := []string{"_SYSTEMD_UNIT=" + unit}
	manager := []string{"_PID=1", "UNIT=" + unit}
	asked := n
	if invocation != "" {
		manager = append(manager, "INVOCATION_ID="+invocation)
		asked = 4 * n // those of other runs are among them
	}
	lines, err := j.Lines(ctx, asked, slices.Concat(own, []string{"+"}, manager)...)
	if invocation != "" {
		lines = slices.DeleteFunc(lines, func(l JournalLine) bool { return l.Invocation != "" && l.Invocation != invocation })
	}
	return lines[max(0, len(lines)-n):], err
}

// checkMatches sees to it that a match is one, and no option.
func checkMatches(matches []string) error {
	if len(matches) > maxMatches {
		return fmt.Errorf("%d matches, at most %d", len(matches), maxMatches)
	}
	for _, m := range matches {
		field, _, ok := strings.Cut(m, "=")
		isField := ok && field != "" && !strings.ContainsFunc(field, func(r rune) bool {
			return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
		})
		if m != "+" && !isField || len(m) > 1024 || strings.ContainsRune(m, 0) {
			return fmt.Errorf("match %q is not of the form FIELD=value", safe(m, maxWord))
		}
	}
	return nil
}

// run starts journalctl, without a shell and with an environment of its own,
// and returns what it wrote, in the order and number that options say, cut at
// maxJournalOutput.
func (j Journal) run(asked context.Context, options, matches []string) ([]byte, error) {
	ctx, enough := context.WithCancel(asked)
	defer enough()
	program := j.Program
	if program == "" {
		program = "journalctl"
	}
	args := slices.Concat([]string{"-o", "json", "--no-pager", "-q"}, options,
		[]string{"--output-fields=" + strings.Join(journalFields(), ","), "--"}, matches)
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the operator names the program, checkMatches has seen the rest
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "SYSTEMD_COLORS=0", "SYSTEMD_LOG_LEVEL=err"}
	// Its own process group, so that what it started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killGroup
	cmd.WaitDelay = time.Second
	out := &capped{limit: maxJournalOutput, full: enough}
	said := &capped{limit: 4096, full: func() {}}
	cmd.Stdout, cmd.Stderr = out, said
	if j.Spare != nil {
		defer j.Spare()()
	}
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		_ = killGroup() // somebody it left behind holds its output
	}
	switch text := safe(said.kept.String(), maxError); {
	case asked.Err() != nil:
		return nil, asked.Err()
	case err == nil, ctx.Err() != nil: // the latter: full
		return out.kept.Bytes(), nil
	case text != "":
		return nil, fmt.Errorf("%w: %s", err, text)
	default:
		return nil, err
	}
}

// capped keeps the first bytes written to it and says when there are more. It
// has no ReadFrom, which would go round that.
type capped struct {
	kept  bytes.Buffer
	limit int
	full  func()
}

// Write never fails: a writer that does would not end the program.
func (c *capped) Write(p []byte) (int, error) {
	if room := c.limit - c.kept.Len(); len(p) > room {
		c.kept.Write(p[:room])
		c.full()
	} else {
		c.kept.Write(p)
	}
	return len(p), nil
}
