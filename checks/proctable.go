package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxProcesses = 1 << 16
	// maxCommand bounds one command line and maxCommands all of them
	// together; once that is reached, new ones are cut to shortCommand.
	maxCommand   = 64 << 10
	maxCommands  = 16 << 20
	shortCommand = 1 << 10
	// maxLook is after how long at most a process is looked at again: exec(3)
	// changes its command line, but neither its number nor its start time.
	maxLook = time.Minute
)

// Table is the processes of a host, read in one pass for all the checks that
// need more of them than one. Only its host makes one.
type Table struct {
	proc  string
	self  int32                // this process, 0 when the table is not of its host
	clock func() time.Duration // since boot
	token chan struct{}        // held while the table is read or used

	byPID      map[int32]*process
	list       []*process    // who was there
	taken      time.Duration // the last pass, or glance
	whole      time.Duration // the last pass
	walked     time.Duration // the last one that went through the directory
	complete   bool          // the last one came to its end
	commands   bool          // and read command lines
	numbered   bool          // newest is the one of this directory
	lastPID    int32         // as of taken: see newest
	absent     []int32       // numbers that were given and had no process yet
	latest     uint64        // the last generation that read a new command line
	fresh      []*process    // who has a new one since the generation freshFrom
	freshFrom  uint64
	unreadable int    // processes that it was not allowed to read
	linked     bool   // child and sibling are set
	generation uint64 // counts the passes and glances, from 1
	marks      uint64 // the last value of process.mark
	held       int    // bytes of all command lines

	text    []byte // of the file that is read
	entries []byte // of the directory
	name    []byte // of the file, with a NUL
	stack   []*process
}

// process is one line of the table. Its slices are used again.
type process struct {
	procStat
	at      time.Duration // when procStat was read
	name    []byte        // what comm points to
	command []byte        // argv joined by blanks, or comm in brackets
	due     time.Duration // when it is to be looked at again: see patience
	changed uint64        // generation that read this command line first
	seen    uint64        // generation that saw the process last
	mark    uint64        // set by walks over the table

	child, sibling *process
}

func newTable(proc string, clock func() time.Duration) *Table {
	self := int32(0)
	if proc == "/proc" {
		self = int32(os.Getpid()) //nolint:gosec // At most maxPID.
	}
	return &Table{
		proc:  proc,
		self:  self,
		clock: clock,
		token: make(chan struct{}, 1),

		numbered: numbersItself(proc),
		byPID:    map[int32]*process{},
		text:     make([]byte, 4<<10),
		entries:  make([]byte, 32<<10),
	}
}

// depth is what a snapshot is good for.
type depth uint8

const (
	whole     depth = iota // every process was read in the pass
	commands               // and its command line is known
	newcomers              // as commands, but what is known of who was there before may be old: see maxLook
)

// snapshot calls use with the table as it was maxAge ago or later. Who comes
// while a pass is made waits for it and uses it too. The table must not be used
// after use has returned.
func (t *Table) snapshot(ctx context.Context, maxAge time.Duration, need depth, use func(t *Table)) error {
	oldest := t.clock() - maxAge
	select {
	case t.token <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("read processes: %w", ctx.Err())
	}
	defer func() { <-t.token }()
	if err := t.renew(ctx, oldest, need); err != nil {
		return fmt.Errorf("read processes: %w", err)
	}
	use(t)
	return nil
}

// renew reads what is older than oldest.
func (t *Table) renew(ctx context.Context, oldest time.Duration, need depth) error {
	complete := t.complete && (need == whole || t.commands)
	switch {
	case complete && (t.whole >= oldest || need == newcomers && t.taken >= oldest):
		return nil
	case complete && need == newcomers:
		return t.glance(ctx)
	default:
		return t.pass(ctx, need != whole)
	}
}

// pass reads all processes. Once command lines were wanted they are read in each:
// few of them are due, and who wants them needs no pass of his own.
func (t *Table) pass(ctx context.Context, withCommands bool) error {
	t.complete, t.commands = false, t.commands || withCommands
	if err := t.walk(ctx, t.visit); err != nil {
		return err
	}
	t.whole = t.taken
	return nil
}

// walk makes the table's list anew: visit puts a process on it.
func (t *Table) walk(ctx context.Context, visit func(dir procDir, pid int32) error) error {
	t.begin()
	t.lastPID = t.newest()
	dir, err := openDir(t.proc)
	if err != nil {
		return err
	}
	defer dir.close()
	t.walked, t.unreadable, t.list = t.taken, 0, t.list[:0]
	err = dir.numbers(t.entries, func(pid int32) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return visit(dir, pid)
	})
	if err != nil {
		return err
	}
	for _, p := range t.byPID {
		if p.seen != t.generation {
			t.forget(p)
		}
	}
	t.missNewest()
	t.complete = true
	return nil
}

// begin begins a pass or a glance. Until it has come to its end the table is not
// complete.
func (t *Table) begin() {
	if len(t.fresh) > maxFresh {
		clear(t.fresh)
		t.fresh, t.freshFrom = t.fresh[:0], t.generation
	}
	t.generation++
	t.complete, t.linked, t.taken = false, false, t.clock()
}

// forget drops a process that is gone.
func (t *Table) forget(p *process) {
	t.held -= len(p.command)
	p.command = nil // it may still be among the fresh ones
	delete(t.byPID, p.pid)
}

// visit reads one process into the table and puts it on the list.
func (t *Table) visit(dir procDir, pid int32) error {
	p, err := t.look(dir, pid)
	if p == nil || err != nil {
		return err
	}
	return t.enlist(p)
}

