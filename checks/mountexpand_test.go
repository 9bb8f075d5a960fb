package checks

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"tocsin"
)

// manyMounts is the table of a server with everything that is mounted somewhere.
const manyMounts = `21 27 0:20 / /sys rw - sysfs sysfs rw
22 27 0:21 / /proc rw - proc proc rw
23 27 0:5 / /dev rw - devtmpfs udev rw
24 27 0:25 / /run rw - tmpfs tmpfs rw
27 1 8:1 / / rw - ext4 /dev/sda1 rw
28 27 8:2 / /boot rw - ext4 /dev/sda2 rw
29 28 8:3 / /boot/efi rw - vfat /dev/sda3 rw
30 27 8:17 / /srv/data rw - xfs /dev/sdb1 rw
31 27 8:33 / /srv/deep/er rw - xfs /dev/sdc1 rw
32 27 8:17 /www /var/www rw - xfs /dev/sdb1 rw
33 27 8:17 /x /a rw - xfs /dev/sdb1 rw
34 27 0:40 /@home /home rw - btrfs /dev/sdd rw
35 27 0:40 /@log /var/log rw - btrfs /dev/sdd rw
36 27 0:41 / /tank rw - zfs tank rw
37 27 0:42 / /tank/mail rw - zfs tank/mail rw
38 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
39 27 11:0 / /media/cd ro - iso9660 /dev/sr0 ro
40 27 0:50 / /mnt/nas rw - nfs4 nas:/export rw
41 27 0:51 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
42 27 0:52 / /mnt/auto rw - autofs systemd-1 rw
43 42 8:49 / /mnt/auto rw - ext4 /dev/sdd1 rw
44 27 8:65 / /srv/my\040disk rw - ext4 /dev/sde1 rw
45 27 8:66 / /gone//deleted rw - ext4 /dev/sde2 rw
46 27 8:67 / /hidden rw - ext4 /dev/sde3 rw
47 46 0:60 / /hidden rw - tmpfs tmpfs rw
48 27 0:61 / /fuse rw - fuse.sshfs host:/ rw
`

