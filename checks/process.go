package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"tocsin"
)

// snapshotAge is how old a pass over all processes may be to be used again.
const snapshotAge = 200 * time.Millisecond

func processKind() Kind {
	return Kind{
		Name: "process",
		Doc:  "one process, found by a pidfile or by its command line, and its descendants",
		Attributes: []Attribute{
			{Name: "match", Doc: "regular expression (RE2) over the command line with blanks between its words; the oldest top-most match counts, and kernel threads are called [name]", Valid: validPattern},
			{Name: "pidfile", Doc: "file that begins with the process number", Valid: validPath},
		},
		OneOf: []string{"match", "pidfile"},
		Metrics: []Metric{
			{Name: "children", Unit: Count, Doc: "all descendants that run, proc(5) stat"},
			{Name: "cpu.percent", Unit: Percent, Doc: "processor time since the previous reading, of all processors together, proc(5) stat"},
			{Name: "cpu.total_percent", Unit: Percent, Doc: "the same with all descendants, proc(5) stat"},
			{Name: "egid", Unit: Count, Doc: "effective group number, proc(5) status", Failed: "GID failed", Recovered: "GID succeeded"},
			{Name: "euid", Unit: Count, Doc: "effective user number, proc(5) status", Failed: "UID failed", Recovered: "UID succeeded"},
			{Name: "exists", Unit: Truth, Doc: "the process runs and is no zombie, proc(5) stat", Failed: "Does not exist", Recovered: "Exists"},
			{Name: "fds.open", Unit: Count, Doc: "open file descriptors, entries of proc(5) fd"},
			{Name: "fds.percent", Unit: Percent, Doc: "fds.open of the soft limit, proc(5) limits"},
			{Name: "fds.total", Unit: Count, Doc: "open file descriptors with all descendants, entries of proc(5) fd"},
			{Name: "gid", Unit: Count, Doc: "real group number, proc(5) status", Failed: "GID failed", Recovered: "GID succeeded"},
			{Name: "memory.percent", Unit: Percent, Doc: "memory.rss of the host's memory, proc(5) stat and sysinfo(2)"},
			{Name: "memory.rss", Unit: Bytes, Doc: "resident memory, proc(5) stat"},
			{Name: "memory.total_percent", Unit: Percent, Doc: "memory.total_rss of the host's memory, proc(5) stat and sysinfo(2)"},
			{Name: "memory.total_rss", Unit: Bytes, Doc: "resident memory with all descendants, shared pages counted for each, proc(5) stat"},
			{Name: "memory.vms", Unit: Bytes, Doc: "virtual memory, proc(5) stat"},
			{Name: "pid", Unit: Count, Doc: "process number, proc(5) stat", Failed: "PID failed", Recovered: "PID succeeded"},
			{Name: "ppid", Unit: Count, Doc: "process number of the parent, proc(5) stat", Failed: "PPID failed", Recovered: "PPID succeeded"},
			{Name: "state", Unit: Word, Doc: "running, sleeping, disk sleep, stopped, tracing stop, idle; zombie when the pidfile's process is one, proc(5) stat"},
			{Name: "threads", Unit: Count, Doc: "threads, proc(5) stat"},
			{Name: "uid", Unit: Count, Doc: "real user number, proc(5) status", Failed: "UID failed", Recovered: "UID succeeded"},
			{Name: "uptime", Unit: Seconds, Doc: "time since the process started, proc(5) stat", Failed: "Uptime failed", Recovered: "Uptime succeeded"},
			{Name: "zombies", Unit: Count, Doc: "descendants that ended and were not waited for, proc(5) stat"},
		},
		Absent:  "process is not running",
		Grouped: true,
		Open:    openProcess,
	}
}

// treeMetrics are the metrics that need a pass over all processes.
func treeMetrics() []string {
	return []string{"children", "cpu.total_percent", "fds.total", "memory.total_percent", "memory.total_rss", "zombies"}
}

// validPattern says what is wrong with the attribute "match".
func validPattern(text string) error {
	_, err := compilePattern(text)
	return err
}

// errPidfile is for a pidfile that is there and cannot be used.
var errPidfile = errors.New("pidfile")

// processReader reads one process.
type processReader struct {
	host    *Host
	spec    Spec
	pidfile *pidfile // nil for a matcher
	match   matcher  // without a pattern for a pidfile
	command knownCommand
	grip    *grip    // on the process that was found last; may be nil
	trees   bool     // some wanted metric needs the descendants
	seen    bool     // the last reading found the process
	last    identity // of it

	own, total loadMeter
	tree       tree   // of the last reading
	spent      uint64 // processor time of the tree in ticks
}

