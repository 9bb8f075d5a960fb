package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The bounds of a walk.
const (
	maxEntries     = 200_000
	maxDirectories = 50_000
	maxDepth       = 64
	maxLinks       = 50_000 // files with more than one name
	batch          = 256    // names read at a time
)

// errEnough is for a walk that came to its bounds.
var errEnough = errors.New("enough")

// tree is what a walk found, level by level: the directories of a level before
// those of the next, so that one that is cut off has been everywhere a little.
type tree struct {
	root    string
	device  uint64
	nodes   []node
	entries int
	links   map[uint64]bool // inodes with more than one name, counted once
	// unread counts directories that could not be read.
	unread int
}

// node is one directory. Its parent stands before it.
type node struct {
	name   string
	parent int32 // -1 of the root
	depth  int32
	bytes  int64 // on disk: of the directory and the files in it, then of all below
	deep   int64 // of the one directory in it that holds the most
}

// walk counts what a directory holds, on its own file system, without following
// a symbolic link. An error says why it is not all; what was found until then is
// in the tree.
func walk(ctx context.Context, root string) (*tree, error) {
	t := &tree{root: root, links: make(map[uint64]bool)}
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return t, fmt.Errorf("open %q: %w", root, err)
	}
	defer func() { _ = unix.Close(fd) }() // only read
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return t, fmt.Errorf("stat %q: %w", root, err)
	}
	t.device = s.Dev
	t.nodes = append(t.nodes, node{parent: -1, bytes: s.Blocks * 512})
	for i := 0; i < len(t.nodes); i++ {
		err := t.read(ctx, fd, i)
		switch {
		case errors.Is(err, errEnough):
			return t, fmt.Errorf("more than %d files", t.entries)
		case ctx.Err() != nil:
			return t, fmt.Errorf("cut off after %s and %d files", patience, t.entries)
		case err != nil:
			t.unread++ // it went, or became something else
		}
	}
	return t, nil
}

// read counts the files of one directory and puts its directories at the end.
func (t *tree) read(ctx context.Context, root, at int) error {
	fd, err := descend(root, t.parts(at))
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), t.path(at))
	defer dir.Close()
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		names, err := dir.Readdirnames(batch)
		for _, name := range names {
			if err := t.count(fd, at, name); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %q: %w", t.path(at), err)
		}
	}
}

// count takes in one entry of a directory.
func (t *tree) count(fd, at int, name string) error {
	if t.entries++; t.entries > maxEntries {
		t.entries--
		return errEnough
	}
	var s unix.Stat_t
	if err := unix.Fstatat(fd, name, &s, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT); err != nil || s.Dev != t.device {
		return nil // gone meanwhile, or of another file system
	}
	depth := t.nodes[at].depth + 1
	if s.Mode&unix.S_IFMT == unix.S_IFDIR {
		if depth > maxDepth {
			t.nodes[at].bytes += s.Blocks * 512
			return nil // its links are those of the directories in it
		}
		if len(t.nodes) >= maxDirectories {
			return errEnough
		}
		t.nodes = append(t.nodes, node{name: name, parent: int32(at), depth: depth, bytes: s.Blocks * 512}) //nolint:gosec // At most maxDirectories.
		return nil
	}
	if s.Nlink > 1 {
		if t.links[s.Ino] || len(t.links) >= maxLinks {
			return nil
		}
		t.links[s.Ino] = true
	}
	t.nodes[at].bytes += s.Blocks * 512
	return nil
}

// descend opens a directory below root, one part of its path at a time: no part
// is followed if it is a symbolic link.
func descend(root int, parts []string) (int, error) {
	const how = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	at := root
	for _, part := range parts {
		next, err := unix.Openat(at, part, how|unix.O_PATH, 0)
		if at != root {
			_ = unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at = next
	}
	fd, err := unix.Openat(at, ".", how|unix.O_RDONLY, 0)
	if at != root {
		_ = unix.Close(at)
	}
	return fd, err
}

// parts are the names on the way from the root to a directory.
func (t *tree) parts(at int) []string {
	parts := make([]string, t.nodes[at].depth)
	for i := len(parts) - 1; i >= 0; i-- {
		parts[i] = t.nodes[at].name
		at = int(t.nodes[at].parent)
	}
	return parts
}

// path is where a directory is.
func (t *tree) path(at int) string {
	if at == 0 {
		return t.root
	}
	return strings.TrimSuffix(t.root, "/") + "/" + strings.Join(t.parts(at), "/")
}
