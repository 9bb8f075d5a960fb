package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pathKey tells whether something at a path is the same and unchanged, but for
// having been read.
type pathKey struct {
	dev, inode   uint64
	size         int64
	mtime, ctime unix.Timespec
}

func keyOf(s *unix.Stat_t) pathKey {
	return pathKey{dev: s.Dev, inode: s.Ino, size: s.Size, mtime: s.Mtim, ctime: s.Ctim}
}

// pathLook is one look at a path: the calls that may hang. It runs beside
// Read, so it changes nothing of the reader.
type pathLook struct {
	path          string
	wanted        map[string]bool // as of a draft
	grep          *grep
	cursor        *cursor
	sums          []string
	digest        *digest
	busy          func() (over func()) // hears of much to compute
	entries, ages bool
}

// pathFacts is what a look has found.
type pathFacts struct {
	at   time.Time
	err  error // of stat(2): nothing else is known then
	stat unix.Stat_t

	symlink            bool
	linkErr            error
	target             string
	targetErr          error
	owner, group       string
	news               news
	newsErr            error
	digest             *digest
	digestErr          error
	entries            entries
	entriesErr         error
	grepped, inventory bool // news and entries were asked for
}

// gone says that there is nothing at the path.
func (f *pathFacts) gone() bool {
	return errors.Is(f.err, fs.ErrNotExist) || errors.Is(f.err, unix.ENOTDIR)
}

func (f *pathFacts) key() pathKey {
	if f.err != nil {
		return pathKey{}
	}
	return keyOf(&f.stat)
}

// stat is stat(2). FUSE and network file systems let signals interrupt it, and
// the Go runtime sends itself signals.
func stat(path string, to *unix.Stat_t) error {
	for {
		if err := unix.Stat(path, to); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// muchNews is what is appended to a file and takes a while to search.
const muchNews = 1 << 20

func (l *pathLook) wants(name string) bool { return l.wanted == nil || l.wanted[name] }

func (l *pathLook) look(ctx context.Context) pathFacts {
	f := pathFacts{at: time.Now(), grepped: l.grep != nil, inventory: l.entries}
	if f.err = stat(l.path, &f.stat); f.err != nil {
		if l.grep != nil && f.gone() {
			f.news = l.cursor.missing()
		}
		return f
	}
	if l.wants("symlink") {
		info, err := os.Lstat(l.path)
		f.symlink, f.linkErr = err == nil && info.Mode()&fs.ModeSymlink != 0, err
	}
	if l.wants("target") {
		f.target, f.targetErr = filepath.EvalSymlinks(l.path)
	}
	if l.wants("owner") {
		f.owner = userName(strconv.FormatUint(uint64(f.stat.Uid), 10))
	}
	if l.wants("group") {
		f.group = groupName(strconv.FormatUint(uint64(f.stat.Gid), 10))
	}
	if l.grep != nil {
		if l.cursor != nil && f.stat.Size > l.cursor.offset+muchNews {
			over := l.busy()
			defer over()
		}
		f.news, f.newsErr = l.grep.read(ctx, l.path, &f.stat, l.cursor)
	}
	if len(l.sums) > 0 {
		f.digest, f.digestErr = l.digest.read(ctx, l.path, &f.stat, l.sums, l.busy)
	}
	if l.entries {
		f.entries, f.entriesErr = readEntries(ctx, l.path, &f.stat, l.ages)
	}
	return f
}

// errNotRegular is for what has no content to read.
var errNotRegular = errors.New("not a regular file")

// openSame opens what stat(2) has found, and nothing else: to open a pipe or a
// device may wait, or do something. The reading leaves no trace in atime where
// the kernel allows (open(2), O_NOATIME).
func openSame(path string, found *unix.Stat_t, flags int) (*os.File, error) {
	flags |= unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := unix.Open(path, flags|unix.O_NOATIME, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, flags|unix.O_NOATIME, 0)
	}
	if errors.Is(err, unix.EPERM) {
		fd, err = unix.Open(path, flags, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	var file unix.Stat_t
	if err := unix.Fstat(fd, &file); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	if file.Dev != found.Dev || file.Ino != found.Ino || file.Mode&unix.S_IFMT != found.Mode&unix.S_IFMT {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open %q: it was replaced meanwhile", path)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openRegular is openSame for a regular file.
func openRegular(path string, found *unix.Stat_t) (*os.File, error) {
	if found.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("read %q: %w but a %s", path, errNotRegular, typeName(found.Mode))
	}
	return openSame(path, found, 0)
}

// typeName is the type of a file in words (inode(7)).
func typeName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "regular"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR:
		return "character device"
	case unix.S_IFBLK:
		return "block device"
	default:
		return "unknown"
	}
}

// describe sets the metrics of what is there.
func (f *pathFacts) describe(d *draft) {
	s := &f.stat
	d.text("type", typeName(s.Mode))
	if d.wants("mode") {
		d.text("mode", fmt.Sprintf("%04o", s.Mode&0o7777))
	}
	if d.wants("inode") {
		d.text("inode", strconv.FormatUint(s.Ino, 10))
	}
	d.number("links", float64(s.Nlink))
	d.number("uid", float64(s.Uid))
	d.number("gid", float64(s.Gid))
	d.text("owner", f.owner)
	d.text("group", f.group)
	if s.Mode&unix.S_IFMT == unix.S_IFREG {
		d.number("size", float64(s.Size))
	}
	later := s.Mtim
	if s.Ctim.Nano() > later.Nano() {
		later = s.Ctim
	}
	d.number("age", ageAt(f.at, later))
	for _, of := range []struct {
		age, time string
		at        unix.Timespec
	}{{"atime.age", "atime.time", s.Atim}, {"ctime.age", "ctime.time", s.Ctim}, {"mtime.age", "mtime.time", s.Mtim}} {
		d.number(of.age, ageAt(f.at, of.at))
		if d.wants(of.time) {
			d.text(of.time, time.Unix(of.at.Unix()).UTC().Format(time.RFC3339Nano))
		}
	}
	if f.linkErr != nil {
		d.fail(f.linkErr, "symlink")
	} else {
		d.truth("symlink", f.symlink)
	}
	if f.targetErr != nil {
		d.fail(f.targetErr, "target")
	} else {
		d.text("target", f.target)
	}
	f.describeContent(d)
}

// describeContent sets the metrics of what is in it.
func (f *pathFacts) describeContent(d *draft) {
	switch {
	case !f.grepped:
	case f.newsErr != nil:
		d.fail(f.newsErr, contentMetrics()...)
	default:
		d.number("content.matches", float64(f.news.matches))
		d.number("content.unread", float64(f.news.unread))
		if f.news.matches > 0 {
			d.text("content.line", f.news.line)
		}
	}
	for _, name := range checksums() {
		switch {
		case f.digestErr != nil:
			d.fail(f.digestErr, name)
		case f.digest != nil && f.digest.sums[name] != "":
			d.text(name, f.digest.sums[name])
		}
	}
	switch {
	case !f.inventory:
	case f.entriesErr != nil:
		d.fail(f.entriesErr, "entries", "newest.age", "oldest.age")
	default:
		f.entries.describe(d, f.at)
	}
}

// ageAt is the seconds since then, 0 for a time to come.
func ageAt(now time.Time, then unix.Timespec) float64 {
	return max(0, now.Sub(time.Unix(then.Unix())).Seconds())
}
