package pickup

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/durable"
)

// maxSeen is how many names of the drop directory one look reads at most.
const maxSeen = 100_000

// candidate is a file in the drop directory that may be mail.
type candidate struct {
	name    string
	owner   uint32
	size    int64
	changed time.Time
}

// scan reads the names of the drop directory. It goes on where it stopped at
// the last look, so that no number of names hides the others for ever.
type scan struct {
	path string
	dir  *os.File // nil when the next look begins anew
	most int      // names of one look; 0 means maxSeen
}

// next names what may be mail among the next maxSeen names, by age, and says
// whether those are all. Names that begin with a dot or end with .tmp are those
// of files that are being written.
func (s *scan) next(ctx context.Context, path string) (found []candidate, all bool, err error) {
	if s.dir == nil || s.path != path {
		s.close()
		if s.dir, err = os.Open(path); err != nil {
			s.dir = nil
			return nil, false, err
		}
		s.path = path
	}
	for seen := 0; seen < cmp.Or(s.most, maxSeen) && ctx.Err() == nil; {
		names, err := s.dir.Readdirnames(1000)
		seen += len(names)
		for _, name := range names {
			if unfinished(name) {
				continue
			}
			var st unix.Stat_t
			if unix.Lstat(filepath.Join(path, name), &st) == nil { // else it is gone
				found = append(found, candidate{name, st.Uid, st.Size, time.Unix(st.Ctim.Unix())})
			}
		}
		if len(names) == 0 || err != nil {
			s.close()
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, false, err
			}
			all = true
			break
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return a.changed.Compare(b.changed) })
	return found, all, nil
}

func (s *scan) close() {
	if s.dir != nil {
		_ = s.dir.Close() // it was only read
		s.dir = nil
	}
}

func unfinished(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp")
}

// Sweep removes what programs left that were ended while they wrote: files with
// a name of an unfinished one that have not changed for an hour. What a look
// had to leave under such a name is kept; a directory goes when it is empty.
func (c *Collector) Sweep(ctx context.Context, now time.Time) error {
	path := c.Config().Dir
	if path == "" {
		return nil
	}
	dir, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // Look says so
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	swept := 0
	for ctx.Err() == nil {
		names, err := dir.Readdirnames(1000)
		for _, name := range names {
			if unfinished(name) && sweep(filepath.Join(path, name), now) {
				swept++
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(names) == 0 {
			break
		}
		if err != nil {
			return err
		}
	}
	if swept == 0 {
		return nil
	}
	c.Log.Info("unfinished files removed", "dir", path, "files", swept)
	return durable.SyncDir(path)
}

// sweep goes by the time that no user can set.
func sweep(path string, now time.Time) bool {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || now.Sub(time.Unix(st.Ctim.Unix())) < tempAge {
		return false
	}
	regular := st.Mode&unix.S_IFMT == unix.S_IFREG
	if regular && strings.HasPrefix(filepath.Base(path), asidePrefix) {
		return false
	}
	return os.Remove(path) == nil
}
