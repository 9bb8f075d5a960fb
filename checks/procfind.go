package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// sighting is a process as it was found. It must be closed.
type sighting struct {
	dir   procDir // /proc/PID, -1 when it is not open
	held  bool    // by a grip, which closes it
	stat  procStat
	at    time.Duration // since boot
	tree  tree
	found bool // it runs
}

func (s *sighting) close() {
	if s.dir >= 0 && !s.held {
		s.dir.close()
	}
}

// sight reads /proc/PID now.
func (h *Host) sight(pid int32) (sighting, error) {
	s := sighting{dir: -1}
	dir, err := openPID(h.proc(), pid)
	if err == nil {
		s.dir = dir
		buf := h.statRoom()
		var data []byte
		if data, err = dir.read([]byte("stat\x00"), buf[:]); err == nil {
			s.at = h.uptime()
			s.stat, err = parseStat(data)
			s.stat.comm = bytes.Clone(s.stat.comm)
		}
		h.stats.Put(buf)
	}
	switch {
	case err == nil:
		s.found = s.stat.alive()
		return s, nil
	case vanished(err) && s.dir < 0 && h.hidden(pid):
		return s, fmt.Errorf("read process %d: it runs, but proc(5) hides it (hidepid): %w", pid, fs.ErrPermission)
	case vanished(err):
		s.stat = procStat{}
		return s, nil
	default:
		s.close()
		return sighting{dir: -1}, fmt.Errorf("read process %d: %w", pid, err)
	}
}

// hidden says whether a process that /proc does not show is there all the
// same (kill(2) with signal 0).
func (h *Host) hidden(pid int32) bool {
	return h.proc() == "/proc" && errors.Is(unix.Kill(int(pid), 0), unix.EPERM)
}

// look reads a process, through the grip on it where there is one.
func (r *processReader) look(pid int32) (sighting, error) {
	if r.grip != nil && r.grip.id.pid == pid {
		if s, ok := r.grip.sight(r.host); ok {
			return s, nil
		}
	}
	r.grip = nil
	s, err := r.host.sight(pid)
	if err == nil && s.found {
		r.grip = r.host.hold(&s)
	}
	return s, err
}

// byPidfile finds the process of the pidfile. All processes are read only for
// metrics of its descendants.
func (r *processReader) byPidfile(ctx context.Context) (sighting, error) {
	pid, err := r.pidfile.read()
	if errors.Is(err, fs.ErrNotExist) {
		return sighting{dir: -1}, nil
	}
	if err != nil {
		return sighting{}, fmt.Errorf("%w: %w", errPidfile, err)
	}
	s, err := r.look(pid)
	if err != nil || !s.found || !r.trees {
		return s, err
	}
	for _, age := range []time.Duration{snapshotAge, 0} {
		known := false
		err := r.host.processes().snapshot(ctx, age, whole, func(t *Table) {
			if root := t.find(s.stat.identity); root != nil {
				s.tree, known = t.tree(root), true
			}
		})
		if err != nil {
			s.close()
			return sighting{}, err
		}
		if known {
			break
		}
	}
	return s, nil
}

// byCommand finds the process whose command line matches. The table may be a
// little old, so what it says is looked up; and before a process that was
// there is called gone, the table is read anew.
func (r *processReader) byCommand(ctx context.Context) (sighting, error) {
	if s, ok := r.same(); ok {
		return s, nil
	}
	need := newcomers
	if r.trees {
		need = commands
	}
	for _, age := range []time.Duration{snapshotAge, 0} {
		var id identity
		var family tree
		unreadable := 0
		err := r.host.processes().snapshot(ctx, age, need, func(t *Table) {
			unreadable = t.unreadable
			p := r.match.find(t)
			if p == nil {
				return
			}
			id = p.identity
			r.command.remember(p)
			if r.trees {
				family = t.tree(p)
			}
		})
		if err != nil {
			return sighting{}, err
		}
		if id == (identity{}) {
			if unreadable > 0 {
				return sighting{}, fmt.Errorf("match %q: no process found, but %d may not be read", r.match.text, unreadable)
			}
			if r.seen {
				need = commands
				continue
			}
			break
		}
		s, err := r.look(id.pid)
		if err != nil {
			return sighting{}, err
		}
		if s.found && s.stat.identity == id {
			r.command.name = append(r.command.name[:0], s.stat.comm...) // which may change without exec(3)
			s.tree = family
			return s, nil
		}
		s.close()
		need = commands // what is known of it is old
	}
	return sighting{dir: -1}, nil
}

// same is the process that matched before, as long as it runs and is still the
// program that matched; that needs no table.
func (r *processReader) same() (sighting, bool) {
	if r.trees || r.grip == nil || r.match.current != r.grip.id {
		return sighting{}, false
	}
	s, ok := r.grip.sight(r.host)
	return s, ok && r.command.still(s)
}

// knownCommand is the command line that a pattern matched.
type knownCommand struct {
	name []byte        // what comm was
	line []byte        // its beginning
	due  time.Duration // when it is to be read again
}

// commandAge is how long the command line of a process that matched is believed.
const commandAge = 10 * time.Second

// knownLine is how much of a command line is compared, in bytes.
const knownLine = 4 << 10

func (k *knownCommand) remember(p *process) {
	k.name = append(k.name[:0], p.name...)
	k.line = append(k.line[:0], cut(p.command)...)
	k.due = p.at + commandAge*time.Duration(p.pid%64+1)/64 // not all at the same time
}

// cut is what is compared of a command line.
func cut(line []byte) []byte { return bytes.TrimRight(line[:min(len(line), knownLine)], " ") }

// still says whether a process has the command line that matched. It is read
// now and then: see commandAge.
func (k *knownCommand) still(s sighting) bool {
	if !bytes.Equal(k.name, s.stat.comm) {
		return false
	}
	if s.at < k.due || s.stat.flags&kernelThread != 0 {
		return true
	}
	k.due = s.at + commandAge
	data, err := s.dir.read([]byte("cmdline\x00"), make([]byte, knownLine))
	return err == nil && bytes.Equal(k.line, cut(blanked(data)))
}
