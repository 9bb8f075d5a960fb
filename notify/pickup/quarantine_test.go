package pickup

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tocsin"
)

// TestHostileFiles: each is out of the way, none is read, and one event tells
// of each cause.
func TestHostileFiles(t *testing.T) {
	b := newBench(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("To: root\n\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hostile := map[string]func(path string) error{
		"link":            func(path string) error { return os.Symlink(secret, path) },
		"dangling":        func(path string) error { return os.Symlink("/nowhere", path) },
		"device-link":     func(path string) error { return os.Symlink("/dev/zero", path) },
		"hard":            func(path string) error { return os.Link(secret, path) },
		"fifo":            func(path string) error { return syscall.Mkfifo(path, 0o666) },
		"dir":             func(path string) error { return os.Mkdir(path, 0o700) },
		"sparse":          func(path string) error { return sparse(path, 1<<40) },
		"socket":          listen,
		"na\x1b[2Jme\n;$": func(path string) error { return os.Symlink("x", path) },
	}
	if os.Geteuid() == 0 {
		hostile["device"] = func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) }
	}
	for name, make := range hostile {
		if err := make(b.path(name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	b.drop("good", "\nbody\n", "root")
	b.look(1)
	if left := b.names(b.config.Dir); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
	kept := b.names(Quarantine(b.config.Dir))
	const hollow = 6 // links, a named pipe and a socket: only the reason is kept
	if len(kept) != 2*len(hostile)-hollow {
		t.Errorf("got %q in the quarantine, want %d files, each with its reason", kept, len(hostile)-hollow)
	}
	for _, name := range kept {
		if strings.Trim(name, nameChars) != "" {
			t.Errorf("the name %q", name)
		}
		path := filepath.Join(Quarantine(b.config.Dir), name)
		if info, err := os.Lstat(path); err != nil || info.Mode()&(os.ModeSymlink|os.ModeNamedPipe|os.ModeSocket) != 0 {
			t.Errorf("%s: got %v, %v", name, info, err)
		}
		if strings.HasSuffix(name, "-device-link.why") {
			if why, _ := os.ReadFile(path); !strings.Contains(string(why), `a symbolic link to "/dev/zero"`) {
				t.Errorf("%s: got %q", name, why)
			}
		}
	}
	if len(b.events) != 2 { // hostile, and too large
		t.Errorf("got the events %v", b.events)
	}
	for _, ev := range b.events {
		if ev.Severity != tocsin.Warning || ev.Host != "web-1.example.com" || !strings.Contains(ev.Description, Quarantine(b.config.Dir)) {
			t.Errorf("got %+v", ev)
		}
	}
	if n := len(b.spool.Waiting()); n != 1 || strings.Contains(b.log.String(), "\x1b") {
		t.Errorf("got %d items, want the good one; log: %q", n, b.log.String())
	}
	// Within the hour nothing more is told.
	if err := os.Symlink("x", b.path("again")); err != nil {
		t.Fatal(err)
	}
	b.look(0)
	if len(b.events) != 2 {
		t.Errorf("got %d events, want 2", len(b.events))
	}
}

// TestAFloodOfLinks: a look does a bounded work with it, keeps a bounded part and
// tells of it once; who made it may still send.
func TestAFloodOfLinks(t *testing.T) {
	b := newBench(t)
	b.config.MessagesPerHour = 100
	const links = 3000
	for i := range links {
		if err := os.Symlink("x", b.path(fmt.Sprint("l", i))); err != nil {
			t.Fatal(err)
		}
	}
	b.drop("mail", "\nbody\n", "root")
	b.look(1)
	left, kept := len(b.names(b.config.Dir)), len(b.names(Quarantine(b.config.Dir)))
	if left != links-maxTaken || kept != maxMoved || b.log.Len() > 30_000 {
		t.Errorf("one look left %d and kept %d, and logged %d bytes", left, kept, b.log.Len())
	}
	for range links/maxTaken - 1 {
		b.look(0)
	}
	if left := len(b.names(b.config.Dir)); left != 0 || len(b.events) != 2 || b.events[1].Rule != "quarantine" {
		t.Errorf("got %d left and the events %v", left, b.events)
	}
}

// TestAFullQuarantine: a file that may be somebody's mail waits for a person.
func TestAFullQuarantine(t *testing.T) {
	b := newBench(t)
	full := Quarantine(b.config.Dir)
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range maxKept {
		if err := os.WriteFile(filepath.Join(full, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("x", b.path("link")), sparse(b.path("large"), 1<<40)); err != nil {
		t.Fatal(err)
	}
	b.look(0)
	if left := b.names(b.config.Dir); fmt.Sprint(left) != "[large]" || len(b.names(full)) != maxKept || len(b.events) != 1 {
		t.Errorf("got %q left, %d kept and the events %v", left, len(b.names(full)), b.events)
	}
}

func sparse(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

func listen(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// TestAPrivateFileIsNotMailed: whoever owns a directory can rename a file of
// root's out of it, so a file that only its owner can read is not sent.
func TestAPrivateFileIsNotMailed(t *testing.T) {
	b := newBench(t)
	for name, mode := range map[string]os.FileMode{"open": 0o644, "group": 0o640, "private": 0o600} {
		if err := errors.Join(os.WriteFile(b.path(name), []byte("To: root\n\n"+name+"\n"), mode), os.Chmod(b.path(name), mode)); err != nil {
			t.Fatal(err)
		}
	}
	b.look(1)
	if kept := b.names(Quarantine(b.config.Dir)); len(kept) != 4 || len(b.names(b.config.Dir)) != 0 || len(b.events) != 1 || !strings.Contains(b.events[0].Description, "install -m 644 mail.eml") {
		t.Errorf("got %q and %v", kept, b.events)
	}
	if w := b.spool.Waiting(); len(w) != 1 || !strings.Contains(string(b.raw(w[0])), "open") {
		t.Errorf("got %v", w)
	}
}
