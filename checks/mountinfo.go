package checks

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxMountinfo = 16 << 20 // bytes; some 20,000 containers
	mountsAge    = 200 * time.Millisecond
	placesAge    = 30 * time.Second // at most, without news
)

// mount is one line of proc(5) mountinfo.
type mount struct {
	device  uint64 // st_dev of files on it, in the kernel's encoding
	point   string
	kind    string // the type of the file system
	source  string // the device, export or image
	options string // of the mount and of its file system, as findmnt(8) joins them
	root    string // the directory of the file system that is seen at point; "/" but for bind mounts and subvolumes
}

// readonly says whether the mount or its file system refuses writes.
func (m mount) readonly() bool { return m.options == "ro" || strings.HasPrefix(m.options, "ro,") }

// parseMounts reads proc(5) mountinfo. A line that is no mount is left out:
// the kernel may add fields that this version does not know.
func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.SplitSeq(text, "\n") {
		if m, ok := parseMount(line); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// parseMount reads one line of proc(5) mountinfo:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMount(line string) (mount, bool) {
	fields := strings.Split(line, " ")
	// Optional fields stand between the sixth field and a single hyphen.
	if len(fields) < 10 {
		return mount{}, false
	}
	end := slices.Index(fields[6:], "-")
	if end < 0 || len(fields) < 6+end+4 {
		return mount{}, false
	}
	device, ok := parseDevice(fields[2])
	point := unescapeOctal(fields[4])
	if !ok || !strings.HasPrefix(point, "/") {
		return mount{}, false
	}
	rest := fields[6+end+1:]
	return mount{
		device:  device,
		point:   point,
		kind:    unescapeOctal(rest[0]),
		source:  unescapeOctal(rest[1]),
		options: joinOptions(fields[5], rest[2]),
		root:    unescapeOctal(fields[3]),
	}, true
}

// parseDevice reads MAJOR:MINOR.
func parseDevice(text string) (uint64, bool) {
	before, after, ok := strings.Cut(text, ":")
	major, err1 := strconv.ParseUint(before, 10, 32)
	minor, err2 := strconv.ParseUint(after, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, false
	}
	return unix.Mkdev(uint32(major), uint32(minor)), true
}

// unescapeOctal undoes the kernel's escapes for blank, tab, newline, backslash
// and number sign: a backslash and three octal digits.
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// joinOptions joins the options of a mount with those of its file system. The
// first word is ro when either is read-only: a file system that is mounted
// again read-only after an error says so only in its own options.
func joinOptions(ofMount, ofSystem string) string {
	words := []string{"rw"}
	for word := range strings.SplitSeq(ofMount+","+ofSystem, ",") {
		switch {
		case word == "ro":
			words[0] = "ro"
		case word == "rw" || word == "" || slices.Contains(words, word):
		default:
			words = append(words, unescapeOctal(word))
		}
	}
	return strings.Join(words, ",")
}

// mountAt is the mount whose point is path; the last one hides the others.
func mountAt(mounts []mount, path string) (mount, bool) {
	for _, m := range slices.Backward(mounts) {
		if m.point == path {
			return m, true
		}
	}
	return mount{}, false
}

// mountOf is the mount that path, without symbolic links, is on.
func mountOf(mounts []mount, path string) (mount, bool) {
	for {
		if m, ok := mountAt(mounts, path); ok {
			return m, true
		}
		if path == "/" || path == "." {
			return mount{}, false
		}
		path = filepath.Dir(path)
	}
}

// mountFrom is the mount of a block device. Some file systems, such as btrfs,
// have a device number of their own, so the name counts as well.
func mountFrom(mounts []mount, device uint64, names ...string) (mount, bool) {
	for _, m := range mounts {
		if m.device == device || slices.Contains(names, m.source) {
			return m, true
		}
	}
	return mount{}, false
}

// place is where the mount of a check is found in a table of mounts. The zero
// value is nowhere.
type place struct {
	path   string // without symbolic links, but for a device
	node   string // of a block device, without symbolic links; "" for another path
	device uint64 // its number
}

