package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// filesystemReader reads one file system.
type filesystemReader struct {
	host   *Host
	spec   Spec
	path   string
	statfs func(path string, usage *unix.Statfs_t) error

	call         slowCall[volume]
	mount        bool // the path was a mount point once
	files, disks bool // some rule uses what is at the path, and the device
	options      bool // some rule uses those of the mount

	place place // where the last reading found its mount, zero when it could not know
	found mount // what that was, zero for none
	disk  blockDevice

	owner, group knownName
}

var _ Reader = (*filesystemReader)(nil)

func openFilesystem(h *Host, s Spec) (Reader, error) {
	path := s.Attributes.Of("path")
	if err := validPath(path); err != nil {
		return nil, fmt.Errorf("open filesystem check %q: %w", s.Name, err)
	}
	return &filesystemReader{
		host: h, spec: s, path: path, mount: s.mounted, statfs: statfs, call: slowCall[volume]{verb: "statfs", path: path, spare: &h.spare},
		files: wantsAny(s.Metrics, fileMetrics()), disks: wantsAny(s.Metrics, diskMetrics()),
		options: wantsAny(s.Metrics, []string{"flags", "readonly"}),
	}, nil
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
	return r.read(ctx, r.call.do)
}

// ReadHere is Read for who can wait: it returns when a dead mount lets it.
func (r *filesystemReader) ReadHere(ctx context.Context) (tocsin.Reading, error) {
	return r.read(ctx, r.call.here)
}

// Stuck is the error of a ReadHere that has not returned for so long.
func (r *filesystemReader) Stuck(since time.Duration) error { return r.call.stuckFor(since) }

func (r *filesystemReader) read(ctx context.Context, do func(context.Context, func() volume) (volume, error)) (tocsin.Reading, error) {
	d := newDraft(r.spec)
	v, err := do(ctx, r.look)
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
	isMeant  bool  // fstab(5) says that it should be
	mountErr error // why mount is not known

	place   place
	file    *unix.Stat_t // what is at the path, nil when it is not wanted or not known
	fileErr error        // why it is not known
}

// look makes the calls that may hang. It runs beside Read, so it changes
// nothing of the reader.
func (r *filesystemReader) look() volume {
	if r.options {
		return r.lookAt(r.host.mountTable)
	}
	v := r.lookAt(r.host.mountPlaces)
	if v.mount != r.found || !v.isMount && r.mount {
		// It may be that a directory above a mount was renamed, which the kernel
		// does not tell.
		return r.lookAt(r.host.mountTable)
	}
	return v
}

// lookAt is look with a table of mounts.
func (r *filesystemReader) lookAt(table func() ([]mount, error)) volume {
	v := volume{place: place{path: r.path}}
	v.err = r.statfs(r.path, &v.usage)
	mounts, err := table()
	if err != nil {
		v.mountErr, v.place = err, place{}
		return v
	}
	if v.err == nil {
		v.err = r.find(&v, mounts)
	}
	if v.err != nil {
		v.mount, _ = v.place.find(mounts)
		return v
	}
	if r.files {
		path := r.path
		if v.place.node != "" {
			path = v.mount.point
		}
		var file unix.Stat_t
		switch err := stat(path, &file); {
		case err == nil:
			v.file = &file
		case !errors.Is(err, fs.ErrNotExist):
			v.fileErr = err
		}
	}
	return v
}

// find finds the mount that the path is on.
func (r *filesystemReader) find(v *volume, mounts []mount) error {
	if v.mount, v.isMount = mountAt(mounts, r.path); v.isMount {
		return nil
	}
	target, err := filepath.EvalSymlinks(r.path)
	if err != nil {
		return err
	}
	var file unix.Stat_t
	if err := stat(target, &file); err != nil {
		return err
	}
	found := false
	if file.Mode&unix.S_IFMT == unix.S_IFBLK {
		// statfs(2) of a device node is that of /dev.
		v.place = place{path: r.path, node: target, device: file.Rdev}
		if v.mount, found = v.place.find(mounts); !found {
			return fmt.Errorf("device is not mounted: %w", fs.ErrNotExist)
		}
		return r.statfs(v.mount.point, &v.usage)
	}
	v.place.path = target
	if v.mount, found = v.place.find(mounts); !found {
		v.mountErr = fmt.Errorf("find mount of %q: not in mountinfo", target)
	}
	v.isMount = found && v.mount.point == target
	// After a boot that left it out nobody has ever seen it mounted.
	v.isMeant = !v.isMount && r.host.meantToBeMounted(r.path, target)
	return nil
}

// describe turns what was found into a reading.
func (r *filesystemReader) describe(d *draft, v volume) (tocsin.Reading, error) {
	r.mount = r.mount || v.isMount
	r.place, r.found = v.place, v.mount
	gone := (r.mount || v.isMeant) && !v.isMount && v.mountErr == nil
	switch {
	case errors.Is(v.err, fs.ErrNotExist), errors.Is(v.err, unix.ENOTDIR), v.err == nil && gone:
		d.truth("exists", false)
		return d.reading, nil
	case v.err != nil:
		return tocsin.Reading{}, fmt.Errorf("statfs %q: %w", r.path, v.err)
	}
	d.truth("exists", true)
	setUsage(d, &v.usage)
	if r.files {
		r.setFile(d, &v)
	}
	if v.mountErr != nil {
		d.fail(v.mountErr, "device", "flags", "mount", "readonly", "type")
		d.fail(v.mountErr, diskMetrics()...)
		return d.reading, nil
	}
	if r.disks {
		r.setDisk(d, v.mount)
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
	d.share("space.free_percent", free, used+free)

	inodes := float64(s.Files)
	taken := max(0, inodes-float64(s.Ffree))
	d.number("inodes.total", inodes)
	d.number("inodes.used", taken)
	d.number("inodes.free", float64(s.Ffree))
	d.share("inodes.percent", taken, inodes)
	d.share("inodes.free_percent", inodes-taken, inodes)
}

// setFile sets whose the root of the file system is.
func (r *filesystemReader) setFile(d *draft, v *volume) {
	if v.fileErr != nil {
		d.fail(fmt.Errorf("stat %q: %w", r.path, v.fileErr), fileMetrics()...)
		return
	}
	if v.file == nil {
		return // it was not looked for, for the mounts are not known, or has gone
	}
	d.text("mode", fmt.Sprintf("%04o", v.file.Mode&0o7777))
	d.number("uid", float64(v.file.Uid))
	d.number("gid", float64(v.file.Gid))
	if d.wants("owner") {
		d.text("owner", r.owner.of(int64(v.file.Uid), userName))
	}
	if d.wants("group") {
		d.text("group", r.group.of(int64(v.file.Gid), groupName))
	}
}

// Listen has tell called when the mount that the last reading found is mounted
// again with other options, goes away or is hidden by another, and when it found
// none, once there is one.
func (r *filesystemReader) Listen(tell func(error)) (stop func()) {
	at, found := r.place, r.found
	if at == (place{}) {
		return nil
	}
	return r.host.mountEvents.listen(r.host, func(mounts []mount) bool {
		now, _ := at.find(mounts)
		return now != found
	}, tell)
}