func (t *Table) enlist(p *process) error {
	if len(t.list) >= maxProcesses {
		return fmt.Errorf("more than %d processes", maxProcesses)
	}
	t.list = append(t.list, p)
	return nil
}

// look reads one process into the table. It is nil when it has ended meanwhile,
// may not be read, or is a thread.
func (t *Table) look(dir procDir, pid int32) (*process, error) {
	stat, there, err := t.read(dir, pid)
	if err != nil || !there || stat.signal < 0 {
		return nil, err
	}
	return t.take(dir, stat), nil
}

// read reads what a process does now, unless it has ended or may not be read.
func (t *Table) read(dir procDir, pid int32) (stat procStat, there bool, err error) {
	data, err := dir.read(t.file(pid, "/stat\x00"), t.text)
	switch {
	case err == nil:
	case vanished(err):
		return procStat{}, false, nil
	case denied(err):
		t.unreadable++
		return procStat{}, false, nil
	default:
		return procStat{}, false, fmt.Errorf("process %d: %w", pid, err)
	}
	if stat, err = parseStat(data); err != nil {
		return procStat{}, false, fmt.Errorf("process %d: %w", pid, err)
	}
	return stat, true, nil
}

// take puts what was read of a process into the table, and its command line when
// that is due.
func (t *Table) take(dir procDir, stat procStat) *process {
	p := t.byPID[stat.pid]
	if p == nil {
		p = &process{}
		t.byPID[stat.pid] = p
	}
	if p.identity != stat.identity {
		t.held -= len(p.command)
		*p = process{name: p.name[:0]}
	}
	if !bytes.Equal(p.name, stat.comm) {
		p.due = 0
	}
	p.name = append(p.name[:0], stat.comm...)
	stat.comm = p.name
	p.procStat, p.at, p.seen = stat, t.clock(), t.generation
	switch {
	case !p.alive():
		p.due = p.at + p.patience(p.at)
	case t.commands && (p.changed == 0 || p.at >= p.due):
		t.readCommand(dir, p)
	}
	return p
}

// patience is how long what is known of a process is believed: a quarter of its
// age, since who executes another program mostly does so soon after its start.
// Most programs have another name after it, which a pass sees at once.
func (p *process) patience(now time.Duration) time.Duration {
	return min(max(0, now-time.Duration(p.start)*tick)/4, maxLook) //nolint:gosec // The kernel's uptime.
}

// readCommand reads the command line of a process, as ps(1) shows it.
func (t *Table) readCommand(dir procDir, p *process) {
	var command []byte
	if p.flags&kernelThread == 0 {
		command = t.commandLine(dir, p.pid)
	}
	first, patience := p.changed == 0, p.patience(p.at)
	if first {
		// So that not all processes of the first pass are due in the same one.
		patience = patience * time.Duration(p.pid%64+1) / 64
	}
	p.due = p.at + patience
	none := len(command) == 0
	if none {
		command = append(append(append(t.text[:0], '['), p.name...), ']')
	}
	if !first && bytes.Equal(p.command, command) {
		return
	}
	if none && p.flags&kernelThread == 0 {
		p.due = p.at // it may be in the midst of exec(3)
	}
	t.held -= len(p.command)
	if t.held+len(command) > maxCommands {
		command = command[:min(len(command), shortCommand)]
	}
	if cap(p.command) > 2*len(command) {
		p.command = nil // a long line must not be held by a short one
	}
	p.command = append(p.command[:0], command...)
	t.held += len(p.command)
	p.changed, t.latest = t.generation, t.generation
	t.fresh = append(t.fresh, p)
}

// commandLine is /proc/PID/cmdline with blanks for its NULs, in the table's
// buffer. It is empty for a process that has none or ended.
func (t *Table) commandLine(dir procDir, pid int32) []byte {
	data, err := dir.read(t.file(pid, "/cmdline\x00"), t.text)
	if err == nil && len(data) == len(t.text) && len(t.text) < maxCommand {
		t.text = make([]byte, maxCommand) // rare: only now is that much needed
		data, err = dir.read(t.name, t.text)
	}
	if err != nil {
		return nil
	}
	return blanked(data)
}

// blanked is what proc(5) cmdline says as ps(1) shows it, in its place.
func blanked(data []byte) []byte {
	data = bytes.TrimRight(data, "\x00 ")
	for i, c := range data {
		if c == 0 {
			data[i] = ' '
		}
	}
	return data
}

// file is the name of a file of a process, in the table's buffer.
func (t *Table) file(pid int32, rest string) []byte {
	t.name = append(strconv.AppendInt(t.name[:0], int64(pid), 10), rest...)
	return t.name
}

// find is the process that has this identity, nil when there is none.
func (t *Table) find(id identity) *process {
	if p := t.byPID[id.pid]; p != nil && p.identity == id {
		return p
	}
	return nil
}

// link makes child and sibling of all processes.
func (t *Table) link() {
	if t.linked {
		return
	}
	for _, p := range t.list {
		p.child, p.sibling = nil, nil
	}
	for _, p := range t.list {
		if parent := t.byPID[p.parent]; parent != nil && parent != p {
			p.sibling, parent.child = parent.child, p
		}
	}
	t.linked = true
}

// newMark is a mark that no process has.
func (t *Table) newMark() uint64 {
	t.marks++
	return t.marks
}

// vanished says whether an error means that the process has ended.
func vanished(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// denied says whether an error means that we may not look at the process.
func denied(err error) bool { return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) }