var _ Reader = (*processReader)(nil)

func openProcess(h *Host, s Spec) (Reader, error) {
	r := &processReader{host: h, spec: s, trees: wantsAny(s.Metrics, treeMetrics())}
	path, byFile := s.Attributes["pidfile"]
	text, byMatch := s.Attributes["match"]
	var err error
	switch {
	case byFile == byMatch:
		err = errors.New("set one of pidfile and match")
	case byFile:
		r.pidfile, err = &pidfile{path: path}, validPath(path)
	default:
		var pattern *regexp.Regexp
		pattern, err = compilePattern(text)
		r.match.pattern = pattern
	}
	if err != nil {
		return nil, fmt.Errorf("open process check %q: %w", s.Name, err)
	}
	return r, nil
}

// Read finds the process and reads it. A process that is not there is a
// reading with exists=false; a pidfile that cannot be used is an error of the
// metrics.
func (r *processReader) Read(ctx context.Context) (tocsin.Reading, error) {
	if err := ctx.Err(); err != nil {
		return tocsin.Reading{}, fmt.Errorf("read process: %w", err)
	}
	d := newDraft(r.spec)
	find := r.byPidfile
	if r.match.pattern != nil {
		find = r.byCommand
	}
	s, err := find(ctx)
	if errors.Is(err, errPidfile) {
		d.failAll(err, processKind().Metrics)
		return d.reading, nil
	}
	if err != nil {
		return tocsin.Reading{}, err
	}
	defer s.close()
	r.seen, r.last = s.found, s.stat.identity
	d.truth("exists", s.found)
	if !s.found {
		if s.stat.zombie() {
			d.text("state", stateName(s.stat.state))
		}
		return d.reading, nil
	}
	r.describe(ctx, d, &s)
	return d.reading, nil
}

// Alert waits for the end of the process that the last reading found.
func (r *processReader) Alert() func(ctx context.Context) error {
	if !r.seen {
		return nil
	}
	return r.host.awaitExit(r.last)
}

// describe sets the metrics of a process that runs.
func (r *processReader) describe(ctx context.Context, d *draft, s *sighting) {
	d.number("pid", float64(s.stat.pid))
	d.number("ppid", float64(s.stat.parent))
	d.number("threads", float64(s.stat.threads))
	d.text("state", stateName(s.stat.state))
	d.number("uptime", max(0, s.at-time.Duration(s.stat.start)*tick).Seconds()) //nolint:gosec // The kernel's uptime.

	page := float64(os.Getpagesize())
	rss, family := float64(s.stat.pages)*page, float64(s.tree.pages)*page
	d.number("memory.rss", rss)
	d.number("memory.vms", float64(s.stat.virtual))
	hasTree := s.tree.root != (identity{})
	if hasTree {
		d.number("children", float64(s.tree.children))
		d.number("zombies", float64(s.tree.zombies))
		d.number("memory.total_rss", family)
	}
	if shares := []string{"memory.percent", "memory.total_percent"}; d.wants(shares...) {
		if memory, err := totalMemory(); err != nil {
			d.fail(err, shares...)
		} else {
			d.share("memory.percent", rss, memory)
			if hasTree {
				d.share("memory.total_percent", family, memory)
			}
		}
	}
	r.setLoad(d, s)
	setOwner(d, s.dir)
	r.setFDs(ctx, d, s)
}

// setLoad sets the metrics of processor time.
func (r *processReader) setLoad(d *draft, s *sighting) {
	names := []string{"cpu.percent", "cpu.total_percent"}
	if !d.wants(names...) {
		return
	}
	cores, err := r.host.cores()
	if err != nil {
		d.fail(err, names...)
		return
	}
	if percent, ok := r.own.percentOf(s.stat.identity, s.at, s.stat.ticks, cores); ok {
		d.number("cpu.percent", percent)
	}
	if s.tree.root == (identity{}) || !d.wants("cpu.total_percent") {
		return
	}
	if r.tree.root == s.tree.root {
		r.spent += s.tree.ticksSince(r.tree)
	}
	r.tree = s.tree
	if percent, ok := r.total.percentOf(s.tree.root, s.tree.at, r.spent, cores); ok {
		d.number("cpu.total_percent", percent)
	}
}
