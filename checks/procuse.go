package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What of a process is read beside its stat, each from a file of its own.
const (
	useFDs = iota
	useStatus
	useMaps
	useIO
	uses
)

// usage is what one process holds and has moved, as far as it was asked for.
// The zero value is nothing at all.
type usage struct {
	fds    float64
	status procStatus
	pss    float64 // bytes; NaN where the kernel does not say
	io     procIO
	// errs says by source what could not be read.
	errs [uses]error
}

// errPtrace is for what only root, the same user, or who has CAP_SYS_PTRACE
// may read.
var errPtrace = errors.New("it takes the right to trace the process, CAP_SYS_PTRACE (ptrace(2))")

// measure reads the wanted files of the process whose /proc/PID dir is, each
// once. It is false when the process has ended meanwhile.
func measure(dir procDir, wanted [uses]bool, buf []byte) (u usage, alive bool) {
	if wanted[useFDs] {
		n, err := dir.countFDs(buf)
		if vanished(err) {
			return u, false
		}
		u.fds, u.errs[useFDs] = float64(n), err
	}
	for use, name := range [uses]string{useStatus: "status", useMaps: "smaps_rollup", useIO: "io"} {
		if name == "" || !wanted[use] {
			continue
		}
		data, err := dir.text(name, buf)
		switch {
		case errors.Is(err, errGone):
			return u, false
		case err != nil:
		case use == useStatus:
			if u.status, err = parseStatus(data); len(data) == len(buf) && u.status.swap == 0 {
				u.status.swap = unknown() // there is more
			}
		case use == useMaps:
			u.pss = parsePSS(data)
		default:
			u.io = parseIO(data)
		}
		u.errs[use] = err
	}
	return u, true
}

// errGone is for a process that has ended.
var errGone = errors.New("the process has ended")

// text reads a file of the process whose /proc/PID this is. The error is
// errGone when the process has ended.
func (d procDir) text(name string, buf []byte) ([]byte, error) {
	data, err := d.read(append([]byte(name), 0), buf)
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, unix.ENOENT):
		if _, gone := d.read([]byte("stat\x00"), buf); gone == nil {
			return nil, fmt.Errorf("read %s of process: %w", name, errNoFile)
		}
		return nil, errGone
	case vanished(err):
		return nil, errGone
	case denied(err):
		return nil, fmt.Errorf("read %s of process: %w: %w", name, err, errPtrace)
	default:
		return nil, fmt.Errorf("read %s of process: %w", name, err)
	}
}

// needs is what a check has to read of its process, and of all its descendants,
// beside their stat.
type needs struct {
	own, all [uses]bool
	words    bool // setWords
	long     bool // files may be long
}

// needsOf is what the wanted metrics come from. What is dear is read only when
// a rule asks.
func needsOf(s Spec) (n needs) {
	d := &draft{wanted: s.Metrics}
	n.all[useFDs] = d.wants("fds.total")
	n.all[useStatus] = d.wants("memory.total_swap")
	n.all[useMaps] = d.asks("memory.total_pss")
	n.all[useIO] = d.wants(ioMetrics("total_")...)
	n.own[useFDs] = n.all[useFDs] || d.wants("fds.open", "fds.percent")
	n.own[useStatus] = n.all[useStatus] || d.wants("uid", "euid", "gid", "egid", "user", "group", "memory.swap")
	n.own[useMaps] = n.all[useMaps] || d.asks("memory.pss")
	n.own[useIO] = n.all[useIO] || d.wants(ioMetrics("")...)
	n.words = d.wants("cgroup", "oom.score", "security")
	// The swap space stands behind the list of groups.
	n.long = n.own[useFDs] || d.wants("memory.swap", "memory.total_swap")
	return n
}

// setUse sets the metrics that come from files of the process beside its stat,
// and the sums of them over its descendants.
func (r *processReader) setUse(ctx context.Context, d *draft, s *sighting) {
	own, all := r.needs.own, r.needs.all
	if own == ([uses]bool{}) {
		return
	}
	size := 4 << 10
	if r.needs.long {
		size = 16 << 10
	}
	buf := make([]byte, size)
	u, alive := measure(s.dir, own, buf)
	at := r.host.uptime()
	if !alive {
		return // the next reading says so
	}
	if own[useFDs] {
		setFDs(d, s, &u, buf)
	}
	if own[useStatus] {
		r.setStatus(d, &u)
	}
	if own[useMaps] {
		d.bytesOr(u.errs[useMaps], "memory.pss", u.pss, "proc(5) smaps_rollup")
	}
	if own[useIO] {
		r.io.set(d, "", s.stat.identity, at, u.io, u.errs[useIO])
	}
	if s.tree.root != (identity{}) && all != ([uses]bool{}) {
		r.setTotals(ctx, d, s, u, all, buf)
	}
}

// bytesOr sets a metric, or says why it could not be read.
func (d *draft) bytesOr(err error, name string, n float64, source string) {
	if err != nil {
		d.miss(err, name)
		return
	}
	d.count(name, n, source)
}

