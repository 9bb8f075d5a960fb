package checks

import (
	"slices"
	"strings"
)

func filesystemKind() Kind {
	const flagsFailed, flagsSucceeded = "Filesystem flags failed", "Filesystem flags succeeded"
	metrics := slices.Concat(spaceTable(), diskTable(), []Metric{
		{Name: "device", Unit: Word, Doc: "what is mounted: device, export or image, proc(5) mountinfo"},
		{Name: "exists", Unit: Truth, Doc: "the path is there and, if it was a mount point or is to be one by fstab(5), is one, statfs(2) and proc(5) mountinfo", Failed: "Does not exist", Recovered: "Exists"},
		{Name: "flags", Unit: Word, Doc: "options of the mount and its file system, proc(5) mountinfo", Failed: flagsFailed, Recovered: flagsSucceeded},
		{Name: "gid", Unit: Count, Doc: "group number of the path, of a device that of its mount point, stat(2)", Failed: gidFailed, Recovered: gidSucceeded},
		{Name: "group", Unit: Word, Doc: "name of gid, the number without one, group(5)", Failed: gidFailed, Recovered: gidSucceeded},
		{Name: "mode", Unit: Word, Doc: "permission bits of the path in octal such as 0755, stat(2)", Failed: permissionFailed, Recovered: permissionSucceeded},
		{Name: "mount", Unit: Word, Doc: "mount point, proc(5) mountinfo"},
		{Name: "owner", Unit: Word, Doc: "name of uid, the number without one, passwd(5)", Failed: uidFailed, Recovered: uidSucceeded},
		{Name: "readonly", Unit: Truth, Doc: "the mount or its file system refuses writes, proc(5) mountinfo", Failed: flagsFailed, Recovered: flagsSucceeded},
		{Name: "type", Unit: Word, Doc: "type of the file system, such as ext4, proc(5) mountinfo"},
		{Name: "uid", Unit: Count, Doc: "user number of the path, of a device that of its mount point, stat(2)", Failed: uidFailed, Recovered: uidSucceeded},
	})
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return Kind{
		Name: "filesystem",
		Doc:  "space, inodes, input and output, and mount flags of one file system, or of each of several",
		Attributes: []Attribute{
			{Name: "except", Doc: "patterns of mount points and of types that mounts leaves out, such as [\"/media/**\", \"vfat\"]", Valid: validExcept, List: true},
			{Name: "mounts", Doc: "patterns of mount points, such as [\"/srv/*\"], or \"*\" for all: a check for each file system, named NAME:MOUNTPOINT", Valid: validMounts, List: true},
			{Name: "path", Doc: "mount point, block device, or any file or directory on the file system", Valid: validPath},
			{Name: "types", Default: "those of own disks", Doc: "patterns of the types that mounts takes, such as [\"ext4\", \"nfs*\"]; left out, all file systems of this machine's own disks", Valid: validTypes, List: true},
		},
		OneOf:   []string{"mounts", "path"},
		Valid:   validFilesystem,
		Several: &Several{Attribute: "mounts", Expand: expandMounts, Alert: alertMounts},
		Metrics: metrics,
		Absent:  "filesystem is not mounted",
		Quick:   always,
		Open:    openFilesystem,
	}
}

// fileMetrics are the metrics of what is at the path.
func fileMetrics() []string { return []string{"gid", "group", "mode", "owner", "uid"} }

func spaceTable() []Metric {
	return []Metric{
		{Name: "inodes.free", Unit: Count, Doc: "inodes that are not used, statfs(2)"},
		{Name: "inodes.free_percent", Unit: Percent, Doc: "inodes.free of inodes.total, absent where a file system has no fixed number, statfs(2)"},
		{Name: "inodes.percent", Unit: Percent, Doc: "used of all inodes, absent where a file system has no fixed number, statfs(2)"},
		{Name: "inodes.total", Unit: Count, Doc: "all inodes, 0 where a file system has no fixed number, statfs(2)"},
		{Name: "inodes.used", Unit: Count, Doc: "inodes that are used, statfs(2)"},
		{Name: "space.free", Unit: Bytes, Doc: "space for everybody but root, statfs(2)"},
		{Name: "space.free_percent", Unit: Percent, Doc: "100 less space.percent, statfs(2)"},
		{Name: "space.percent", Unit: Percent, Doc: "used space without the reserve for root, as df(1), statfs(2)"},
		{Name: "space.reserved", Unit: Bytes, Doc: "free space that only root may use, statfs(2)"},
		{Name: "space.total", Unit: Bytes, Doc: "size of the file system, statfs(2)"},
		{Name: "space.used", Unit: Bytes, Doc: "space that is used, statfs(2)"},
	}
}

// diskMetrics are the metrics of the block device below a file system.
func diskMetrics() []string {
	return []string{
		"busy.percent", "read.bytes_per_second", "read.operations_per_second", "service.time",
		"write.bytes_per_second", "write.operations_per_second",
	}
}

func diskTable() []Metric {
	const source = ", stat of sysfs dev/block"
	return []Metric{
		{Name: "busy.percent", Unit: Percent, Doc: "time since the previous reading in which the device had something to do" + source},
		{Name: "read.bytes_per_second", Unit: PerSecond, Doc: "bytes read from the device since the previous reading; none without a block device, as of nfs, tmpfs, overlay and zfs" + source},
		{Name: "read.operations_per_second", Unit: PerSecond, Doc: "reads from the device since the previous reading" + source},
		{Name: "service.time", Unit: Seconds, Doc: "how long a read or write took since the previous reading, with its wait in the queue, on average; 0 when there was none" + source},
		{Name: "write.bytes_per_second", Unit: PerSecond, Doc: "bytes written to the device since the previous reading" + source},
		{Name: "write.operations_per_second", Unit: PerSecond, Doc: "writes to the device since the previous reading" + source},
	}
}
