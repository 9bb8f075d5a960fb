package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
)

// aged is a file of that text whose mtime and atime are an hour and a day ago.
func aged(t *testing.T, text string) string {
	t.Helper()
	path := write(t, text, t.TempDir(), "file")
	if err := os.Chtimes(path, time.Now().Add(-24*time.Hour), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileMetrics(t *testing.T) {
	path := aged(t, "hello\n")
	if err := os.Chmod(path, 0o640|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	got := read(t, open(t, NewHost(""), "file", map[string]string{"path": path}))
	wantValues(t, got, map[string]string{
		"exists": "true", "type": "regular", "size": "6", "mode": "2640", "links": "2", "symlink": "false", "target": path,
		"uid": me.Uid, "gid": strconv.Itoa(os.Getgid()), "owner": me.Username, "inode": strconv.FormatUint(s.Ino, 10),
		"mtime.time":      time.Unix(s.Mtim.Unix()).UTC().Format(time.RFC3339Nano),
		"checksum.md5":    "b1946ac92492d2347c6235b4d2611184",
		"checksum.sha1":   "f572d396fae9206628714fb2ce00f72e94f2258f",
		"checksum.sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
		"content.matches": "", // nobody asked
	})
	for name, want := range map[string]time.Duration{"age": 0, "ctime.age": 0, "mtime.age": time.Hour, "atime.age": 24 * time.Hour} {
		if age := got.Values.Of(name).Float(); age < want.Seconds() || age > want.Seconds()+60 {
			t.Errorf("got %s %v, want %v", name, age, want)
		}
	}
}

// TestPathTypes reads what is of another type than its kind says.
func TestPathTypes(t *testing.T) {
	dir := t.TempDir()
	fifo, link, dangling, loop, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling"), filepath.Join(dir, "loop"), filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(socket, unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{link: fifo, dangling: filepath.Join(dir, "nothing"), loop: loop} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		kind, path string
		want       map[string]string
	}{
		{"file", fifo, map[string]string{"exists": "true", "type": "fifo", "size": ""}},
		{"fifo", link, map[string]string{"exists": "true", "type": "fifo", "symlink": "true", "target": fifo, "mode": "0600"}},
		{"file", socket, map[string]string{"type": "socket"}},
		{"file", "/dev/null", map[string]string{"type": "character device", "uid": "0", "owner": "root", "group": "root"}},
		{"file", dir, map[string]string{"type": "directory"}},
		{"fifo", dir, map[string]string{"type": "directory"}},
		{"file", dangling, map[string]string{"exists": "false", "type": ""}},
		{"file", filepath.Join(fifo, "below"), map[string]string{"exists": "false"}},
	} {
		got := read(t, open(t, NewHost(""), test.kind, map[string]string{"path": test.path}, "exists", "type", "size", "mode", "symlink", "target", "uid", "owner", "group"))
		wantValues(t, got, test.want)
	}
	for kind, metric := range map[string]string{"file": "checksum.sha256", "directory": "entries"} {
		got, err := open(t, NewHost(""), kind, map[string]string{"path": fifo}, metric).Read(t.Context())
		if err != nil || got.Errors[metric] == nil || !strings.Contains(got.Errors[metric].Error(), "fifo") {
			t.Errorf("%s: got %v, %v, want an error of %s that says what it is", kind, got, err, metric)
		}
	}
	_, err := open(t, NewHost(""), "file", map[string]string{"path": loop}).Read(t.Context())
	if !errors.Is(err, unix.ELOOP) {
		t.Errorf("got %v, want %v", err, unix.ELOOP)
	}
}

// TestPathFacts describes what no test machine has.
func TestPathFacts(t *testing.T) {
	now := time.Unix(1000, 0)
	f := pathFacts{at: now, linkErr: errors.New("link"), targetErr: unix.EACCES, newsErr: unix.EIO, grepped: true}
	f.stat.Mode, f.stat.Mtim.Sec, f.stat.Ctim.Sec, f.stat.Atim.Sec = unix.S_IFBLK|0o4755, 900, 800, 2000
	d := newDraft(Spec{})
	f.describe(d)
	wantValues(t, d.reading, map[string]string{"type": "block device", "mode": "4755", "age": "100", "mtime.age": "100", "ctime.age": "200", "atime.age": "0"})
	for _, name := range []string{"symlink", "target", "content.line", "content.matches", "content.unread"} {
		if d.reading.Errors[name] == nil {
			t.Errorf("got no error of %s, want one", name)
		}
	}
	if got := typeName(0); got != "unknown" {
		t.Errorf("got type %q, want unknown", got)
	}
}

func TestFileValid(t *testing.T) {
	for _, test := range []struct {
		attributes map[string]string
		metric     string
		want       string
	}{
		{map[string]string{"content": "x", "ignore": "y"}, "content.matches", ""},
		{nil, "size", ""},
		{nil, "content.matches", `the metric content.matches needs the attribute "content", a regular expression`},
		{map[string]string{"ignore": "y"}, "size", `"ignore" needs the attribute "content", a regular expression`},
	} {
		got := ""
		if err := validFile(Spec{Attributes: attributesOf(test.attributes), Metrics: map[string]bool{test.metric: true}}); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	if err := validContent(""); err == nil {
		t.Error("got no error of an empty pattern, want one")
	}
}

func TestDirectoryEntries(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		path := write(t, "", dir, fmt.Sprint(i))
		when := time.Now().Add(-time.Duration(i+1) * time.Hour)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, open(t, NewHost(""), "directory", map[string]string{"path": dir}))
	wantValues(t, got, map[string]string{"exists": "true", "type": "directory", "entries": "3"})
	if newest, oldest := got.Values.Of("newest.age").Float(), got.Values.Of("oldest.age").Float(); int(newest)/60 != 60 || int(oldest)/60 != 180 {
		t.Errorf("got the newest %v and the oldest %v, want 1 h and 3 h", newest, oldest)
	}
	empty := read(t, open(t, NewHost(""), "directory", map[string]string{"path": t.TempDir()}))
	wantValues(t, empty, map[string]string{"entries": "0", "newest.age": "", "oldest.age": ""})
}

// TestDirectoryManyEntries has more entries than have their ages read.
func TestDirectoryManyEntries(t *testing.T) {
	dir := t.TempDir()
	first := write(t, "", dir, "0")
	for i := range maxAges + 10 {
		if err := os.Link(first, filepath.Join(dir, "e"+strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	got, err := open(t, NewHost(""), "directory", map[string]string{"path": dir}).Read(t.Context())
	if err != nil || got.Errors["newest.age"] == nil || got.Errors["oldest.age"] == nil || got.Errors["entries"] != nil {
		t.Errorf("got errors %v, %v, want those of the ages", got.Errors, err)
	}
	wantValues(t, got, map[string]string{"entries": strconv.Itoa(maxAges + 11), "newest.age": ""})
}

func TestMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		ctx, cancel2 := most(ctx)
		defer cancel2()
		if deadline, _ := ctx.Deadline(); time.Until(deadline) != 6*time.Second {
			t.Errorf("got %s, want 6s of 8s", time.Until(deadline))
		}
	})
}

// TestFileUnreadable is of a regular file that even root cannot read: only
// what needs its content is no data.
func TestFileUnreadable(t *testing.T) {
	r := open(t, NewHost(""), "file", map[string]string{"path": "/proc/self/mem"}, "checksum.sha256", "type")
	got, err := r.Read(t.Context())
	if err != nil || !errors.Is(got.Errors["checksum.sha256"], unix.EIO) {
		t.Errorf("got %v, %v, want %v", got, err, unix.EIO)
	}
	wantValues(t, got, map[string]string{"type": "regular", "checksum.sha256": ""})
}

// TestPathKindsShare holds the three kinds to one set of metrics.
func TestPathKindsShare(t *testing.T) {
	for _, kind := range []Kind{fileKind(), directoryKind()} {
		for _, m := range fifoKind().Metrics {
			if !slices.Contains(kind.Metrics, m) {
				t.Errorf("%s: got no metric %s as fifo has it", kind.Name, m.Name)
			}
		}
	}
	if v := read(t, open(t, NewHost(""), "fifo", map[string]string{"path": "/nothing/here"})).Values.Of("exists"); v != tocsin.Bool(false) {
		t.Errorf("got exists %v, want false", v)
	}
}