// setTotals adds up the descendants. One that has ended since has nothing; that
// its number may belong to another process by now is accepted, for the sum is
// only of one instant anyway.
func (r *processReader) setTotals(ctx context.Context, d *draft, s *sighting, sum usage, wanted [uses]bool, buf []byte) {
	moved := ioSample{members: map[identity]procIO{s.stat.identity: sum.io}}
	for id, w := range s.tree.members {
		if id == s.stat.identity || !w.alive {
			continue
		}
		if err := ctx.Err(); err != nil {
			for use := range sum.errs {
				sum.errs[use] = fmt.Errorf("add up the descendants: %w", err)
			}
			break
		}
		u, alive := r.measureOne(id.pid, wanted, buf)
		if !alive {
			continue
		}
		for use, err := range u.errs {
			if err != nil && sum.errs[use] == nil {
				sum.errs[use] = fmt.Errorf("process %d: %w", id.pid, err)
			}
		}
		sum.fds, sum.pss, sum.status.swap = sum.fds+u.fds, sum.pss+u.pss, sum.status.swap+u.status.swap
		moved.members[id] = u.io
	}
	if err := sum.errs[useFDs]; err != nil {
		d.fail(fmt.Errorf("count file descriptors: %w", err), "fds.total")
	} else if wanted[useFDs] {
		d.number("fds.total", sum.fds)
	}
	if wanted[useStatus] {
		d.bytesOr(sum.errs[useStatus], "memory.total_swap", sum.status.swap, "proc(5) status")
	}
	if wanted[useMaps] {
		d.bytesOr(sum.errs[useMaps], "memory.total_pss", sum.pss, "proc(5) smaps_rollup")
	}
	if wanted[useIO] {
		r.setTotalIO(d, s, moved, sum.errs[useIO])
	}
}

// measureOne is measure of a process that is not open.
func (r *processReader) measureOne(pid int32, wanted [uses]bool, buf []byte) (usage, bool) {
	dir, err := openPID(r.host.proc(), pid)
	if err != nil {
		if vanished(err) {
			return usage{}, false
		}
		return usage{errs: [uses]error{err, err, err, err}}, true
	}
	defer dir.close()
	return measure(dir, wanted, buf)
}

// setTotalIO sets the rates of the tree. What a child has moved is added to its
// parent's when that waits for it, so the sum over a tree only grows.
func (r *processReader) setTotalIO(d *draft, s *sighting, moved ioSample, err error) {
	moved.at = r.host.uptime()
	if err == nil {
		if r.allIO.of == s.tree.root {
			grown := moved.since(r.moved)
			for i := range r.movedBy {
				r.movedBy[i] += grown[i]
			}
		}
		r.moved = moved
	}
	r.allIO.set(d, "total_", s.tree.root, moved.at, r.movedBy, err)
}

// setWords sets the texts that files of the process hold, and its oom.score.
func (r *processReader) setWords(d *draft, dir procDir) {
	var buf []byte
	for _, word := range []struct {
		metric, file string
		parse        func(data []byte) (string, error)
	}{
		{"cgroup", "cgroup", parseCgroup},
		{"oom.score", "oom_score", parseWord},
		{"security", "attr/current", parseWord},
	} {
		if !d.wants(word.metric) {
			continue
		}
		if buf == nil {
			buf = make([]byte, 8<<10)
		}
		data, err := dir.text(word.file, buf)
		if errors.Is(err, errGone) {
			return
		}
		if errors.Is(err, unix.EINVAL) {
			err = errNoLabels
		}
		text := ""
		if err == nil {
			text, err = word.parse(data)
		}
		n, isNumber := integer([]byte(text))
		switch {
		case errors.Is(err, errNoLabels):
			d.lack(err, word.metric)
		case err != nil:
			d.miss(err, word.metric)
		case word.metric != "oom.score":
			d.text(word.metric, text)
		case isNumber && n >= 0:
			d.number(word.metric, float64(n))
		default:
			d.fail(errors.New("no number in proc(5) oom_score"), word.metric)
		}
	}
}

// errNoLabels is what EINVAL of attr/current means.
var errNoLabels = errors.New("no security module of this kernel labels processes")

// parseWord is a text without its end.
func parseWord(data []byte) (string, error) { return string(bytes.TrimRight(data, "\x00\n ")), nil }

// parseCgroup finds the control group in /proc/PID/cgroup: of version 2, or
// where that has none, the one that systemd keeps.
//
//	0::/system.slice/nginx.service
func parseCgroup(data []byte) (string, error) {
	group := ""
	for line := range bytes.Lines(data) {
		words := bytes.SplitN(bytes.TrimRight(line, "\n"), []byte(":"), 3)
		if len(words) != 3 || len(words[2]) == 0 || words[2][0] != '/' {
			continue
		}
		ours := len(words[1]) == 0 || bytes.Equal(words[1], []byte("name=systemd"))
		if ours && len(words[2]) > len(group) {
			group = string(words[2])
		}
	}
	if group == "" {
		return "", errors.New("no control group in proc(5) cgroup")
	}
	return group, nil
}
