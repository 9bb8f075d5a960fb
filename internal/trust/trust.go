// Package trust says who else could change or replace what a path leads to: a
// program before it is run, a rule file before it is read.
package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may lead over, as the kernel's
// own limit (path_resolution(7)).
const maxLinks = 40

// Fault is a file, a directory or a link that somebody else may change.
type Fault struct {
	Path         string
	Owner, Group uint32
	Mode         fs.FileMode
	Foreign      bool // its owner is that somebody; else its mode is too wide
}

// String names the file and says what is wrong with it.
func (f Fault) String() string {
	if f.Foreign {
		return fmt.Sprintf("%s belongs to the user %d", f.Path, f.Owner)
	}
	return fmt.Sprintf("%s has the mode %04o; chmod go-w it", f.Path, f.Mode.Perm())
}

// Faults finds who could change or replace what is at an absolute path: it, the
// directories above it and the symbolic links that lead to it are to belong to
// root or to one of the users, and nobody else may write to them. In a
// directory like /tmp nobody may touch what is not theirs; but when the path
// ends in one, everybody may add to it.
func Faults(path string, users ...uint32) ([]Fault, error) {
	w := walk{users: append([]uint32{0}, users...)}
	rest := steps(path)
	if err := w.look("/", len(rest) == 0); err != nil {
		return nil, err
	}
	for dir, links := "/", 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		if step == ".." {
			dir = filepath.Dir(dir) // it has no links any more, and was looked at
			continue
		}
		next := filepath.Join(dir, step)
		if err := w.look(next, len(rest) == 0); err != nil {
			return nil, err
		}
		target, err := os.Readlink(next)
		if errors.Is(err, syscall.EINVAL) { // no link
			dir = next
			continue
		}
		if err != nil {
			return nil, err
		}
		if links++; links > maxLinks {
			return nil, &fs.PathError{Op: "readlink", Path: path, Err: syscall.ELOOP}
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = append(steps(target), rest...)
	}
	return w.faults, nil
}

// steps are the names of a path, with each "..": where that leads to is known
// only when the links before it were followed (path_resolution(7)).
func steps(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

type walk struct {
	users  []uint32
	faults []Fault
}

// look adds what is wrong with one file, directory or link. A link has no mode;
// who may write to its directory may replace it.
func (w *walk) look(path string, last bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // on Linux it is nothing else
	f := Fault{Path: path, Owner: stat.Uid, Group: stat.Gid, Mode: info.Mode(), Foreign: !slices.Contains(w.users, stat.Uid)}
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0 && !last
	open := info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0 && !sticky
	known := func(other Fault) bool { return other.Path == path } // two links may lead over it
	if (f.Foreign || open) && !slices.ContainsFunc(w.faults, known) {
		w.faults = append(w.faults, f)
	}
	return nil
}
