package checks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const diskLine = "    1000 5 20000 3000 400 6 8000 1000 0 2500 4000 0 0 0 0 0 0\n"

// diskHost is a host with disks 8:1, dm-0 (called vg-home) and md/0.
func diskHost(t *testing.T) (*Host, func(by time.Duration)) {
	t.Helper()
	sys := t.TempDir()
	for _, dir := range []string{"dev/block/8:1", "class/block/sdc", "class/block/dm-0", "class/block/md!0"} {
		write(t, diskLine, sys, dir, "stat")
	}
	write(t, "vg-home\n", sys, "class/block/dm-0/dm/name")
	h, now := fixtureHost(t, fixtures(t))
	h.Sys = sys
	return h, func(by time.Duration) { now.Add(int64(by)) }
}

func TestDeviceDir(t *testing.T) {
	h, _ := diskHost(t)
	for _, test := range []struct {
		mount mount
		want  string // or the end of the error
	}{
		{mount{device: unix.Mkdev(8, 1), source: "/dev/root"}, "dev/block/8:1"},
		{mount{device: unix.Mkdev(0, 40), source: "/dev/sdc", kind: "btrfs"}, "class/block/sdc"},
		{mount{device: unix.Mkdev(0, 40), source: "/dev/mapper/vg-home", kind: "btrfs"}, "class/block/dm-0"},
		{mount{device: unix.Mkdev(0, 40), source: "/dev/md/0", kind: "btrfs"}, "class/block/md!0"},
		{mount{device: unix.Mkdev(0, 50), source: "nas:/a", kind: "nfs4", point: "/mnt"}, `no block device: "/mnt" is of type nfs4`},
		{mount{device: unix.Mkdev(0, 51), source: "tmpfs", kind: "tmpfs", point: "/tmp"}, `no block device: "/tmp" is of type tmpfs`},
		{mount{device: unix.Mkdev(8, 9), source: "/dev/sda9", point: "/x"}, `no block device: sysfs does not show "/dev/sda9" of "/x"`},
		{mount{device: unix.Mkdev(0, 40), source: "/dev/mapper/gone", point: "/x"}, `no block device: sysfs does not show "/dev/mapper/gone" of "/x"`},
	} {
		got, err := h.deviceDir(test.mount)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, test.want) {
			t.Errorf("%v: got %s, want %s", test.mount, got, test.want)
		}
	}
}

func TestFilesystemDisk(t *testing.T) {
	h, pass := diskHost(t)
	r, ok := open(t, h, "filesystem", map[string]string{"path": "/"}, append(diskMetrics(), "exists")...).(*filesystemReader)
	if !ok {
		t.Fatal("got another reader")
	}
	want := func(texts ...string) {
		t.Helper()
		all := map[string]string{}
		for i, name := range diskMetrics() {
			if all[name] = ""; len(texts) > 0 {
				all[name] = texts[i]
			}
		}
		wantValues(t, read(t, r), all)
	}
	disk := filepath.Join(h.Sys, "dev/block/8:1")
	want()
	pass(10 * time.Second)
	write(t, "1100 5 20400 3400 500 6 9000 1400 0 3500 4000\n", disk, "stat")
	// 100 reads of 200 KiB and 100 writes of 500 KiB took 800 ms.
	want("10", "20480", "10", "0.004", "51200", "10")
	pass(10 * time.Second)
	want("0", "0", "0", "0", "0", "0")
	pass(time.Second)
	write(t, diskLine, disk, "stat") // another disk has the number
	want()
	if err := os.RemoveAll(disk); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := r.Read(t.Context())
		if err != nil || len(got.Errors) != len(diskMetrics()) || !got.Values.Of("exists").Truth() {
			t.Errorf("got %v, %v without the device, want the reason of each metric", got, err)
		}
	}
	write(t, "1 2 3 4\n", disk, "stat")
	if got, _ := r.Read(t.Context()); len(got.Errors) != len(diskMetrics()) {
		t.Errorf("got %v of an old kernel, want the reason of each metric", got)
	}
	write(t, diskLine, disk, "stat")
	want()
	pass(time.Second)
	want("0", "0", "0", "0", "0", "0")
}

// TestFilesystemWithoutDisk has no data of the disk and says why to the rules
// that ask, and to nobody else.
func TestFilesystemWithoutDisk(t *testing.T) {
	got, err := open(t, NewHost(""), "filesystem", map[string]string{"path": "/proc"}, "busy.percent", "type").Read(t.Context())
	if err != nil || got.Errors["busy.percent"] == nil || got.Values.Of("type").String() != "proc" {
		t.Errorf("got %v, %v, want a reason", got, err)
	}
	read(t, open(t, NewHost(""), "filesystem", map[string]string{"path": "/proc"}))
}

func TestFilesystemFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	got := read(t, open(t, NewHost(""), "filesystem", map[string]string{"path": dir}))
	wantValues(t, got, map[string]string{"mode": "0750", "owner": userName(got.Values.Of("uid").String()), "group": groupName(got.Values.Of("gid").String())})
	if got.Values.Of("uid").Float() != float64(os.Geteuid()) {
		t.Errorf("got uid %v, want %d", got.Values.Of("uid"), os.Geteuid())
	}
}
