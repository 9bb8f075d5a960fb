package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Drop writes the new file name with data into dir, for the owner of dir: a
// directory that the caller may write to but, as a rule, not read (mode 1733).
// The file is durable and whole, or not there. Its mode is 0600 and its owner
// is the caller, which is how the owner of dir knows who wrote it.
//
// A directory that cannot be opened cannot be synced either. fsync(2) of the
// file alone promises nothing of its name, so there the whole file system is
// synced (syncfs(2)), which does.
func Drop(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return fmt.Errorf("drop into %s: %w", dir, err)
	}
	temp := f.Name()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("drop into %s: %w", dir, errors.Join(err, f.Close(), os.Remove(temp)))
	}
	err = SyncDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		err = unix.Syncfs(int(f.Fd()))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		// Its durability is unknown, and the caller tells its own caller to try
		// again: better once than twice.
		return fmt.Errorf("drop into %s: %w", dir, errors.Join(err, os.Remove(filepath.Join(dir, name))))
	}
	return nil
}

// MakeDropDir makes dir, where everybody may drop files and only its owner
// sees them: mode 1733. Its parent, where it is missing, gets 0755, whatever the
// umask. A directory that is there and belongs to the caller gets the mode; one
// of somebody else is left as it is, and is an error: who owns it could replace
// what others drop.
func MakeDropDir(dir string) error {
	var st unix.Stat_t
	err := unix.Lstat(dir, &st)
	if errors.Is(err, fs.ErrNotExist) {
		return newDropDir(dir)
	}
	switch {
	case err != nil:
		return fmt.Errorf("stat %s: %w", dir, err)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("make drop directory %s: %w", dir, unix.ENOTDIR)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("make drop directory %s: %w: it belongs to the user with the number %d, not to %d", dir, fs.ErrPermission, st.Uid, os.Geteuid())
	case st.Mode&0o7777 == dropMode:
		return nil
	}
	if err := unix.Chmod(dir, dropMode); err != nil {
		return fmt.Errorf("chmod %s: %w", dir, err)
	}
	return SyncDir(dir)
}

// newDropDir makes the directory under another name first: it is there with its
// mode or not at all.
func newDropDir(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Lstat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := MakeDir(parent); err != nil {
			return err
		}
		if err := os.Chmod(parent, 0o755); err != nil { //nolint:gosec // everybody passes through it
			return fmt.Errorf("make drop directory %s: %w", dir, err)
		}
	}
	temp, err := os.MkdirTemp(parent, tempPrefix+"*")
	if err == nil {
		err = unix.Chmod(temp, dropMode)
	}
	if err == nil {
		err = os.Rename(temp, dir)
	}
	if err != nil {
		return fmt.Errorf("make drop directory %s: %w", dir, errors.Join(err, removeTemp(temp)))
	}
	return SyncDir(parent)
}

func removeTemp(temp string) error {
	if temp == "" {
		return nil
	}
	return os.Remove(temp)
}

// dropMode is rwx-wx-wt: all may make files, their owners alone may rename or
// remove them, and nobody but the directory's owner sees their names.
const dropMode = unix.S_ISVTX | 0o733
