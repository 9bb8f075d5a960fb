package pickup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// settleTime is how long a file must not have changed before it is taken, when
// nothing says that it is whole: a cp(1) into the directory may still run.
const settleTime = 2 * time.Second

// What is wrong with a file of the drop directory.
var (
	// errHostile says that it is no regular file of its owner alone.
	errHostile = errors.New("not a file of its owner alone")
	// errForeign says that its owner may not be who put it there: in a directory
	// of one's own one may rename files of others (rename(2)).
	errForeign = errors.New("not readable for everybody, so it may be somebody else's; put a file in with: install -m 644 mail.eml DIRECTORY")
	errLarge   = errors.New("too large")
	// errGrowing says that it may not be whole yet.
	errGrowing = errors.New("still being written")
)

// file is one file of the drop directory, read.
type file struct {
	id    string
	owner uint32
	inode uint64
	data  []byte
}

// readFile reads a dropped file. Everybody may have made it, so it is only
// opened when it is a regular file (to open a device can set it off), opened
// without following a link and without waiting, and looked at again once it is
// open. A file with a second name may be somebody else's, and so may one that
// the sendmail command did not write and that not everybody can read anyway.
func readFile(path, name string, maxSize int64, now time.Time) (file, error) {
	var before, st unix.Stat_t
	if err := unix.Lstat(path, &before); err != nil {
		return file{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if err := regular(&before, maxSize); err != nil {
		return file{}, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ELOOP) {
		return file{}, fmt.Errorf("%w: a symbolic link", errHostile)
	}
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return file{}, fmt.Errorf("stat %s: %w", path, err)
	}
	if st.Dev != before.Dev || st.Ino != before.Ino {
		return file{}, fs.ErrNotExist // replaced meanwhile: the next look sees the other one
	}
	if err := regular(&st, maxSize); err != nil {
		return file{}, err
	}
	head := make([]byte, len(preamble))
	if n, err := f.ReadAt(head, 0); (err != nil && !errors.Is(err, io.EOF)) || !whole(head[:n]) {
		if age := now.Sub(time.Unix(st.Ctim.Unix())); age >= -settleTime && age < settleTime {
			return file{}, errGrowing
		}
		if st.Mode&unix.S_IROTH == 0 {
			return file{}, errForeign
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+maxPreamble+1))
	if err != nil {
		return file{}, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(data)) > maxSize+maxPreamble {
		return file{}, fmt.Errorf("%w: more than %d bytes", errLarge, maxSize)
	}
	return file{id: identify(f, name, &st, data), owner: st.Uid, inode: st.Ino, data: data}, nil
}

// identify is the name of a file for ever: what it holds, its inode and when
// that was made, which no rename changes. Where the file system does not keep that, it is the
// last change and the name.
func identify(f *os.File, name string, st *unix.Stat_t, data []byte) string {
	sum := sha256.Sum256(data) // an inode is used again, within one tick of the clock
	parts := []string{"pickup", hex.EncodeToString(sum[:]), strconv.FormatUint(st.Ino, 10), strconv.FormatUint(uint64(st.Uid), 10)}
	var x unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &x)
	if err == nil && x.Mask&unix.STATX_BTIME != 0 {
		return tocsin.Identify(append(parts, strconv.FormatInt(x.Btime.Sec, 10), strconv.FormatUint(uint64(x.Btime.Nsec), 10))...)
	}
	return tocsin.Identify(append(parts, name, time.Unix(st.Ctim.Unix()).UTC().Format(time.RFC3339Nano))...)
}

// regular says why a file is not taken.
func regular(st *unix.Stat_t, maxSize int64) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFLNK:
		return fmt.Errorf("%w: a symbolic link", errHostile)
	case unix.S_IFDIR:
		return fmt.Errorf("%w: a directory", errHostile)
	case unix.S_IFIFO:
		return fmt.Errorf("%w: a named pipe", errHostile)
	case unix.S_IFSOCK:
		return fmt.Errorf("%w: a socket", errHostile)
	default:
		return fmt.Errorf("%w: a device", errHostile)
	}
	if st.Nlink != 1 {
		return fmt.Errorf("%w: it has %d names (hard links)", errHostile, st.Nlink)
	}
	if st.Size > maxSize+maxPreamble {
		return fmt.Errorf("%w: %d bytes, at most %d are taken", errLarge, st.Size, maxSize)
	}
	return nil
}
