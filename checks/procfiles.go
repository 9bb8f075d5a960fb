package checks

import (
	"context"
	"errors"
	"fmt"
)

// setOwner sets whom the process runs as. A process that ended meanwhile has
// no owner, and the next reading says so.
func setOwner(d *draft, dir procDir) {
	names := []string{"uid", "euid", "gid", "egid"}
	if !d.wants(names...) {
		return
	}
	// The two lines stand in the first few hundred bytes; the list of groups
	// behind them may be long.
	data, err := dir.read([]byte("status\x00"), make([]byte, 2048))
	if vanished(err) {
		return
	}
	var o owner
	if err == nil {
		o, err = parseOwner(data)
	}
	if err != nil {
		d.fail(fmt.Errorf("read owner of process: %w", err), names...)
		return
	}
	d.number("uid", float64(o.uid))
	d.number("euid", float64(o.euid))
	d.number("gid", float64(o.gid))
	d.number("egid", float64(o.egid))
}

// setFDs sets the metrics of file descriptors.
func (r *processReader) setFDs(ctx context.Context, d *draft, s *sighting) {
	if !d.wants("fds.open", "fds.percent", "fds.total") {
		return
	}
	buf := make([]byte, 8<<10)
	open, err := s.dir.countFDs(buf)
	if vanished(err) {
		return
	}
	if err != nil {
		d.fail(fmt.Errorf("count file descriptors of process %d: %w", s.stat.pid, err), "fds.open", "fds.percent", "fds.total")
		return
	}
	d.number("fds.open", float64(open))
	if d.wants("fds.percent") {
		setFDShare(d, s.dir, open, buf)
	}
	if d.wants("fds.total") && s.tree.root != (identity{}) {
		total, err := r.countTree(ctx, s, buf)
		if err != nil {
			d.fail(fmt.Errorf("count file descriptors: %w", err), "fds.total")
			return
		}
		d.number("fds.total", float64(open+total))
	}
}

// setFDShare sets fds.percent. Without a limit it is no data.
func setFDShare(d *draft, dir procDir, open int, buf []byte) {
	data, err := dir.read([]byte("limits\x00"), buf)
	if vanished(err) {
		return
	}
	var limit int64
	if err == nil {
		limit, err = parseFDLimit(data)
	}
	switch {
	case errors.Is(err, errUnlimited):
	case err != nil:
		d.fail(fmt.Errorf("read limit of file descriptors: %w", err), "fds.percent")
	default:
		d.share("fds.percent", float64(open), float64(limit))
	}
}

// countTree counts the file descriptors of all descendants. One that has ended
// since has none; that its number may belong to another process by now is
// accepted, for the sum is only of one instant anyway.
func (r *processReader) countTree(ctx context.Context, s *sighting, buf []byte) (int, error) {
	total := 0
	for id, w := range s.tree.members {
		if id == s.stat.identity || !w.alive {
			continue
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := r.countOne(id.pid, buf)
		if err != nil && !vanished(err) {
			return 0, fmt.Errorf("process %d: %w", id.pid, err)
		}
		total += n
	}
	return total, nil
}

// countOne counts the file descriptors of one process.
func (r *processReader) countOne(pid int32, buf []byte) (int, error) {
	dir, err := openPID(r.host.proc(), pid)
	if err != nil {
		return 0, err
	}
	defer dir.close()
	return dir.countFDs(buf)
}