// find is the mount there.
func (p place) find(mounts []mount) (mount, bool) {
	if p.node != "" {
		return mountFrom(mounts, p.device, p.path, p.node)
	}
	return mountOf(mounts, p.path)
}

// mountList remembers the mounts of a host for all its readers.
type mountList struct {
	mu     sync.Mutex
	at     time.Time
	raw    string
	parsed []mount
	buf    []byte // of the file
	news   int    // the file, which says whether a mount was made or taken away; 0 before it is open, negative when it cannot
	stale  bool   // something has changed since parsed was read
}

// mountTable is what PID 1 has mounted, or where that is hidden, what this
// process sees. In a service's sandbox the two differ: there everything may
// look read-only. The caller must not change the slice.
func (h *Host) mountTable() ([]mount, error) { return h.mountsSince(mountsAge) }

// mountPlaces is mountTable for who does not look at the options of a file
// system: those can change without a word from the kernel, as when it turns
// read-only after an error.
func (h *Host) mountPlaces() ([]mount, error) {
	h.mounts.mu.Lock()
	defer h.mounts.mu.Unlock()
	if h.mounts.hear(h.proc()) && !h.mounts.stale && h.mounts.parsed != nil && time.Since(h.mounts.at) < placesAge {
		return h.mounts.parsed, nil
	}
	return h.readMounts(mountsAge)
}

// hear takes in what the kernel has told since the last call (proc(5) mountinfo,
// poll(2)); false when it tells nothing here.
func (l *mountList) hear(proc string) bool {
	if l.news == 0 {
		l.news = openNews(proc)
		l.stale = true // what happened before it was open is not told
	}
	if l.news <= 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(l.news), Events: unix.POLLPRI}}, 0) //nolint:gosec // a descriptor
	l.stale = l.stale || n > 0
	return err == nil
}

// openNews opens the file that mountTable reads, for as long as the host is there;
// 0 when it cannot be opened now, -1 when it is none of the kernel's. The Go
// runtime must not know of it: to wait for it takes the news away.
func openNews(proc string) int {
	fd, err := openMounts(proc)
	if err != nil {
		return 0
	}
	var on unix.Statfs_t
	if err := unix.Fstatfs(fd, &on); err != nil || on.Type != unix.PROC_SUPER_MAGIC {
		_ = unix.Close(fd) // nothing was read from it
		return -1
	}
	return fd
}

// mountsSince is mountTable as it was maxAge ago or later.
func (h *Host) mountsSince(maxAge time.Duration) ([]mount, error) {
	h.mounts.mu.Lock()
	defer h.mounts.mu.Unlock()
	return h.readMounts(maxAge)
}

// readMounts is mountsSince for who holds the lock.
func (h *Host) readMounts(maxAge time.Duration) ([]mount, error) {
	if h.mounts.parsed != nil && time.Since(h.mounts.at) < maxAge {
		return h.mounts.parsed, nil
	}
	at := time.Now()
	if h.mounts.news > 0 {
		h.mounts.hear(h.proc()) // what is told from here on is not in what is read
	}
	data, err := readInto(filepath.Join(h.proc(), "1/mountinfo"), h.mounts.buf[:0], maxMountinfo)
	if hiddenMounts(err) {
		data, err = readInto(filepath.Join(h.proc(), "self/mountinfo"), data[:0], maxMountinfo)
	}
	h.mounts.buf = data
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	if h.mounts.parsed == nil || h.mounts.raw != string(data) {
		h.mounts.raw = string(data)
		h.mounts.parsed = parseMounts(h.mounts.raw)
	}
	if len(h.mounts.parsed) == 0 {
		h.mounts.parsed = nil
		return nil, errors.New("read mounts: no mount in mountinfo")
	}
	h.mounts.at, h.mounts.stale = at, false
	return h.mounts.parsed, nil
}

// hiddenMounts says that the mounts of PID 1 are not shown.
func hiddenMounts(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}
