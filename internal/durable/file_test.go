package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/durable"
)

func TestWriteFileReplacesAsAWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, want := range []string{"one", "", "three\nlines\n"} {
		if err := durable.WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %d files, want no temporary one beside it", len(entries))
	}
}

func TestWriteFileLeavesTheOldOneOnAnError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.Mkdir(path, 0o700); err != nil { // a rename onto a directory fails
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("x")); err == nil {
		t.Fatal("got nil, want an error")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %d files, want the temporary one removed", len(entries))
	}
	if err := durable.WriteFile(filepath.Join(dir, "no", "f"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want not exist", err)
	}
}

func TestRenameCanBeRepeated(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(from, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a crash between the moves repeats them all
		if err := durable.Rename(durable.Move{From: from, To: to}); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Rename(durable.Move{From: from, To: filepath.Join(dir, "c")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want not exist: neither end is there", err)
	}
}

func TestMakeDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := durable.MakeDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want mode 0700", info, err)
	}
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.MakeDir(file); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v, want not a directory", err)
	}
}

func TestSweepDeletesOnlyWhatIsUnfinishedAndOld(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{".tmp-old": 2 * time.Hour, ".tmp-new": 0, "kept": 2 * time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Sweep(dir, time.Hour, now); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		got[e.Name()] = true
	}
	if len(got) != 2 || !got["kept"] || !got[".tmp-new"] {
		t.Errorf("got %v, want kept and .tmp-new", got)
	}
}

func TestLockNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := durable.Acquire(path, "tocsin, process 42")
	if err != nil {
		t.Fatal(err)
	}
	_, err = durable.Acquire(path, "another")
	if !errors.Is(err, durable.ErrLocked) || err.Error() != "lock "+path+": in use by another process: tocsin, process 42" {
		t.Errorf("got %v, want the holder named", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := durable.Acquire(path, "another")
	if err != nil {
		t.Fatalf("got %v, want the lock after its release", err)
	}
	_ = second.Release()
}
