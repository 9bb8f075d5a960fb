package program

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

// ErrUnsafe is for a program that somebody else than its owner could have
// changed.
var ErrUnsafe = errors.New("others may write to it")

// maxLinks is how many symbolic links a path may lead over, as the kernel's
// own limit (path_resolution(7)).
const maxLinks = 40

// trusted refuses a program that others could have changed or replaced: it,
// the directories above it and the symbolic links that lead to it belong to
// root, to the agent or to the user it runs as, and nobody else may write to
// them. In a directory like /tmp nobody may touch what is not theirs.
func trusted(path string, who *account) error {
	if info, err := os.Stat(path); err != nil {
		return fmt.Errorf("start: %w", cause(err))
	} else if info.IsDir() {
		return errors.New("start: it is a directory")
	}
	if err := ours("/", who); err != nil {
		return err
	}
	rest := steps(path)
	for dir, links := "/", 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		if step == ".." {
			dir = filepath.Dir(dir) // it has no links any more, and was looked at
			continue
		}
		next := filepath.Join(dir, step)
		if err := ours(next, who); err != nil {
			return err
		}
		target, err := os.Readlink(next)
		if errors.Is(err, syscall.EINVAL) { // no link
			dir = next
			continue
		}
		if err != nil {
			return fmt.Errorf("start: %w", cause(err))
		}
		if links++; links > maxLinks {
			return fmt.Errorf("start: %w", syscall.ELOOP)
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = append(steps(target), rest...)
	}
	return nil
}

// steps are the names of a path, with each "..": where that leads to is known
// only when the links before it were followed (path_resolution(7)).
func steps(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

// ours says what is wrong with one file, directory or link. A link has no mode;
// who may write to its directory may replace it.
func ours(path string, who *account) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("start: %w", cause(err))
	}
	owner := info.Sys().(*syscall.Stat_t).Uid //nolint:forcetypeassert // on Linux it is nothing else
	if owner != 0 && int(owner) != os.Geteuid() && owner != who.uid {
		return fmt.Errorf("start: %w: %s belongs to the user %d", ErrUnsafe, path, owner)
	}
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
	if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0 && !sticky {
		return fmt.Errorf("start: %w: %s has the mode %04o; chmod go-w it", ErrUnsafe, path, info.Mode().Perm())
	}
	return nil
}

// cause leaves out the path, which the reader knows.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
