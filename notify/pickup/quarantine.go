package pickup

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/durable"
	"tocsin/notify/spool"
)

// The bounds of the quarantine: how many files one look moves there, and what
// it holds.
const (
	maxMoved     = 50
	maxKept      = 2000 // a file and its reason are two
	maxKeptBytes = 256 << 20
)

// Quarantine is where files go that are no mail: beside the drop directory, for
// a person to look at. Each has a NAME.why that says what it was.
func Quarantine(dir string) string { return filepath.Join(filepath.Dir(dir), "quarantine") }

// asidePrefix begins the name of what could not be moved to the quarantine.
const asidePrefix = ".quarantine-"

// quarantine moves a file away and tells of it. Of a link, a named pipe and a
// socket it keeps the reason alone: there is nothing in them, and a link in the
// quarantine would lead whoever looks at it astray. Once the user's allowance or
// the quarantine is used up, those are removed, and any other file waits where
// it is.
func (c *Collector) quarantine(config Config, name, cause string, reason error, now time.Time) {
	if c.moved++; c.moved > maxTaken {
		return // the next look goes on
	}
	from := filepath.Join(config.Dir, name)
	var st unix.Stat_t
	if unix.Lstat(from, &st) != nil {
		return // it is gone
	}
	kind := st.Mode & unix.S_IFMT
	hollow := kind == unix.S_IFLNK || kind == unix.S_IFIFO || kind == unix.S_IFSOCK
	if c.moved <= maxMoved && !roomIn(Quarantine(config.Dir)) {
		c.moved = maxMoved // it need not be asked again
		c.overflow(config, from, hollow, reason, now)
		return
	}
	if c.moved > maxMoved || !c.refused.room(c.payer(st.Uid, now), config.MessagesPerHour, now) {
		c.overflow(config, from, hollow, reason, now)
		return
	}
	c.refused.take(c.payer(st.Uid, now), 1, config.MessagesPerHour, now)
	if kind == unix.S_IFLNK {
		target, _ := os.Readlink(from) // it may be gone
		reason = fmt.Errorf("%w to %s", reason, shown(target))
	}
	to, err := c.keep(config, name, hollow, reason, now)
	if err != nil {
		c.Log.Error("file not quarantined", "name", name, "err", err)
	}
	c.Log.Warn("dropped file quarantined", "name", name, "to", to, "user_id", st.Uid, "err", reason)
	c.alarm(config, cause, fmt.Sprintf("A file in %s was not sent: %v.\nIt is kept as %s.", config.Dir, reason, to), now)
}

// keep moves a file to the quarantine, with its reason, and says where it is.
func (c *Collector) keep(config Config, name string, hollow bool, reason error, now time.Time) (string, error) {
	from := filepath.Join(config.Dir, name)
	kept := spool.NewID()[:8] + "-" + safeName(name)
	to := filepath.Join(Quarantine(config.Dir), kept)
	err := ownDir(filepath.Dir(to))
	if err == nil {
		err = durable.WriteFile(to+".why", fmt.Appendf(nil, "%s: %s\n%v\n", now.Format(time.RFC3339), shown(name), reason))
	}
	if err == nil && hollow {
		return to + ".why", durable.Remove(from)
	}
	if err == nil {
		err = durable.Rename(durable.Move{From: from, To: to})
	}
	if err == nil {
		return to, nil
	}
	// A directory of somebody else cannot be moved to another one, and the
	// quarantine may be on another mount. It is out of the way all the same.
	c.Log.Warn("file not moved to the quarantine, it stays under another name", "name", name, "err", err)
	to = filepath.Join(config.Dir, asidePrefix+kept)
	if err := durable.Rename(durable.Move{From: from, To: to}); err != nil {
		return from, err
	}
	return to, nil
}

// overflow is for what the quarantine does not take.
func (c *Collector) overflow(config Config, from string, hollow bool, reason error, now time.Time) {
	if hollow {
		_ = os.Remove(from) // the next look tries again, and nothing depends on it
	}
	if c.moved <= maxMoved || hollow {
		c.alarm(config, "quarantine", fmt.Sprintf("More files that are no mail are in %s than are kept, the last because it is %v.\nLinks, named pipes and sockets among them are removed, others wait there. Look at %s and delete what is not needed.",
			config.Dir, reason, Quarantine(config.Dir)), now)
	}
}

// roomIn says whether the quarantine may take one more file.
func roomIn(dir string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return true // it is made, or keep says why not
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxKept) // what cannot be read is told by keep
	var blocks int64
	for _, name := range names {
		var st unix.Stat_t
		if unix.Lstat(filepath.Join(dir, name), &st) == nil {
			blocks += st.Blocks
		}
	}
	return len(names) < maxKept && blocks*512 < maxKeptBytes // stat(2) counts in 512 bytes
}

// ownDir makes a directory of our own: where others may make files, one of
// somebody else may be there.
func ownDir(dir string) error {
	if err := durable.MakeDir(dir); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil || int(st.Uid) != os.Geteuid() || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("%s: %w: it belongs to somebody else", dir, fs.ErrPermission)
	}
	return nil
}

// safeName is a name that a terminal and a shell can take.
func safeName(name string) string {
	const longest = 100
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(nameChars, r) {
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), longest)]
}
