package checks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// sector is the unit of sysfs block/NAME/stat, whatever the device has.
const sector = 512

// errNoDevice is for a file system that no block device is known of.
var errNoDevice = errors.New("no block device")

// blockDevice is the device below a mount. The zero value knows none.
type blockDevice struct {
	of     mount
	dir    string // in sysfs
	err    error  // why there is none
	growth growth
	text   []byte
}

// diskStat is what sysfs says in block/NAME/stat
// (Documentation/block/stat.rst of the kernel), since boot.
type diskStat struct {
	reads, read, readTime      float64 // operations, bytes, seconds of all together
	writes, written, writeTime float64
	busy                       float64 // seconds
}

// parseDiskStat reads a file stat of sysfs.
func parseDiskStat(data []byte) (diskStat, error) {
	words := bytes.Fields(data)
	if len(words) < 11 { // a partition before Linux 2.6.25 has 4
		return diskStat{}, fmt.Errorf("%d numbers in stat of sysfs, want 11 or more", len(words))
	}
	var n [11]float64
	for i := range n {
		value, ok := integer(words[i])
		if !ok || value < 0 {
			return diskStat{}, errors.New("no numbers in stat of sysfs")
		}
		n[i] = float64(value)
	}
	return diskStat{
		reads: n[0], read: n[2] * sector, readTime: n[3] / 1000,
		writes: n[4], written: n[6] * sector, writeTime: n[7] / 1000,
		busy: n[9] / 1000,
	}, nil
}

// setDisk sets the metrics of the device below a mount. Rates are absent from
// the first reading of a device.
func (r *filesystemReader) setDisk(d *draft, m mount) {
	names := diskMetrics()
	b := &r.disk
	if b.of.device != m.device || b.of.source != m.source || b.dir == "" {
		dir, err := r.host.deviceDir(m)
		*b = blockDevice{of: m, dir: dir, err: err, text: b.text}
	}
	if b.err != nil {
		d.lack(b.err, names...)
		return
	}
	var err error
	b.text, err = readInto(filepath.Join(b.dir, "stat"), b.text[:0], 4<<10)
	var s diskStat
	if err == nil {
		s, err = parseDiskStat(b.text)
	}
	if err != nil {
		b.dir = "" // perhaps it is another one by now
		d.lack(fmt.Errorf("read device of %q: %w", m.point, err), names...)
		return
	}
	rates := b.growth.perSecond(r.host.uptime(), s.reads, s.read, s.readTime, s.writes, s.written, s.writeTime, s.busy)
	d.number("read.operations_per_second", rates[0])
	d.number("read.bytes_per_second", rates[1])
	d.number("write.operations_per_second", rates[3])
	d.number("write.bytes_per_second", rates[4])
	d.number("busy.percent", min(100, 100*rates[6]))
	if done := rates[0] + rates[3]; done > 0 {
		d.number("service.time", (rates[2]+rates[5])/done)
	} else {
		d.number("service.time", done) // 0, or not known
	}
}

// deviceDir is the directory in sysfs of the device that a mount is on. Some
// file systems, such as btrfs, have a device number of their own; then the
// name of the source counts, one of several devices. In a service's sandbox
// /dev holds no device, so sysfs is asked for the name.
func (h *Host) deviceDir(m mount) (string, error) {
	numbered := func(device uint64) string {
		return filepath.Join(h.sys(), "dev/block", fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device)))
	}
	name, isDevice := strings.CutPrefix(m.source, "/dev/")
	var dirs []string
	switch {
	case unix.Major(m.device) != 0:
		dirs = []string{numbered(m.device)}
	case !isDevice:
		return "", fmt.Errorf("%w: %q is of type %s", errNoDevice, m.point, m.kind)
	default:
		var node unix.Stat_t
		if stat(m.source, &node) == nil && node.Mode&unix.S_IFMT == unix.S_IFBLK {
			dirs = []string{numbered(node.Rdev)}
		}
		dirs = append(dirs, filepath.Join(h.sys(), "class/block", strings.ReplaceAll(name, "/", "!")))
		if mapped, ok := strings.CutPrefix(name, "mapper/"); ok {
			dirs = append(dirs, h.mappedDir(mapped))
		}
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "stat")); dir != "" && err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: sysfs does not show %q of %q", errNoDevice, m.source, m.point)
}

// mappedDir is the directory in sysfs of a device of the device mapper, "" when
// there is none of that name.
func (h *Host) mappedDir(name string) string {
	found, err := filepath.Glob(filepath.Join(h.sys(), "class/block/dm-*/dm/name"))
	if err != nil {
		return "" // only a bad pattern
	}
	for _, path := range found {
		if word, err := readWord(path); err == nil && word == name {
			return filepath.Dir(filepath.Dir(path))
		}
	}
	return ""
}
