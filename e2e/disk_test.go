//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/postbox"
)

// TestFullDisk: what happens while the state directory's disk is full is told
// all the same, from memory, and once there is room it is as if it had not
// been.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	needRoot(t)
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	must(t, os.Mkdir(s.state, 0o700))
	if err := unix.Mount("tmpfs", s.state, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=0700"); err != nil {
		skip(t, "mount: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(s.state, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), s.watchProcess("worker", "1s"))
	worker := startChild(t, s.path("worker.pid"))
	a := s.start(ctx)

	filler := filepath.Join(s.state, "filler")
	fill(t, filler)
	worker.kill()
	failed := receive(ctx, t, box)
	if !contains(failed.text, "Note: This mail was sent from memory", "no space left on device") {
		t.Errorf("the mail does not say that it was sent from memory:\n%s", failed.text)
	}
	a.log.await(ctx, t, `msg="mail sent"`, 1)
	if strings.Contains(readFile(t, filepath.Join(s.state, "state.json")), `"failed":true`) {
		t.Error("the state says what the spool does not hold")
	}

	must(t, os.Remove(filler))
	poll(ctx, t, "the state to be saved", func() bool {
		return strings.Contains(readFile(t, filepath.Join(s.state, "state.json")), `"failed":true`)
	})
	a.kill()
	again := s.start(ctx)
	worker = startChild(t, s.path("worker.pid"))
	recovered := receive(ctx, t, box)
	if recovered.header.Get("X-Tocsin-State") != "recovered" || strings.Contains(recovered.text, "from memory") {
		t.Errorf("got after the restart, want the recovery alone:\n%s", recovered.text)
	}
	again.stop(ctx)
	worker.kill()
	all := letters(t, box)
	if len(all) != 2 {
		t.Errorf("got %d mails, want 2", len(all))
	}
	checkToldOnce(t, all, eventIDs(a.log, again.log), "ops@example.com")
}

// fill writes until the disk takes no more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for block := bytes.Repeat([]byte{'x'}, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}
