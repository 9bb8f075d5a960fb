package durable

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// logAhead is how much room a log holds in advance. Records that fit into it
// need no new block, so that they can still be written when the disk is full.
const logAhead = 64 << 10

// maxLogSize bounds what OpenLog reads; a larger file is none of ours.
const maxLogSize = 64 << 20

const damagedExt = ".damaged"

// maxTorn is how long a record may be of which a crash left the beginning.
const maxTorn = 4 << 10

// ErrNoLog says that the file of a log is something else.
var ErrNoLog = errors.New("not a log")

// Log is an append-only file of one-line records, each with a checksum. A
// record is durable when Append returns nil. It is not safe for concurrent
// use.
type Log struct {
	path string
	file *os.File
	size int64 // of the records
	room int64 // allocated
	lost int
}

// OpenLog opens or makes the log at path and hands each record to replay, in
// order. A torn record at the end was never acknowledged and is cut off. A
// damaged one, or an end that is none, is passed over, and the file as it was kept
// beside it, with ".damaged" at its name: Lost says how many bytes those
// were, and the caller decides what that means and rewrites the log. An ErrNewer
// of replay ends it: the file is left as it is.
func OpenLog(path string, replay func(record []byte) error) (*Log, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{path: path, file: f}
	if err := l.load(replay); err != nil {
		return nil, fmt.Errorf("open log %s: %w", path, errors.Join(err, f.Close()))
	}
	return l, nil
}

// Lost is how many bytes of damaged records OpenLog passed over.
func (l *Log) Lost() int { return l.lost }

// ReadLog hands the records of the log at path to replay without changing the
// file, whoever writes to it. Damaged records are passed over. A log that is
// not there has none.
func ReadLog(path string, replay func(record []byte) error) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	l := &Log{path: path, file: f}
	_, err = l.scan(replay)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read log %s: %w", path, err)
	}
	return nil
}

func (l *Log) load(replay func([]byte) error) error {
	data, err := l.scan(replay)
	if err != nil {
		return err
	}
	if l.lost > 0 {
		_ = WriteFile(l.path+damagedExt, data) // for a person; on a full disk the log goes on without
	}
	// Cut the torn tail off, so that it never stands before a new record.
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	l.room = l.size
	l.reserve()
	return errors.Join(l.file.Sync(), SyncDir(filepath.Dir(l.path)))
}

// scan reads the records and finds where they end. It returns the whole file.
func (l *Log) scan(replay func([]byte) error) ([]byte, error) {
	info, err := l.file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLogSize {
		return nil, fmt.Errorf("%w: not a regular file of at most %d bytes", ErrNoLog, maxLogSize)
	}
	all, err := io.ReadAll(io.LimitReader(l.file, maxLogSize))
	if err != nil {
		return nil, err
	}
	all = bytes.TrimRight(all, "\x00") // the room ahead
	for data := all; len(data) > 0; {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		if !whole {
			if !torn(line) {
				l.lost += len(line)
			}
			break // never acknowledged, and cut off
		}
		record, ok := unseal(line)
		err := error(nil)
		if ok {
			err = replay(record)
		}
		if errors.Is(err, ErrNewer) {
			return nil, err
		}
		if !ok || err != nil {
			l.lost += len(line) + 1
		}
		l.size += int64(len(line)) + 1
		data = rest
	}
	return all, nil
}

// reserve allocates room ahead. That it cannot is no error: the next append
// says so if it matters.
func (l *Log) reserve() {
	if unix.Fallocate(int(l.file.Fd()), 0, l.size, logAhead) == nil {
		l.room = l.size + logAhead
	}
}

// Append adds a record, which holds no line feed, and makes it durable. After
// an error the record may or may not be found again.
func (l *Log) Append(record []byte) error {
	if err := l.Note(record); err != nil {
		return err
	}
	return l.Commit()
}

// Commit makes durable what was noted.
func (l *Log) Commit() error {
	if err := unix.Fdatasync(int(l.file.Fd())); err != nil {
		return fmt.Errorf("append to %s: fdatasync: %w", l.path, err)
	}
	return nil
}

// Note adds a record like Append, but only the next Append or Commit makes it
// durable: until then it outlives this process and not a power cut.
func (l *Log) Note(record []byte) error {
	if bytes.ContainsAny(record, "\n\x00") {
		return fmt.Errorf("append to %s: record with a line feed or NUL", l.path)
	}
	line := seal(record)
	if l.size+int64(len(line)) > l.room-logAhead/2 {
		l.reserve() // early, so that half of it is left when the disk fills up
	}
	if _, err := l.file.WriteAt(line, l.size); err != nil {
		return fmt.Errorf("append to %s: %w", l.path, err)
	}
	l.size += int64(len(line))
	return nil
}

// Size is how many bytes of records the log holds.
func (l *Log) Size() int64 { return l.size }

// Rewrite replaces all records, atomically. On an error the log goes on with
// the old ones.
func (l *Log) Rewrite(records [][]byte) error {
	var all []byte
	for _, record := range records {
		all = append(all, seal(record)...)
	}
	if err := WriteFile(l.path, all); err != nil {
		return fmt.Errorf("rewrite log: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("rewrite log: %w", err)
	}
	old := l.file
	l.file, l.size, l.room = f, int64(len(all)), int64(len(all))
	l.reserve()
	return errors.Join(l.file.Sync(), old.Close())
}

// Close closes the file. Nothing is pending.
func (l *Log) Close() error { return l.file.Close() }

// seal puts the checksum of a record before it.
func seal(record []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(record), record)
}

// torn says whether the end of a log is the beginning of a record, and not what
// something else has put there.
func torn(end []byte) bool {
	sum := end[:min(len(end), 8)]
	return len(end) <= maxTorn && len(bytes.Trim(sum, "0123456789abcdef")) == 0 && (len(end) <= 8 || end[8] == ' ')
}

func unseal(line []byte) ([]byte, bool) {
	sum, record, ok := bytes.Cut(line, []byte{' '})
	if !ok || len(sum) != 8 {
		return nil, false
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	return record, err == nil && uint32(want) == crc32.ChecksumIEEE(record)
}
