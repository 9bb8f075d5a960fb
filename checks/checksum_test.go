package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// idle is for nobody who wants to hear of work.
func idle() (over func()) { return func() {} }

func TestChecksumIsReadOnce(t *testing.T) {
	path := aged(t, "hello\n")
	var s unix.Stat_t
	stat := func() *unix.Stat_t {
		t.Helper()
		if err := unix.Stat(path, &s); err != nil {
			t.Fatal(err)
		}
		return &s
	}
	first, err := (*digest)(nil).read(t.Context(), path, stat(), checksums(), idle)
	if err != nil || first.sums["checksum.md5"] == "" || !first.again {
		t.Fatalf("got %+v, %v, want sums of a file that is too young to be trusted", first, err)
	}
	if second, _ := first.read(t.Context(), path, stat(), checksums(), idle); second == first {
		t.Error("got the same again, want it read anew")
	}
	first.again = false
	if second, _ := first.read(t.Context(), path, stat(), checksums(), idle); second != first {
		t.Error("got it read anew, want what is known")
	}
	write(t, "other\n", path)
	second, err := first.read(t.Context(), path, stat(), checksums(), idle)
	if err != nil || second.sums["checksum.sha256"] == first.sums["checksum.sha256"] {
		t.Errorf("got %v, %v, want other sums", second.sums, err)
	}
}

// TestChecksumGoesOn has no time at all at first, and is told of a change.
func TestChecksumGoesOn(t *testing.T) {
	path := aged(t, "hello\n")
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := (*digest)(nil).read(late, path, &s, []string{"checksum.sha1"}, idle)
	if want := fmt.Sprintf("checksum of %q: 0 B of 6 B read so far: the rest comes with the next reading", path); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	again, err := d.read(t.Context(), path, &s, []string{"checksum.sha1"}, idle)
	if again != d || err != nil || d.sums["checksum.sha1"] != "f572d396fae9206628714fb2ce00f72e94f2258f" {
		t.Errorf("got %+v, %v, want the same one finished", again, err)
	}
	s.Mtim.Sec-- // as if it had been written after it was found
	if _, err := (*digest)(nil).read(t.Context(), path, &s, checksums(), idle); err == nil || !strings.HasSuffix(err.Error(), "it changed while it was read") {
		t.Errorf("got %v, want that it changed", err)
	}
	s.Size = maxChecksum + 1
	if _, err := (*digest)(nil).read(t.Context(), path, &s, checksums(), idle); err == nil || !strings.HasSuffix(err.Error(), "1 GiB is over the limit of 1 GiB") {
		t.Errorf("got %v, want that it is too large", err)
	}
	s.Ino++
	s.Size = 6
	if _, err := (*digest)(nil).read(t.Context(), path, &s, checksums(), idle); err == nil || !strings.HasSuffix(err.Error(), "it was replaced meanwhile") {
		t.Errorf("got %v, want that it was replaced", err)
	}
	gone := path + ".gone"
	if _, err := (*digest)(nil).read(t.Context(), gone, &s, checksums(), idle); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

// TestChecksumLeavesATime reads a file whose atime is older than its mtime,
// which relatime would move.
func TestChecksumLeavesATime(t *testing.T) {
	path := aged(t, "hello\n")
	r := open(t, NewHost(""), "file", map[string]string{"path": path}, "checksum.sha256", "atime.time")
	before := read(t, r).Values.Of("atime.time")
	if after := read(t, r).Values.Of("atime.time"); after != before {
		t.Errorf("got atime %v after the reading, want %v", after, before)
	}
}
