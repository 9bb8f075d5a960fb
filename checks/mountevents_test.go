package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// unable leaves out a test that this machine cannot do; in CI every one of them
// has to be done.
func unable(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("skipped, which CI does not allow: %s", reason)
	}
	t.Skip(reason)
}

// ownMounts gives this goroutine a thread with mounts of its own, which nobody
// else sees, and a host that has them.
func ownMounts(t *testing.T) *Host {
	t.Helper()
	runtime.LockOSThread() // for ever: the thread ends with the test
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		unable(t, "mounts of its own take root")
	}
	if err != nil {
		t.Fatal(err)
	}
	proc := t.TempDir()
	if err := os.Symlink(fmt.Sprintf("/proc/%d/task/%d", os.Getpid(), unix.Gettid()), filepath.Join(proc, "self")); err != nil {
		t.Fatal(err)
	}
	return NewHost(proc)
}

// TestMountAlerts waits for real events: each must wake the wait of the reading
// before it.
func TestMountAlerts(t *testing.T) {
	h, dir := ownMounts(t), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }() // or it cannot be removed
	attributes := map[string]string{"path": dir}
	r, ok := open(t, h, "filesystem", attributes, "exists", "readonly", "flags").(*filesystemReader)
	if !ok {
		t.Fatal("got another reader")
	}
	for _, step := range []struct {
		name             string
		exists, readonly string
		do               func()
	}{
		{"mount", "true", "false", func() { must(unix.Mount("tocsin", dir, "tmpfs", unix.MS_NOSUID, "size=64k")) }},
		{"remount", "true", "true", func() { must(unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")) }},
		{"mount over it", "true", "false", func() { must(unix.Mount("other", dir, "tmpfs", 0, "size=64k")) }},
		{"unmount that", "true", "true", func() { must(unix.Unmount(dir, unix.MNT_DETACH)) }},
		{"unmount", "false", "", func() { must(unix.Unmount(dir, unix.MNT_DETACH)) }},
		{"mount again", "true", "false", func() { must(unix.Mount("tocsin", dir, "tmpfs", 0, "size=64k")) }},
	} {
		read(t, r)
		done := make(chan error, 1)
		stop := r.Listen(func(err error) { done <- err })
		if stop == nil {
			t.Fatalf("%s: nothing to listen to", step.name)
		}
		step.do()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: got %v, want nil", step.name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: not heard of", step.name)
		}
		stop() // which is nothing any more
		wantValues(t, read(t, r), map[string]string{"exists": step.exists, "readonly": step.readonly})
	}
}

