package checks

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// maxGrips bounds how many processes of a host are kept open, two descriptors
// each; the others are opened anew for each reading.
const maxGrips = 4096

// grip keeps /proc/PID and its stat open between readings: one pread(2) says
// what five system calls say otherwise. Once the process has ended, both answer
// ESRCH, whatever has its number then. A grip that nobody holds any more closes
// its files.
type grip struct {
	id   identity
	dir  procDir
	stat int
	comm [maxComm]byte // of the last sighting, which points to it
}

// statSize is enough for /proc/PID/stat.
const statSize = 1024

// hold keeps a process open that was found; nil where that is not possible. The
// grip takes over the sighting's directory.
func (h *Host) hold(s *sighting) *grip {
	if h.proc() != "/proc" || h.grips.Add(1) > maxGrips { // a fixture stays readable when it is gone
		h.grips.Add(-1)
		return nil
	}
	stat, err := s.dir.open([]byte("stat\x00"), 0)
	if err != nil { // mostly too many open files
		h.grips.Add(-1)
		return nil
	}
	g := &grip{id: s.stat.identity, dir: s.dir, stat: stat}
	s.held = true
	runtime.AddCleanup(g, func(dir procDir) {
		dir.close()
		_ = unix.Close(stat)
		h.grips.Add(-1)
	}, g.dir)
	return g
}

// statRoom is room for a stat, which goes back to h.stats.
func (h *Host) statRoom() *[statSize]byte {
	if buf, ok := h.stats.Get().(*[statSize]byte); ok {
		return buf
	}
	return new([statSize]byte)
}

// sight reads the process; false when it has ended or cannot be read that way.
func (g *grip) sight(h *Host) (sighting, bool) {
	buf := h.statRoom()
	defer h.stats.Put(buf)
	n, err := unix.Pread(g.stat, buf[:], 0)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Pread(g.stat, buf[:], 0)
	}
	if err != nil {
		return sighting{}, false
	}
	s := sighting{dir: g.dir, held: true, at: h.uptime()}
	s.stat, err = parseStat(buf[:n])
	s.stat.comm = g.comm[:copy(g.comm[:], s.stat.comm)]
	s.found = s.stat.alive()
	return s, err == nil && s.found && s.stat.identity == g.id
}
