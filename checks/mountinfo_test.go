package checks

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func fixtureMounts(t *testing.T) []mount {
	t.Helper()
	mounts, err := NewHost(fixtures(t)).mountTable()
	if err != nil {
		t.Fatal(err)
	}
	return mounts
}

func TestParseMounts(t *testing.T) {
	want := []mount{
		{unix.Mkdev(0, 21), "/proc", "proc", "proc", "rw,nosuid,nodev,noexec,relatime", "/"},
		{unix.Mkdev(8, 1), "/", "ext4", "/dev/sda1", "rw,relatime,errors=remount-ro", "/"},
		{unix.Mkdev(8, 17), "/srv/my disk", "xfs", "/dev/sdb1", "rw,noatime,attr2,inode64", "/"},
		{unix.Mkdev(0, 40), "/home", "btrfs", "/dev/sdc", "rw,relatime,space_cache=v2,subvol=/@home", "/@home"},
		{unix.Mkdev(8, 33), "/data", "ext4", "/dev/sdd1", "ro,relatime,errors=remount-ro", "/"},
		{unix.Mkdev(0, 50), "/mnt", "nfs4", "nas:/export/a", "rw,vers=4.2", "/"},
		{unix.Mkdev(0, 51), "/mnt", "nfs4", "nas:/export/b", "rw,vers=4.2", "/"},
	}
	if diff := cmp.Diff(want, fixtureMounts(t), cmp.AllowUnexported(mount{})); diff != "" {
		t.Errorf("mounts differ (-want +got):\n%s", diff)
	}
}

func TestParseMountRefuses(t *testing.T) {
	for _, line := range []string{
		"",
		"36 35 98:0 / /mnt rw master:1 ext3 /dev/root rw",    // no hyphen
		"36 35 98:0 / /mnt rw - ext3 /dev/root",              // no options
		"36 35 98 / /mnt rw - ext3 /dev/root rw",             // no minor number
		"36 35 a:b / /mnt rw - ext3 /dev/root rw",            // no numbers
		"36 35 98:99999999999 / /mnt rw - ext3 /dev/root rw", // too large a number
		"36 35 98:0 / mnt rw - ext3 /dev/root rw",            // no path
		"36 35 98:0 - - - - - - -",                           // hyphens
		strings.Repeat("x ", 5000),                           // many words
	} {
		if m, ok := parseMount(line); ok {
			t.Errorf("got %v from %.60q, want no mount", m, line)
		}
	}
}

func TestMountLookups(t *testing.T) {
	mounts := fixtureMounts(t)
	for path, want := range map[string]string{
		"/":                "/dev/sda1",
		"/etc/passwd":      "/dev/sda1",
		"/srv/my disk":     "/dev/sdb1",
		"/srv/my disk/a/b": "/dev/sdb1",
		"/srv/my disks":    "/dev/sda1",
		"/mnt/x":           "nas:/export/b", // the later mount hides the earlier one
	} {
		if m, ok := mountOf(mounts, path); !ok || m.source != want {
			t.Errorf("%s: got %v, %t, want %s", path, m, ok, want)
		}
	}
	if m, ok := mountAt(mounts, "/etc"); ok {
		t.Errorf("got %v at /etc, want no mount point", m)
	}
	if m, ok := mountOf(nil, "/etc"); ok {
		t.Errorf("got %v without any mount", m)
	}
	if m, ok := mountFrom(mounts, unix.Mkdev(8, 17), "/dev/disk/by-label/x", "/dev/other"); !ok || m.point != "/srv/my disk" {
		t.Errorf("got %v, %t by number, want /srv/my disk", m, ok)
	}
	if m, ok := mountFrom(mounts, unix.Mkdev(8, 32), "/dev/disk/by-label/x", "/dev/sdc"); !ok || m.point != "/home" {
		t.Errorf("got %v, %t by name, want /home", m, ok)
	}
	if m, ok := mountFrom(mounts, unix.Mkdev(8, 99), "/dev/sdz"); ok {
		t.Errorf("got %v, want no mount of a device that is not mounted", m)
	}
}

func TestReadonlyOfEither(t *testing.T) {
	tests := []struct {
		ofMount, ofSystem, want string
		readonly                bool
	}{
		{"rw,relatime", "rw,errors=remount-ro", "rw,relatime,errors=remount-ro", false},
		{"ro,relatime", "rw", "ro,relatime", true},
		{"rw", "ro,relatime", "ro,relatime", true},
		{"rw,robust", "rw", "rw,robust", false},
		{"", "", "rw", false},
		{"rw,a", `rw,a,x=\054`, "rw,a,x=,", false},
	}
	for _, test := range tests {
		m := mount{options: joinOptions(test.ofMount, test.ofSystem)}
		if m.options != test.want || m.readonly() != test.readonly {
			t.Errorf("got %q, %t, want %q, %t", m.options, m.readonly(), test.want, test.readonly)
		}
	}
}

