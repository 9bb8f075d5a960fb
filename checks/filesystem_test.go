package checks

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// TestFilesystemAgainstStatfs compares with statfs(2) itself. Others write to
// the same disk meanwhile, so what is free may differ a little.
func TestFilesystemAgainstStatfs(t *testing.T) {
	dir := t.TempDir()
	got := read(t, open(t, NewHost(""), "filesystem", map[string]string{"path": dir}))
	var want unix.Statfs_t
	if err := unix.Statfs(dir, &want); err != nil {
		t.Fatal(err)
	}
	size := float64(want.Blocks) * float64(want.Frsize)
	if v := got.Values.Of("space.total"); v != tocsin.Number(size) {
		t.Errorf("got a size of %v, want %v", v, size)
	}
	if free := float64(want.Bavail) * float64(want.Frsize); math.Abs(got.Values.Of("space.free").Float()-free) > size/20 {
		t.Errorf("got %v free, want about %v", got.Values.Of("space.free"), free)
	}
	if v := got.Values.Of("inodes.total"); v != tocsin.Number(float64(want.Files)) {
		t.Errorf("got %v inodes, want %v", v, want.Files)
	}
	if mount := got.Values.Of("mount").String(); !filepath.IsAbs(mount) || got.Values.Of("exists") != tocsin.Bool(true) {
		t.Errorf("got mount %q and exists %v, want a mount point that exists", mount, got.Values.Of("exists"))
	}
}

func TestSetUsage(t *testing.T) {
	tests := []struct {
		name string
		in   unix.Statfs_t
		want map[string]string
	}{
		{
			"ext4 with a reserve",
			unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 1000, Bfree: 250, Bavail: 200, Files: 400, Ffree: 100},
			map[string]string{
				"space.total": "4096000", "space.used": "3072000", "space.free": "819200", "space.reserved": "204800", "space.percent": "78.9474",
				"inodes.total": "400", "inodes.used": "300", "inodes.free": "100", "inodes.percent": "75",
			},
		},
		{
			"btrfs without inodes",
			unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 10, Bfree: 5, Bavail: 5},
			map[string]string{"space.percent": "50", "inodes.total": "0", "inodes.percent": ""},
		},
		{
			"blocks are counted in fragments",
			unix.Statfs_t{Bsize: 1 << 20, Frsize: 512, Blocks: 10, Bfree: 5, Bavail: 5},
			map[string]string{"space.total": "5120", "space.used": "2560"},
		},
		{
			"no fragment size",
			unix.Statfs_t{Bsize: 1024, Blocks: 10, Bfree: 5, Bavail: 5},
			map[string]string{"space.total": "10240"},
		},
		{
			"more is free than there is",
			unix.Statfs_t{Bsize: 1, Frsize: 1, Blocks: 10, Bfree: 20, Bavail: 30, Files: 1, Ffree: 2},
			map[string]string{"space.used": "0", "space.reserved": "0", "space.percent": "0", "inodes.used": "0", "inodes.percent": "0"},
		},
		{
			"nothing at all",
			unix.Statfs_t{Bsize: 4096, Frsize: 4096},
			map[string]string{"space.total": "0", "space.percent": "", "inodes.percent": ""},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDraft(Spec{})
			setUsage(d, &test.in)
			wantValues(t, d.reading, test.want)
		})
	}
}

// filesystemOf is a reader of a path with the mounts of a fixture.
func filesystemOf(t *testing.T, proc, path string) *filesystemReader {
	t.Helper()
	r, ok := open(t, NewHost(proc), "filesystem", map[string]string{"path": path}).(*filesystemReader)
	if !ok {
		t.Fatal("got another reader")
	}
	r.statfs = func(string, *unix.Statfs_t) error { return nil }
	return r
}

func TestFilesystemMount(t *testing.T) {
	wantValues(t, read(t, filesystemOf(t, fixtures(t), "/data")), map[string]string{
		"exists": "true", "device": "/dev/sdd1", "flags": "ro,relatime,errors=remount-ro", "mount": "/data", "readonly": "true", "type": "ext4",
	})
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/proc", link); err != nil {
		t.Fatal(err)
	}
	wantValues(t, read(t, filesystemOf(t, fixtures(t), dir)), map[string]string{"mount": "/", "readonly": "false"})
	wantValues(t, read(t, filesystemOf(t, fixtures(t), link)), map[string]string{"mount": "/proc", "type": "proc"})
}

