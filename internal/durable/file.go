// Package durable is the only code that makes anything durable. What it
// returns nil for survives a power cut: measured on ext4 with the power cut at
// random, a file written, synced and renamed without a sync of its directory
// was lost in half of the cuts, with it in none.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tempPrefix marks a file that is not complete yet. What a crash leaves under
// such a name was never acknowledged.
const tempPrefix = ".tmp-"

// WriteFile replaces path with data: temporary file, write, fsync, close,
// rename, fsync of the directory. On an error path is what it was before. The
// mode is 0600.
//
// After a failed fsync the kernel may drop the data and report success the
// next time, so a caller that tries again gets a new file, never the old one.
func WriteFile(path string, data []byte) error {
	return write(path, data, 0o600, -1, -1)
}

// WriteFileMode is WriteFile with a mode, which the file has before it has its
// name. As WriteFileAs does, it gives the file to the owner and the group of its
// directory when shared is set.
func WriteFileMode(path string, data []byte, mode fs.FileMode, shared bool) error {
	uid, gid := -1, -1
	if shared {
		var err error
		if uid, gid, err = ownerOf(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return write(path, data, mode, uid, gid)
}

// WriteFileAs is WriteFile, with the file given to the owner of its directory
// when the caller is root: what root hands to an agent that runs as a user of
// its own must be readable there.
func WriteFileAs(path string, data []byte) error {
	uid, gid, err := ownerOf(filepath.Dir(path))
	if err != nil {
		return err
	}
	return write(path, data, 0o600, uid, gid)
}

// ownerOf is whose a directory is, for root; nobody else gives files away.
func ownerOf(dir string) (uid, gid int, err error) {
	if os.Geteuid() != 0 {
		return -1, -1, nil
	}
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return -1, -1, fmt.Errorf("stat %s: %w", dir, err)
	}
	return int(st.Uid), int(st.Gid), nil
}

func write(path string, data []byte, mode fs.FileMode, uid, gid int) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = fill(f, data, mode, uid, gid)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return SyncDir(dir)
}

func fill(f *os.File, data []byte, mode fs.FileMode, uid, gid int) error {
	_, err := f.Write(data)
	if err == nil && uid >= 0 {
		err = f.Chown(uid, gid)
	}
	if err == nil && mode != 0o600 { // as it was made
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Move is one rename.
type Move struct{ From, To string }

// Rename makes the moves in their order and then syncs every directory that
// they touched, once each. After an error some of the moves may have been
// made; a caller repeats them all. A From that is gone while its To is there
// counts as made.
func Rename(moves ...Move) error {
	var later Later
	if err := later.Move(moves...); err != nil {
		return err
	}
	return later.Settle()
}

// Later makes moves that become durable together: every one outlives this
// process at once, and a power cut from Settle on. The zero value has none.
type Later struct{ dirs []string }

// Move is Rename without its syncs.
func (l *Later) Move(moves ...Move) error {
	for _, m := range moves {
		if err := rename(m.From, m.To); err != nil && !made(m, err) {
			return fmt.Errorf("move %s: %w", m.From, err)
		}
		l.dirs = appendNew(l.dirs, filepath.Dir(m.To))
		l.dirs = appendNew(l.dirs, filepath.Dir(m.From))
	}
	return nil
}

// rename is os.Rename, which would look at to first. FUSE and network file systems
// let signals interrupt it, and the Go runtime sends itself signals.
func rename(from, to string) error {
	for {
		if err := unix.Rename(from, to); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Settle makes the moves durable. After an error it is to be called again.
func (l *Later) Settle() error {
	for len(l.dirs) > 0 {
		if err := SyncDir(l.dirs[0]); err != nil {
			return err
		}
		l.dirs = l.dirs[1:]
	}
	return nil
}

func made(m Move, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(m.To)
	return err == nil
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Remove deletes path durably. That it is gone already is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// MakeDir makes dir with mode 0700, and its parents with 0755, durably. That
// it exists is no error, unless it is something else than a directory.
func MakeDir(dir string) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // parents such as /var/lib are everybody's
		return fmt.Errorf("make directory %s: %w", dir, err)
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := os.Stat(dir)
		if statErr == nil && !info.IsDir() {
			return fmt.Errorf("make directory %s: %w", dir, syscall.ENOTDIR)
		}
		return statErr
	}
	if err != nil {
		return fmt.Errorf("make directory %s: %w", dir, err)
	}
	return SyncDir(parent)
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// Sweep deletes what unfinished writes left in dir, if it is older than age.
// An age of 0 is for a directory that nobody else writes to.
func Sweep(dir string, age time.Duration, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dir, err)
	}
	var failed error
	for _, entry := range entries {
		if !IsTemp(entry.Name()) {
			continue
		}
		info, err := entry.Info()
		if err != nil || (age > 0 && now.Sub(info.ModTime()) < age) {
			continue // a race with its writer, or still being written
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = fmt.Errorf("sweep %s: %w", dir, err) // the others go all the same
		}
	}
	return failed
}

// IsTemp says whether name is that of an unfinished write.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }
