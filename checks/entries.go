package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// The limits of a directory. Ages take a call for each entry.
const (
	maxEntries = 100_000
	maxAges    = 10_000
)

// entries is what is in a directory.
type entries struct {
	count          int
	newest, oldest unix.Timespec // by mtime
	dated          int           // entries with a time
	tooMany        error         // why there are no ages
}

func (e *entries) describe(d *draft, now time.Time) {
	d.number("entries", float64(e.count))
	if e.tooMany != nil {
		d.fail(e.tooMany, "newest.age", "oldest.age")
		return
	}
	if e.dated > 0 {
		d.number("newest.age", ageAt(now, e.newest))
		d.number("oldest.age", ageAt(now, e.oldest))
	}
}

// readEntries counts the entries of a directory. Links in it are not followed.
func readEntries(ctx context.Context, path string, found *unix.Stat_t, ages bool) (entries, error) {
	var e entries
	if found.Mode&unix.S_IFMT != unix.S_IFDIR {
		return e, fmt.Errorf("read %q: not a directory but of type %s", path, typeName(found.Mode))
	}
	dir, err := openSame(path, found, unix.O_DIRECTORY)
	if err != nil {
		return e, err
	}
	defer func() { _ = dir.Close() }() // it was only read
	fd := int(dir.Fd())
	for {
		names, err := dir.Readdirnames(1024)
		e.count += len(names)
		switch {
		case ctx.Err() != nil:
			return e, fmt.Errorf("read %q: %d entries were all that there was time for", path, e.count)
		case errors.Is(err, io.EOF):
			return e, nil
		case err != nil:
			return e, fmt.Errorf("read directory: %w", err)
		case e.count > maxEntries:
			return e, fmt.Errorf("read %q: more than %d entries", path, maxEntries)
		case ages && e.count > maxAges:
			e.tooMany = fmt.Errorf("read %q: ages of more than %d entries", path, maxAges)
			continue
		}
		for i := 0; ages && i < len(names) && ctx.Err() == nil; i++ {
			e.date(fd, names[i])
		}
	}
}

// date takes the time of one entry. One that has gone meanwhile has none.
func (e *entries) date(dir int, name string) {
	var s unix.Stat_t
	if unix.Fstatat(dir, name, &s, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return
	}
	if e.dated == 0 || s.Mtim.Nano() > e.newest.Nano() {
		e.newest = s.Mtim
	}
	if e.dated == 0 || s.Mtim.Nano() < e.oldest.Nano() {
		e.oldest = s.Mtim
	}
	e.dated++
}