func TestChosenMounts(t *testing.T) {
	local := "/ /boot /boot/efi /home /srv/data /srv/deep/er /srv/my disk /tank /tank/mail"
	for _, test := range []struct {
		name, mounts, except, types, want string
	}{
		{"all", "*", "", "", local},
		{"children", "/srv/*", "", "", "/srv/data /srv/my disk"},
		{"descendants", "/srv/**", "", "", "/srv/data /srv/deep/er /srv/my disk"},
		{"everything below the root", "/**", "", "", strings.TrimPrefix(local, "/ ")},
		{"two patterns", "/srv/d*\n/boot", "", "", "/boot /srv/data"},
		{"one by its name", "/", "", "", "/"},
		{"a blank by ?", "/srv/my?disk", "", "", "/srv/my disk"},
		{"a bind mount alone", "/var/www", "", "", "/var/www"},
		{"two bind mounts, the shorter one", "/var/www\n/a", "", "", "/a"},
		{"two subvolumes, the shorter one", "/var/log\n/home", "", "", "/home"},
		{"without", "*", "/srv/**\nvfat\nzfs", "", "/ /a /boot /home"},
		{"types", "*", "", "nfs*\nxfs", "/mnt/nas /srv/data /srv/deep/er"},
		{"a type that is not real", "*", "", "tmpfs", "/hidden /run"},
		{"an automounter is left alone", "/mnt/*", "", "", ""},
		{"none", "/nowhere/*", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			attributes := map[string]string{"mounts": test.mounts, "except": test.except, "types": test.types}
			for _, m := range chosenMounts(parseMounts(manyMounts), attributesOf(attributes)) {
				got = append(got, m.point)
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}

func TestMountPatterns(t *testing.T) {
	for _, good := range []string{"*", "/", "/srv", "/srv/*", "/srv/**", "/srv/*/**", "/**", "/[ab]?", `/a\*`, "/mit blank"} {
		if err := validMounts(good); err != nil {
			t.Errorf("%q: got %v, want nil", good, err)
		}
	}
	for _, bad := range []string{"", "srv", "ext4", "/srv/", "/srv/**/x", "/a**", "/[", `/a\`, "/a\nb", "/" + strings.Repeat("x", maxPath)} {
		if validMounts(bad) == nil {
			t.Errorf("%.20q: got nil, want an error", bad)
		}
	}
	for text, good := range map[string]bool{"/srv/*": true, "vfat": true, "fuse.*": true, "a/b": false, "": false, "[": false, "*": true} {
		if err := validExcept(text); (err == nil) != good {
			t.Errorf("except %q: got %v, want an error %t", text, err, !good)
		}
	}
}

func FuzzMatchPoint(f *testing.F) {
	f.Add("/srv/**", "/srv/a/b")
	f.Add("*", "/")
	f.Add("/**", "/")
	f.Fuzz(func(t *testing.T, pattern, point string) {
		if matchPoint(pattern, point) && pattern != everyMount && validMounts(pattern) == nil && !strings.HasPrefix(point, "/") && !strings.ContainsAny(pattern, `\[?*`) {
			t.Errorf("got a match of %q with %q, want none without a slash", pattern, point)
		}
		if validMounts(point) == nil && !strings.ContainsAny(point, `\[?*`) && !matchPoint(point, point) {
			t.Errorf("got no match of %q with itself", point)
		}
	})
}

func TestMountName(t *testing.T) {
	long := "/" + strings.Repeat("ä", 200)
	seen := map[string]bool{}
	for _, point := range []string{"/srv/data", "/srv/my disk", "/a\nb", "/a\\nb", long, long + "x"} {
		name := mountName(point)
		if seen[name] || len(name) > maxMountName+20 || strings.ContainsAny(name, "\n\x1b") {
			t.Errorf("%.20q: got %q, want a short line of its own", point, name)
		}
		seen[name] = true
	}
	if got := mountName("/srv/data"); got != "/srv/data" {
		t.Errorf("got %q, want the mount point", got)
	}
}

// TestExpandedReader watches a mount that has gone before it was read first.
func TestExpandedReader(t *testing.T) {
	proc, dir := copyFixtures(t), t.TempDir()
	const root = "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	write(t, root+"28 27 8:2 / "+dir+" rw - ext4 /dev/sda2 rw\n", proc, "1/mountinfo")
	kind, h := filesystemKind(), NewHost(proc)
	specs, err := kind.Several.Expand(h, Spec{Name: "disks", Attributes: attributesOf(map[string]string{"mounts": dir})})
	if err != nil || len(specs) != 1 || specs[0].Name != "disks:"+dir {
		t.Fatalf("got %v, %v, want disks:%s", specs, err, dir)
	}
	r, err := kind.Open(h, specs[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, proc, "1/mountinfo")
	h.mounts.at = time.Time{}
	got := read(t, r)
	if diff := cmp.Diff(tocsin.Values{{Metric: "exists", Value: tocsin.Bool(false)}}, got.Values, cmp.AllowUnexported(tocsin.Value{})); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// TestMountsAlert waits for the real event of a mount.
func TestMountsAlert(t *testing.T) {
	h, dir := ownMounts(t), t.TempDir()
	wait := alertMounts(h)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	if err := unix.Mount("tocsin", dir, "ramfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }() // or it cannot be removed
	if err := <-done; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	specs, err := expandMounts(h, Spec{Name: "x", Attributes: attributesOf(map[string]string{"mounts": filepath.Join(dir, "*") + "\n" + dir, "types": "ramfs"})})
	if err != nil || len(specs) != 1 || specs[0].Attributes.Of("path") != dir {
		t.Errorf("got %v, %v, want %s", specs, err, dir)
	}
}

// TestMountsAlertIsDeafToContainers is not woken by what containers mount.
func TestMountsAlertIsDeafToContainers(t *testing.T) {
	h, dir := ownMounts(t), t.TempDir()
	wait := alertMounts(h)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	for range 3 {
		if err := unix.Mount("tocsin", dir, "tmpfs", 0, "size=64k"); err != nil {
			t.Fatal(err)
		}
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("got word of a tmpfs, want none")
	}
}