// TestMountEventsOfOthers mounts elsewhere: whoever waits for another mount is
// not woken, and all share one watch, which ends with the last one.
func TestMountEventsOfOthers(t *testing.T) {
	h, dir := ownMounts(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	e := &h.mountEvents
	others := make(chan error, 2)
	for range 2 {
		go func() { others <- e.await(ctx, h, func([]mount) bool { return false }) }()
	}
	mine := make(chan error, 1)
	looked := make(chan bool, 16)
	go func() {
		mine <- e.await(ctx, h, func(mounts []mount) bool {
			_, found := mountAt(mounts, dir)
			select {
			case looked <- true:
			default:
			}
			return found
		})
	}()
	<-looked // it waits
	if err := unix.Mount("tocsin", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }() // or it cannot be removed
	if err := <-mine; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	select {
	case err := <-others:
		t.Errorf("another was woken: %v", err)
	default:
	}
	cancel()
	for range 2 {
		if err := <-others; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard != nil {
		t.Errorf("got %d who listen, want nobody", len(e.heard.waits))
	}
}

func TestGapAfter(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{0: mountGap, time.Millisecond: mountGap, 50 * time.Millisecond: time.Second} {
		if got := gapAfter(took); got != want {
			t.Errorf("%s: got %s, want %s", took, got, want)
		}
	}
}

// TestPace: one look alone waits for nothing, nor do a few; many do.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1, 0)
	for i, want := range []time.Duration{0, 0, 0, 0, mountGap, mountGap, mountGap} {
		wait := p.wait(now)
		if wait != want {
			t.Errorf("look %d: got %s, want %s", i, wait, want)
		}
		now = now.Add(wait)
		p.took(now, 0)
	}
	if now = now.Add(time.Second); p.wait(now) != 0 {
		t.Errorf("after a while: got %s, want 0", p.wait(now))
	}
	p.took(now, 50*time.Millisecond)
	p.took(now, 50*time.Millisecond)
	p.took(now, 50*time.Millisecond)
	p.took(now, 50*time.Millisecond)
	if got := p.wait(now); got != time.Second {
		t.Errorf("of thousands of mounts: got %s, want 1s", got)
	}
}

// TestMountEventsOfFixture: a regular file tells of nothing, so polling stays.
func TestMountEventsOfFixture(t *testing.T) {
	for _, proc := range []string{fixtures(t), t.TempDir()} {
		h := NewHost(proc)
		if err := h.mountEvents.await(t.Context(), h, func([]mount) bool { return false }); err == nil {
			t.Errorf("%s: got nil, want an error", proc)
		}
		if h.mountEvents.heard != nil {
			t.Errorf("%s: somebody listens", proc)
		}
	}
}

func TestFilesystemAlertsOnlyOfWhatItKnows(t *testing.T) {
	r := filesystemOf(t, fixtures(t), "/data")
	told := 0
	tell := func(error) { told++ }
	if r.Listen(tell) != nil || told > 0 {
		t.Error("there is something to wait for before the first reading")
	}
	read(t, r)
	if r.Listen(tell) != nil || told != 1 {
		t.Error("there is nothing to wait for, and nobody is told that a fixture tells of nothing")
	}
	r = filesystemOf(t, t.TempDir(), "/")
	if _, err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.Listen(tell) != nil || told != 1 {
		t.Error("there is something to wait for without a table of mounts")
	}
}

// TestFilesystemWaitsForAMissingPath: its directory is not there yet.
func TestFilesystemWaitsForAMissingPath(t *testing.T) {
	r := filesystemOf(t, fixtures(t), "/srv/my disk/not there")
	r.statfs = func(string, *unix.Statfs_t) error { return unix.ENOENT }
	wantValues(t, read(t, r), map[string]string{"exists": "false"})
	if r.found.point != "/srv/my disk" || r.place == (place{}) {
		t.Errorf("got %v, want the mount that the path would be on", r.found)
	}
}

// TestPressureRefused: what the kernel does not allow is said once, and is no
// error of the reading.
func TestPressureRefused(t *testing.T) {
	h, lines := logged(t, kernel(t, "6.12"))
	r, ok := open(t, h, "system", nil, "pressure.io.some.avg10", "cpu.percent").(*systemReader)
	if !ok {
		t.Fatal("got another reader")
	}
	read(t, r)
	wait := r.Alert()
	if wait == nil {
		t.Fatal("there is nothing to wait for")
	}
	for range 2 {
		if err := wait(t.Context()); err == nil {
			t.Error("got nil of a regular file, want an error")
		}
	}
	if r.Alert() != nil {
		t.Error("asks again")
	}
	if n := lines(); n != 1 {
		t.Errorf("got %d lines in the log, want 1", n)
	}
	for _, metrics := range [][]string{{"cpu.percent"}, nil} {
		if r, ok := open(t, h, "system", nil, metrics...).(*systemReader); !ok || r.Alert() != nil {
			t.Errorf("%q: there is something to wait for without a rule about pressure", metrics)
		}
	}
}

// TestPressureEndsWithItsContext sets real triggers where the kernel allows.
func TestPressureEndsWithItsContext(t *testing.T) {
	r, ok := open(t, NewHost(""), "system", nil, "pressure.memory.full.avg10", "pressure.io.full.avg10").(*systemReader)
	if !ok {
		t.Fatal("got another reader")
	}
	stall, err := r.openStall()
	if err != nil {
		unable(t, fmt.Sprintf("this kernel does not tell: %v", err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stall.await(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestKnownNameIsForgottenAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		look := func(id string) string { calls++; return "name of " + id }
		var k knownName
		for range 3 {
			if got := k.of(7, look); got != "name of 7" {
				t.Errorf("got %q", got)
			}
		}
		k.of(8, look)
		<-time.After(nameAge)
		k.of(8, look)
		if calls != 3 {
			t.Errorf("got %d calls, want 3", calls)
		}
	})
}
