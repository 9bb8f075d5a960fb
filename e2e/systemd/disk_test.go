//go:build e2esystemd

package systemd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is an ext4 file system on a loop device with the root of a machine. It
// can lose what was not synced, as a disk does whose power is cut.
type disk struct {
	t      *testing.T
	image  string
	shared string
	mount  string
}

// newDisk puts a private copy of the Debian root on a disk.
func newDisk(ctx context.Context, t *testing.T, dir string) *disk {
	t.Helper()
	d := &disk{t: t, image: filepath.Join(dir, "disk.img"), shared: filepath.Join(dir, "disk"), mount: filepath.Join(dir, "disk", "mnt")}
	must(t, os.WriteFile(d.image, nil, 0o600))
	must(t, os.Truncate(d.image, 1500<<20)) // sparse
	run(ctx, t, "mkfs.ext4", "-q", "-F", "-d", rootfs()+"/", d.image)
	// Every machine that starts meanwhile has a copy of the host's mounts. Only
	// of a shared one does it notice that it is gone.
	must(t, os.Mkdir(d.shared, 0o755))
	must(t, unix.Mount(d.shared, d.shared, "", unix.MS_BIND, ""))
	must(t, unix.Mount("", d.shared, "", unix.MS_SHARED, ""))
	must(t, os.Mkdir(d.mount, 0o755))
	d.attach(ctx)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		d.detach(ctx)
		must(t, unix.Unmount(d.shared, 0))
	})
	return d
}

// attach mounts the disk.
func (d *disk) attach(ctx context.Context) {
	d.t.Helper()
	run(ctx, d.t, "mount", "-t", "ext4", "-o", "loop", d.image, d.mount)
}

// detach unmounts the disk as soon as nothing of the machine is left on it,
// and waits until nobody has it.
func (d *disk) detach(ctx context.Context) {
	d.t.Helper()
	poll(ctx, d.t, "the machine to be off the disk", func() bool { return unix.Unmount(d.mount, 0) == nil })
	poll(ctx, d.t, "the disk to be free", func() bool {
		backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
		return !slices.ContainsFunc(backing, func(name string) bool {
			data, _ := os.ReadFile(name)
			return strings.TrimSpace(string(data)) == d.image
		})
	})
}

// sync writes everything to the disk, as an installation does at its end.
func (d *disk) sync() {
	d.t.Helper()
	dir, err := os.Open(d.mount)
	must(d.t, err)
	defer dir.Close()
	must(d.t, unix.Syncfs(int(dir.Fd())))
}

// What ext4 takes to drop all that is not on the disk, the journal included,
// and to do nothing more (linux/fs/ext4/ext4.h).
const (
	ext4Shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
	withoutJournal = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// powerCut cuts the power of a machine whose root is on a disk, and repairs
// the disk as the next boot does.
func (d *disk) powerCut(ctx context.Context, m *machine) {
	d.t.Helper()
	dir, err := os.Open(d.mount)
	must(d.t, err)
	err = unix.IoctlSetPointerInt(int(dir.Fd()), ext4Shutdown, withoutJournal)
	_ = dir.Close()
	must(d.t, err)
	m.powerCut()
	d.detach(ctx)
	out, err := exec.CommandContext(ctx, "e2fsck", "-p", d.image).CombinedOutput()
	failed, _ := errors.AsType[*exec.ExitError](err)
	// e2fsck(8): 1 is "errors corrected".
	if err != nil && (failed == nil || failed.ExitCode() > 1) {
		d.t.Fatalf("e2fsck: %v: %s", err, out)
	}
	d.t.Logf("power cut; e2fsck: %s", tail(string(out), 3))
	d.attach(ctx)
}