// TestMountTableFallsBack hides the mounts of PID 1.
func TestMountTableFallsBack(t *testing.T) {
	const line = "1 0 8:1 / %s rw - ext4 /dev/sda1 rw\n"
	proc := t.TempDir()
	write(t, strings.Replace(line, "%s", "/self", 1), proc, "self/mountinfo")
	h := NewHost(proc)
	if mounts, err := h.mountTable(); err != nil || len(mounts) != 1 || mounts[0].point != "/self" {
		t.Errorf("got %v, %v, want the mounts of this process", mounts, err)
	}
	write(t, strings.Replace(line, "%s", "/one", 1), proc, "1/mountinfo")
	h.mounts.at = time.Time{}
	if mounts, err := h.mountTable(); err != nil || len(mounts) != 1 || mounts[0].point != "/one" {
		t.Errorf("got %v, %v, want the mounts of PID 1", mounts, err)
	}
}

func TestMountTableIsSharedAndRefreshed(t *testing.T) {
	proc := copyFixtures(t)
	h := NewHost(proc)
	first, err := h.mountTable()
	if err != nil {
		t.Fatal(err)
	}
	h.mounts.at = time.Time{} // old, but the file is the same
	if again, err := h.mountTable(); err != nil || &again[0] != &first[0] {
		t.Errorf("got another list, %v, want the same", err)
	}
	write(t, "", proc, "1/mountinfo")
	h.mounts.at = time.Time{}
	if got, err := h.mountTable(); err == nil {
		t.Errorf("got %v of an empty file, want an error", got)
	}
	if got, err := NewHost(t.TempDir()).mountTable(); err == nil {
		t.Errorf("got %v of no file, want an error", got)
	}
}

// TestMountPlaces reads the file again when a mount was made or taken away, and
// not before; where nobody says so, as a file that is none of the kernel's, it
// is mountTable.
func TestMountPlaces(t *testing.T) {
	h, point := ownMounts(t), t.TempDir()
	defer func() { _ = unix.Unmount(point, unix.MNT_DETACH) }() // or it cannot be removed
	places := func() []mount {
		t.Helper()
		h.mounts.at = h.mounts.at.Add(-time.Second) // too old for mountTable
		mounts, err := h.mountPlaces()
		if err != nil {
			t.Fatal(err)
		}
		return mounts
	}
	first := places()
	h.mounts.raw = "" // so that what is read again is another list
	if again := places(); &again[0] != &first[0] {
		t.Error("got another list, want the same: no mount has changed")
	}
	h.mounts.at = time.Now().Add(-placesAge)
	if again := places(); &again[0] == &first[0] {
		t.Error("got the same list after a long time, want another")
	}
	if err := unix.Mount("tmpfs", point, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	if _, found := mountAt(places(), point); !found {
		t.Error("a mount that was made is not there")
	}
	if err := unix.Unmount(point, 0); err != nil {
		t.Fatal(err)
	}
	h.mounts.at = time.Now().Add(time.Hour) // as young as can be
	if _, found := mountAt(places(), point); !found {
		t.Error("a young table was read again, want one look in a while however often mounts change")
	}
	h.mounts.at = time.Time{}
	if _, found := mountAt(places(), point); found {
		t.Error("a mount that was taken away is there")
	}
	h = NewHost(copyFixtures(t))
	old := places()
	h.mounts.raw = ""
	if again := places(); &again[0] == &old[0] {
		t.Error("got the same list, want another where the kernel says nothing")
	}
}

// TestMountTableOfThisHost finds the mount of the root in the real file.
func TestMountTableOfThisHost(t *testing.T) {
	mounts, err := NewHost("").mountTable()
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := mountAt(mounts, "/"); !ok || m.kind == "" || m.options == "" {
		t.Errorf("got %v, %t, want the root", m, ok)
	}
}

func FuzzParseMounts(f *testing.F) {
	seed, err := os.ReadFile(filepath.Join(fixtures(f), "1/mountinfo"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add("36 35 98:0 / /a\\040b\\ rw - ext3 \\134 rw\n")
	f.Add("36 35 98:0 / /\\777 rw a b c - - - -\n")
	f.Fuzz(func(t *testing.T, text string) {
		mounts := parseMounts(text)
		if len(mounts) > strings.Count(text, "\n")+1 {
			t.Errorf("got %d mounts of %d lines", len(mounts), strings.Count(text, "\n")+1)
		}
		for _, m := range mounts {
			if !strings.HasPrefix(m.point, "/") || !slices.Contains([]string{"rw", "ro"}, m.options[:2]) {
				t.Errorf("got %+v", m)
			}
			if got, ok := mountAt(mounts, m.point); !ok || got.point != m.point {
				t.Errorf("got %+v at %q", got, m.point)
			}
			if safe := printable(m.options); !utf8.ValidString(safe) || len(safe) > maxText {
				t.Errorf("got %q", safe)
			}
		}
	})
}
