package checks

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBootMounts(t *testing.T) {
	const text = `# /etc/fstab: static file system information.
UUID=4f2c / ext4 errors=remount-ro 0 1
	UUID=77aa	/srv/my\040disk/	xfs	defaults,nofail	0	2
LABEL=data /data ext4
/dev/sdb1 /mnt/usb vfat rw,noauto,user 0 0
/dev/sda3 none swap sw 0 0
#/dev/sdc1 /old ext4 defaults 0 0
nonsense
`
	if diff := cmp.Diff([]string{"/", "/srv/my disk", "/data"}, bootMounts(text)); diff != "" {
		t.Errorf("mount points (-want +got):\n%s", diff)
	}
}

// TestNotMountedAtBoot: an agent that begins after a boot that left a file system
// out knows from fstab(5) that it is missing.
func TestNotMountedAtBoot(t *testing.T) {
	proc, dir := copyFixtures(t), t.TempDir()
	const root = "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	write(t, root, proc, "1/mountinfo")
	r := filesystemOf(t, proc, dir)
	r.host.Fstab = filepath.Join(t.TempDir(), "fstab")
	exists := func(mounts, fstab, want string) {
		t.Helper()
		write(t, mounts, proc, "1/mountinfo")
		if err := os.WriteFile(r.host.Fstab, []byte(fstab), 0o600); err != nil {
			t.Fatal(err)
		}
		r.host.mounts.at = time.Time{}
		wantValues(t, read(t, r), map[string]string{"exists": want})
	}
	line := "/dev/sda2 " + dir + " ext4 nofail 0 2\n"
	exists(root, "", "true")
	exists(root, line, "false")
	exists(root, "#"+line, "true")
	exists(root, "/dev/sda2 "+dir+" ext4 noauto 0 2\n", "true")
	exists(root+"28 27 8:2 / "+dir+" rw - ext4 /dev/sda2 rw\n", line, "true")
}

// TestNotMountedBehindALink: fstab(5) names the directory, the check a link to it.
func TestNotMountedBehindALink(t *testing.T) {
	proc, dir, link := copyFixtures(t), t.TempDir(), filepath.Join(t.TempDir(), "data")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	write(t, "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n", proc, "1/mountinfo")
	r := filesystemOf(t, proc, link)
	r.host.Fstab = filepath.Join(t.TempDir(), "fstab")
	if err := os.WriteFile(r.host.Fstab, []byte("/dev/sda2 "+dir+" ext4 nofail 0 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantValues(t, read(t, r), map[string]string{"exists": "false"})
}

func FuzzBootMounts(f *testing.F) {
	f.Add("UUID=77aa /srv/my\\040disk xfs defaults 0 2\n/dev/sdb1 /mnt vfat noauto")
	f.Fuzz(func(t *testing.T, text string) {
		for _, point := range bootMounts(text) {
			if !filepath.IsAbs(point) || filepath.Clean(point) != point {
				t.Errorf("got %q of %q", point, text)
			}
		}
	})
}
