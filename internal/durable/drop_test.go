package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"tocsin/internal/durable"
	"tocsin/internal/testprogram"
)

// dropEnv names the directory for TestMain's other self.
const dropEnv = "TOCSIN_TEST_DROP"

func TestMain(m *testing.M) {
	if dir := os.Getenv(dropEnv); dir != "" {
		if err := durable.Drop(dir, "theirs", []byte("data")); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestDrop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "public", "drop")
	for range 2 {
		if err := durable.MakeDropDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|fs.ModeSticky|0o733 {
		t.Errorf("got %v, %v, want drwx-wx-wt", info.Mode(), err)
	}
	if err := durable.Drop(dir, "mine", []byte("data")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "mine")); err != nil || info.Mode() != 0o600 || info.Size() != 4 {
		t.Errorf("got %v, %v, want 4 bytes with mode 0600", info, err)
	}
	if err := durable.Drop(filepath.Join(dir, "no"), "x", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want not exist", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Drop(dir, "taken", []byte("data")); err == nil { // a rename onto a directory fails
		t.Error("got nil, want an error")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("got %d files, want no temporary one", len(entries))
	}
	if err := durable.MakeDropDir(filepath.Join(dir, "mine")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v, want not a directory", err)
	}
}

// TestDropByAnotherUser: it needs no right to read the directory, and the file
// is that user's.
func TestDropByAnotherUser(t *testing.T) {
	root, err := os.MkdirTemp("", "tocsin-drop-") //nolint:usetesting // t.TempDir is for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	dir := filepath.Join(root, "drop")
	if err := errors.Join(os.Chmod(root, 0o755), durable.MakeDropDir(dir)); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = testprogram.Write(filepath.Join(root, "self"), self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(os.Geteuid())
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "self"))
	cmd.Env = []string{dropEnv + "=" + dir}
	if uid == 0 {
		uid = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, "theirs"), &st); err != nil || st.Uid != uid {
		t.Errorf("got a file of %d, %v, want of %d", st.Uid, err, uid)
	}
	if os.Geteuid() != 0 {
		return
	}
	// A directory of somebody else is not made one's own.
	if err := os.Chown(dir, int(uid), int(uid)); err != nil {
		t.Fatal(err)
	}
	if err := durable.MakeDropDir(dir); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want it refused", err)
	}
}
