package checks

// MountOf is where the file system of a path is mounted, and how many bytes of
// it are used, without the reserve. The path is one of a filesystem check: a
// block device is the one that is mounted from it. A dead mount holds the call.
func (h *Host) MountOf(path string) (point string, used int64, err error) {
	r := &filesystemReader{host: h, path: path, statfs: statfs}
	v := r.look()
	if v.err != nil {
		return "", 0, v.err
	}
	if v.mount.point == "" {
		return "", 0, v.mountErr
	}
	d := newDraft(Spec{})
	setUsage(d, &v.usage)
	return v.mount.point, int64(d.reading.Values.Of("space.used").Float()), nil
}
