package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tocsin/internal/durable"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("file"), []byte("12345"), 0o600))
	must(os.WriteFile(at("sparse"), nil, 0o600))
	must(os.Truncate(at("sparse"), 1<<40))
	must(syscall.Mkfifo(at("fifo"), 0o600))
	must(os.Mkdir(at("directory"), 0o700))
	must(os.Symlink(at("file"), at("link")))
	if data, err := durable.ReadFile(at("file"), 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	for _, name := range []string{"sparse", "fifo", "directory", "link"} {
		if _, err := durable.ReadFile(at(name), 5); !errors.Is(err, durable.ErrForeign) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := durable.ReadFile(at("file"), 4); !errors.Is(err, durable.ErrForeign) {
		t.Errorf("one byte too many: got %v", err)
	}
	if _, err := durable.ReadFile(at("none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
