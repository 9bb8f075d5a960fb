package checks

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"time"
)

// nameAge is how long the name of a user or group is believed.
const nameAge = time.Minute

// setStatus sets what comes from proc(5) status: whom the process runs as, and
// its swap space.
func (r *processReader) setStatus(d *draft, u *usage) {
	if err := u.errs[useStatus]; err != nil {
		d.miss(err, "uid", "euid", "gid", "egid", "user", "group", "memory.swap")
		return
	}
	s := u.status
	d.number("uid", float64(s.uid))
	d.number("euid", float64(s.euid))
	d.number("gid", float64(s.gid))
	d.number("egid", float64(s.egid))
	d.count("memory.swap", s.swap, "proc(5) status")
	if d.wants("user") {
		d.text("user", r.user.of(s.euid, userName))
	}
	if d.wants("group") {
		d.text("group", r.group.of(s.egid, groupName))
	}
}

// knownName remembers the name of a user or a group. The zero value knows
// none.
type knownName struct {
	id   int64
	name string
	at   time.Time
}

// of is the name of a number; look is called when that is not known, or was
// found long ago.
func (k *knownName) of(id int64, look func(id string) string) string {
	if k.name == "" || k.id != id || time.Since(k.at) >= nameAge {
		k.id, k.at = id, time.Now()
		k.name = look(strconv.FormatInt(id, 10))
	}
	return k.name
}

// userName is the name of a user, its number without one (passwd(5)).
func userName(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// groupName is the name of a group, its number without one (group(5)).
func groupName(id string) string {
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// setFDs sets the metrics of file descriptors.
func setFDs(d *draft, s *sighting, u *usage, buf []byte) {
	if err := u.errs[useFDs]; err != nil {
		d.fail(fmt.Errorf("count file descriptors of process %d: %w", s.stat.pid, err), "fds.open", "fds.percent", "fds.total")
		return
	}
	d.number("fds.open", u.fds)
	if d.wants("fds.percent") {
		setFDShare(d, s.dir, u.fds, buf)
	}
}

// setFDShare sets fds.percent. Without a limit it is no data.
func setFDShare(d *draft, dir procDir, open float64, buf []byte) {
	data, err := dir.text("limits", buf)
	if errors.Is(err, errGone) {
		return
	}
	var limit int64
	if err == nil {
		limit, err = parseFDLimit(data)
	}
	switch {
	case errors.Is(err, errUnlimited):
	case err != nil:
		d.miss(fmt.Errorf("read limit of file descriptors: %w", err), "fds.percent")
	default:
		d.share("fds.percent", open, float64(limit))
	}
}
