package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"tocsin"
)

func filesystemKind() Kind {
	const flagsFailed, flagsSucceeded = "Filesystem flags failed", "Filesystem flags succeeded"
	return Kind{
		Name: "filesystem",
		Doc:  "space, inodes and mount flags of one file system",
		Attributes: []Attribute{
			{Name: "path", Doc: "mount point, block device, or any file or directory on the file system", Required: true, Valid: validPath},
		},
		Metrics: []Metric{
			{Name: "device", Unit: Word, Doc: "what is mounted: device, export or image, proc(5) mountinfo"},
			{Name: "exists", Unit: Truth, Doc: "the path is there and, if it ever was a mount point, still is one, statfs(2) and proc(5) mountinfo", Failed: "Does not exist", Recovered: "Exists"},
			{Name: "flags", Unit: Word, Doc: "options of the mount and its file system, proc(5) mountinfo", Failed: flagsFailed, Recovered: flagsSucceeded},
			{Name: "inodes.free", Unit: Count, Doc: "inodes that are not used, statfs(2)"},
			{Name: "inodes.percent", Unit: Percent, Doc: "used of all inodes, absent where a file system has no fixed number, statfs(2)"},
			{Name: "inodes.total", Unit: Count, Doc: "all inodes, 0 where a file system has no fixed number, statfs(2)"},
			{Name: "inodes.used", Unit: Count, Doc: "inodes that are used, statfs(2)"},
			{Name: "mount", Unit: Word, Doc: "mount point, proc(5) mountinfo"},
			{Name: "readonly", Unit: Truth, Doc: "the mount or its file system refuses writes, proc(5) mountinfo", Failed: flagsFailed, Recovered: flagsSucceeded},
			{Name: "space.free", Unit: Bytes, Doc: "space for everybody but root, statfs(2)"},
			{Name: "space.percent", Unit: Percent, Doc: "used space without the reserve for root, as df(1), statfs(2)"},
			{Name: "space.reserved", Unit: Bytes, Doc: "free space that only root may use, statfs(2)"},
			{Name: "space.total", Unit: Bytes, Doc: "size of the file system, statfs(2)"},
			{Name: "space.used", Unit: Bytes, Doc: "space that is used, statfs(2)"},
			{Name: "type", Unit: Word, Doc: "type of the file system, such as ext4, proc(5) mountinfo"},
		},
		Absent: "filesystem is not mounted",
		Open:   openFilesystem,
	}
}

// filesystemReader reads one file system.
type filesystemReader struct {
	host   *Host
	spec   Spec
	path   string
	statfs func(path string, usage *unix.Statfs_t) error

	call  slowCall[volume]
	mount bool // the path was a mount point once
}

var _ Reader = (*filesystemReader)(nil)

func openFilesystem(h *Host, s Spec) (Reader, error) {
	path := s.Attributes["path"]
	if err := validPath(path); err != nil {
		return nil, fmt.Errorf("open filesystem check %q: %w", s.Name, err)
	}
	return &filesystemReader{host: h, spec: s, path: path, statfs: statfs, call: slowCall[volume]{verb: "statfs", path: path}}, nil
}

// statfs is statfs(2). FUSE and network file systems let signals interrupt it,
// and the Go runtime sends itself signals.
func statfs(path string, usage *unix.Statfs_t) error {
	for {
		if err := unix.Statfs(path, usage); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Read asks the file system. It does not wait for a dead mount.
func (r *filesystemReader) Read(ctx context.Context) (tocsin.Reading, error) {
	d := newDraft(r.spec)
	v, err := r.call.do(ctx, r.look)
	if err != nil {
		return tocsin.Reading{}, err
	}
	return r.describe(d, v)
}

// volume is a file system as it was found.
type volume struct {
	usage unix.Statfs_t
	err   error // of the calls that a dead mount holds

	mount    mount
	isMount  bool  // the path is a mount point itself
	mountErr error // why mount is not known
}

// look makes the calls that may hang. It runs beside Read, so it changes
// nothing of the reader.
func (r *filesystemReader) look() volume {
	var v volume
	if v.err = r.statfs(r.path, &v.usage); v.err != nil {
		return v
	}
	mounts, err := r.host.mountTable()
	if err != nil {
		v.mountErr = err
		return v
	}
	if v.mount, v.isMount = mountAt(mounts, r.path); v.isMount {
		return v
	}
	target, err := filepath.EvalSymlinks(r.path)
	if err != nil {
		v.err = err
		return v
	}
	var file unix.Stat_t
	if v.err = unix.Stat(target, &file); v.err != nil {
		return v
	}
	found := false
	if file.Mode&unix.S_IFMT == unix.S_IFBLK {
		// statfs(2) of a device node is that of /dev.
		if v.mount, found = mountFrom(mounts, file.Rdev, r.path, target); !found {
			v.err = fmt.Errorf("device is not mounted: %w", fs.ErrNotExist)
			return v
		}
		v.err = r.statfs(v.mount.point, &v.usage)
		return v
	}
	if v.mount, found = mountOf(mounts, target); !found {
		v.mountErr = fmt.Errorf("find mount of %q: not in mountinfo", target)
	}
	v.isMount = found && v.mount.point == target
	return v
}

// describe turns what was found into a reading.
func (r *filesystemReader) describe(d *draft, v volume) (tocsin.Reading, error) {
	r.mount = r.mount || v.isMount
	gone := r.mount && !v.isMount && v.mountErr == nil
	switch {
	case errors.Is(v.err, fs.ErrNotExist), errors.Is(v.err, unix.ENOTDIR), v.err == nil && gone:
		d.truth("exists", false)
		return d.reading, nil
	case v.err != nil:
		return tocsin.Reading{}, fmt.Errorf("statfs %q: %w", r.path, v.err)
	}
	d.truth("exists", true)
	setUsage(d, &v.usage)
	if v.mountErr != nil {
		d.fail(v.mountErr, "device", "flags", "mount", "readonly", "type")
		return d.reading, nil
	}
	d.text("device", v.mount.source)
	d.text("flags", v.mount.options)
	d.text("mount", v.mount.point)
	d.text("type", v.mount.kind)
	d.truth("readonly", v.mount.readonly())
	return d.reading, nil
}

// setUsage sets the metrics of space and inodes. It does not go through
// gopsutil's disk.Usage, which multiplies with f_bsize: blocks are counted in
// f_frsize (statfs(2)), and on FUSE and network file systems the two differ.
// Its used space also wraps around where a file system says that more is free
// than there is.
func setUsage(d *draft, s *unix.Statfs_t) {
	block := float64(s.Frsize)
	if block <= 0 {
		block = float64(s.Bsize)
	}
	total, free := float64(s.Blocks)*block, float64(s.Bavail)*block
	used := max(0, total-float64(s.Bfree)*block)
	d.number("space.total", total)
	d.number("space.used", used)
	d.number("space.free", free)
	d.number("space.reserved", max(0, float64(s.Bfree)*block-free))
	d.share("space.percent", used, used+free)

	inodes := float64(s.Files)
	taken := max(0, inodes-float64(s.Ffree))
	d.number("inodes.total", inodes)
	d.number("inodes.used", taken)
	d.number("inodes.free", float64(s.Ffree))
	d.share("inodes.percent", taken, inodes)
}