// TestFilesystemUnmounted watches a directory that stops being a mount point.
func TestFilesystemUnmounted(t *testing.T) {
	proc, dir := copyFixtures(t), t.TempDir()
	const root = "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	mounts := func(text string) { write(t, text, proc, "1/mountinfo") }
	mounts(root + "28 27 8:2 / " + dir + " rw - ext4 /dev/sda2 rw\n")
	r := filesystemOf(t, proc, dir)
	again := func() tocsin.Reading {
		r.host.mounts.at = time.Time{}
		return read(t, r)
	}
	wantValues(t, again(), map[string]string{"exists": "true", "mount": dir, "space.total": "0"})
	mounts(root)
	gone := again()
	wantValues(t, gone, map[string]string{"exists": "false", "mount": "", "space.total": ""})
	if len(gone.Values) != 1 {
		t.Errorf("got %v, want only exists", gone.Values)
	}
	mounts(root + "28 27 8:2 / " + dir + " rw - ext4 /dev/sda2 rw\n")
	wantValues(t, again(), map[string]string{"exists": "true", "mount": dir})
	if err := os.Remove(filepath.Join(proc, "1/mountinfo")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(proc, "self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	r.host.mounts.at = time.Time{}
	unknown, err := r.Read(t.Context())
	if err != nil || unknown.Errors["mount"] == nil || unknown.Values.Of("exists") != tocsin.Bool(true) {
		t.Errorf("got %v, %v, want the space and an error of the mount", unknown, err)
	}
}

func TestFilesystemErrors(t *testing.T) {
	for err, exists := range map[error]bool{unix.ENOENT: false, unix.ENOTDIR: false, unix.EIO: true, unix.ENOTCONN: true, unix.ESTALE: true, unix.EACCES: true} {
		r := filesystemOf(t, fixtures(t), "/data")
		r.statfs = func(string, *unix.Statfs_t) error { return err }
		got, readErr := r.Read(t.Context())
		switch {
		case !exists && (readErr != nil || got.Values.Of("exists") != tocsin.Bool(false)):
			t.Errorf("%v: got %v, %v, want exists=false", err, got, readErr)
		case exists && !errors.Is(readErr, err):
			t.Errorf("%v: got %v, want the error", err, readErr)
		}
	}
}

// stuckReader is a filesystem reader whose statfs waits for release.
func stuckReader(t *testing.T) (r *filesystemReader, calls *atomic.Int32, release chan struct{}) {
	r = filesystemOf(t, fixtures(t), "/data")
	calls, release = new(atomic.Int32), make(chan struct{})
	r.statfs = func(string, *unix.Statfs_t) error {
		calls.Add(1)
		<-release
		return nil
	}
	r.call.spare = nil // goroutines that end with the bubble
	return r, calls, release
}

func TestFilesystemStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, calls, release := stuckReader(t)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		wantStuck := func(text string) {
			t.Helper()
			_, err := r.Read(ctx)
			if !errors.Is(err, ErrStuck) || err.Error() != text {
				t.Errorf("got %v, want %s", err, text)
			}
		}
		wantStuck(`statfs "/data": stuck for 12s: the mount does not answer`)
		if waited := time.Since(start); waited != 12*time.Second {
			t.Errorf("got the answer after %s, want 12s", waited)
		}
		ctx = t.Context()
		<-time.After(30 * time.Second) // on the bubble's clock
		wantStuck(`statfs "/data": stuck for 42s: the mount does not answer`)
		if calls.Load() != 1 || time.Since(start) != 42*time.Second {
			t.Errorf("got %d calls at %s, want one and no wait", calls.Load(), time.Since(start))
		}
		close(release)
		synctest.Wait()
		wantValues(t, read(t, r), map[string]string{"exists": "true", "type": "ext4"})
		if calls.Load() != 2 {
			t.Errorf("got %d calls, want another one after the first came back", calls.Load())
		}
	})
}

func TestFilesystemCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, release := stuckReader(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := r.Read(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrStuck) {
			t.Errorf("got %v, want only %v", err, context.Canceled)
		}
		close(release)
	})
}
