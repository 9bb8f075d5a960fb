package checks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"tocsin"
)

// snapshotAge is how old a pass over all processes may be to be used again.
const snapshotAge = 200 * time.Millisecond

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
	match   matcher  // without a text for a pidfile
	command knownCommand
	grip    *grip // on the process that was found last; may be nil
	needs   needs
	trees   bool     // some wanted metric needs the descendants
	seen    bool     // the last reading found the process
	last    identity // of it

	own loadMeter
	*kinship
}

// kinship is what few checks need to remember: of the descendants, of what was
// moved, of whom the process runs as.
type kinship struct {
	user, group knownName
	io, allIO   ioMeter
	moved       ioSample // of the last reading of the tree
	movedBy     procIO   // what the tree has moved since the first one

	total loadMeter
	tree  tree   // of the last reading
	spent uint64 // processor time of the tree in ticks
}

var _ Reader = (*processReader)(nil)

func openProcess(h *Host, s Spec) (Reader, error) {
	r := &processReader{host: h, spec: s, needs: needsOf(s), trees: wantsAny(s.Metrics, treeMetrics())}
	if r.trees || r.needs.own[useStatus] || r.needs.own[useIO] {
		r.kinship = &kinship{}
	}
	path, byFile := s.Attributes.Find("pidfile")
	text, byMatch := s.Attributes.Find("match")
	var err error
	switch {
	case byFile == byMatch:
		err = errors.New("set one of pidfile and match")
	case byFile:
		r.pidfile, err = &pidfile{path: path}, validPath(path)
	default:
		var pattern *regexp.Regexp
		pattern, err = compilePattern(text)
		r.match = matcher{text: text, pattern: pattern}
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
	if r.pidfile == nil {
		find = r.byCommand
	}
	s, err := find(ctx)
	switch {
	case errors.Is(err, errNoPID):
		d.fail(err, "pid")
		s, err = sighting{dir: -1}, nil
	case errors.Is(err, errPidfile):
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

// Listen has tell called at the end of the process that the last reading found.
func (r *processReader) Listen(tell func(error)) (stop func()) {
	if !r.seen {
		return nil
	}
	return r.host.awaitExit(r.last, tell)
}

// describe sets the metrics of a process that runs.
func (r *processReader) describe(ctx context.Context, d *draft, s *sighting) {
	d.number("pid", float64(s.stat.pid))
	d.number("ppid", float64(s.stat.parent))
	d.number("threads", float64(s.stat.threads))
	d.text("state", stateName(s.stat.state))
	d.number("uptime", max(0, s.at-time.Duration(s.stat.start)*tick).Seconds()) //nolint:gosec // The kernel's uptime.

	rss, family := float64(s.stat.pages)*pageSize(), float64(s.tree.pages)*pageSize()
	d.number("memory.rss", rss)
	d.number("memory.vms", float64(s.stat.virtual))
	hasTree := s.tree.root != (identity{})
	if hasTree {
		d.number("children", float64(s.tree.children))
		d.number("threads_total", float64(s.tree.threads))
		d.number("zombies", float64(s.tree.zombies))
		d.number("memory.total_rss", family)
	}
	if shares := []string{"memory.percent", "memory.total_percent"}; d.wants(shares...) {
		if memory, err := r.host.memory(); err != nil {
			d.fail(err, shares...)
		} else {
			d.share("memory.percent", rss, memory)
			if hasTree {
				d.share("memory.total_percent", family, memory)
			}
		}
	}
	r.setLoad(d, s)
	r.setUse(ctx, d, s)
	if r.needs.words {
		r.setWords(d, s.dir)
	}
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
