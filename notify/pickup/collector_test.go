package pickup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/internal/durable"
	"tocsin/notify/spool"
)

// bench is a collector over a real directory and a real spool.
type bench struct {
	*Collector
	t      *testing.T
	config Config
	spool  *spool.Spool
	put    func(spool.Item) error
	events []tocsin.Event
	log    bytes.Buffer
}

func (b *bench) Put(item spool.Item) error { return b.put(item) }

func (b *bench) Emit(ev tocsin.Event) error {
	b.events = append(b.events, ev)
	return nil
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, config: testConfig()}
	b.config.Dir = filepath.Join(dir, "public", "pickup")
	b.openSpool(dir)
	b.put = b.spool.Put
	b.restart()
	b.look(0)
	return b
}

func (b *bench) openSpool(dir string) {
	b.t.Helper()
	var err error
	if b.spool, err = spool.Open(filepath.Join(dir, "spool"), slog.New(slog.DiscardHandler), time.Now()); err != nil {
		b.t.Fatal(err)
	}
}

// restart is what a crash leaves of the collector: nothing.
func (b *bench) restart() {
	b.Collector = &Collector{
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Spool: b, Desk: b,
		Config: func() Config { return b.config }, User: func(uint32) string { return "alice" },
	}
}

// look looks once, settled, and wants n messages.
func (b *bench) look(n int) {
	b.t.Helper()
	b.rest = time.Time{}
	if got, err := b.Look(b.t.Context(), time.Now().Add(2*settleTime)); got != n || err != nil {
		b.t.Fatalf("got %d taken, %v, want %d", got, err, n)
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.config.Dir, name) }

func (b *bench) drop(name, message string, to ...string) {
	b.t.Helper()
	file, err := Drop{To: to, Message: []byte(message)}.Encode()
	if err == nil {
		err = durable.Drop(b.config.Dir, name, file)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) names(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestLook(t *testing.T) {
	b := newBench(t)
	if info, err := os.Stat(b.config.Dir); err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o733 {
		t.Errorf("got the directory %v, %v, want drwx-wx-wt", info.Mode(), err)
	}
	b.drop("one", "Subject: hi\n\nbody\n", "x@example.org", "root")
	if err := os.WriteFile(b.path("hand.eml"), []byte("To: bob\n\nby hand\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".tmp-1", "half.tmp", ".hidden"} {
		if err := os.WriteFile(b.path(name), []byte("To: bob\n\nnot yet\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := b.Look(b.t.Context(), time.Now()); n != 1 || err != nil {
		t.Errorf("got %d, %v, want the whole file alone: the other may still grow", n, err)
	}
	b.look(1)
	waiting := b.spool.Waiting()
	if len(waiting) != 2 || len(b.names(b.config.Dir)) != 3 || len(b.events) != 0 {
		t.Fatalf("got %d items, %v, %v", len(waiting), b.names(b.config.Dir), b.events)
	}
	for _, w := range waiting {
		want := "[x@example.org ops@example.com]"
		if strings.Contains(string(w.Item.Raw), "by hand") {
			want = "[bob@example.org ops@example.com]"
		}
		checkWire(t, w.Item.Raw)
		if fmt.Sprint(w.Target.Addresses) != want || w.Item.From != "alerts@example.net" || w.Item.Severity != tocsin.Warning || w.Target.Notifier != "" {
			t.Errorf("got the item %+v to %v", w.Item, w.Target)
		}
	}
	b.look(0)
}

// TestACrashDoublesNothing: the agent ends after each step of taking a file in.
func TestACrashDoublesNothing(t *testing.T) {
	b := newBench(t)
	crash := errors.New("crash")
	b.drop("one", "\nbody\n", "root")
	// Before the item is durable.
	b.put = func(spool.Item) error { return crash }
	if _, err := b.Look(b.t.Context(), time.Now()); !errors.Is(err, crash) {
		t.Fatalf("got %v", err)
	}
	// Between that and the end of the file.
	for range 3 {
		b.restart()
		b.put = func(item spool.Item) error {
			if err := b.spool.Put(item); err != nil {
				t.Fatal(err)
			}
			return crash
		}
		if _, err := b.Look(b.t.Context(), time.Now()); !errors.Is(err, crash) {
			t.Fatalf("got %v", err)
		}
	}
	b.openSpool(filepath.Dir(filepath.Dir(b.config.Dir)))
	b.put = b.spool.Put
	b.restart()
	b.look(1)
	if n := len(b.spool.Waiting()); n != 1 || len(b.names(b.config.Dir)) != 0 {
		t.Errorf("got %d items, want one, and %v left", n, b.names(b.config.Dir))
	}
	b.drop("one", "\nbody\n", "root") // the same again is another mail
	b.look(1)
	if n := len(b.spool.Waiting()); n != 2 {
		t.Errorf("got %d items, want 2", n)
	}
}

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

func TestMessagesThatGoNowhere(t *testing.T) {
	b := newBench(t)
	b.config.MaxSize = 1000
	b.drop("large", "\n"+strings.Repeat("x", 1000), "root")
	b.drop("loop", strings.Repeat("Received: x\n", 16)+"\n", "root")
	b.look(0)
	if kept := b.names(Quarantine(b.config.Dir)); len(kept) != 4 || len(b.events) != 2 {
		t.Errorf("got %q and %v", kept, b.events)
	}
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(b.config.Dir), MaxSizeName)); string(text) != "1000\n" || err != nil {
		t.Errorf("got the published size %q, %v", text, err)
	}
	// Nobody to send to: it waits until there is somebody.
	b.config.Aliases, b.config.Fallback = nil, nil
	b.drop("one", "\nbody\n", "root")
	if _, err := b.Look(b.t.Context(), time.Now()); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "aliases {") {
		t.Errorf("got %v", err)
	}
	b.config.Fallback = []string{"ops@example.com"}
	b.look(1)
}

// TestADamagedFirstLineStillGoes: to whom the header names, or to nobody's
// mail.
func TestADamagedFirstLineStillGoes(t *testing.T) {
	b := newBench(t)
	for i, file := range []string{preamble + "{", preamble + "{}\nTo: bob\n\nbody", preamble + `{"to":[]}` + "\nbody", preamble + `{"to":5}` + "\n\n", preamble} {
		if err := durable.Drop(b.config.Dir, fmt.Sprint("f", i), []byte(file)); err != nil {
			t.Fatal(err)
		}
	}
	b.look(5)
	if n := len(b.spool.Waiting()); n != 5 || strings.Count(b.log.String(), "dropped file is damaged") != 5 {
		t.Errorf("got %d items; log:\n%s", n, b.log.String())
	}
}

// TestQuota: what a user sends beyond it waits and is told once; nothing is
// lost.
func TestQuota(t *testing.T) {
	b := newBench(t)
	b.config.MessagesPerHour = 3
	limit := 3
	if os.Geteuid() == 0 {
		limit = 3 * rootFactor
	}
	for i := range limit + 2 {
		b.drop(fmt.Sprint("m", i), "\nbody\n", "root")
	}
	b.look(limit)
	b.look(0)
	if !strings.Contains(b.log.String(), `file=m0 `) {
		t.Errorf("the log does not name the file:\n%s", b.log.String())
	}
	if left := b.names(b.config.Dir); len(left) != 2 || len(b.events) != 1 || !strings.Contains(b.events[0].Description, "messages_per_hour = 3") {
		t.Errorf("got %q left and %v", left, b.events)
	}
	b.rest = time.Time{}
	if n, err := b.Look(b.t.Context(), time.Now().Add(2*time.Hour)); n != 2 || err != nil {
		t.Errorf("after the hour: got %d, %v, want 2", n, err)
	}
	other := allowance{}
	now := testNow()
	for i := range 100 {
		if !other.room(1000, 100, now) {
			t.Fatalf("no room for message %d", i)
		}
		other.take(1000, 1, 100, now.Add(time.Duration(i)*time.Second))
	}
	if other.room(1000, 100, now.Add(59*time.Minute)) || !other.room(1001, 100, now) || !other.room(1000, 100, now.Add(time.Hour)) || !other.room(1000, 100, now.Add(-2*time.Hour)) {
		t.Error("the window of an hour does not slide, or is everybody's")
	}
}

// TestQuotaCountsRecipients: and a mail to more than an hour's worth counts for
// as many hours.
func TestQuotaCountsRecipients(t *testing.T) {
	var a allowance
	now := testNow()
	a.take(1000, 250, 100, now)
	if a.room(1000, 100, now.Add(3*time.Hour-time.Second)) || !a.room(1000, 100, now.Add(3*time.Hour)) {
		t.Error("250 recipients at 100 an hour do not count for three hours")
	}
	b := newBench(t)
	b.config.MessagesPerHour = 1
	for i := range 3 {
		b.drop(fmt.Sprint("m", i), "\nbody\n", "a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org", "f@example.org")
	}
	if os.Geteuid() == 0 {
		b.look(2) // root may send to ten: the second goes beyond it
	} else {
		b.look(1)
	}
}

// TestNumbersWithoutANameShare: a user may have thousands of them.
func TestNumbersWithoutANameShare(t *testing.T) {
	b := newBench(t)
	b.User = func(uint32) string { return "" }
	now := testNow()
	if b.payer(100_000, now) != b.payer(100_001, now) || b.payer(0, now) != 0 {
		t.Error("each has an allowance of its own")
	}
	asked := 0
	b.User = func(uid uint32) string { asked++; return fmt.Sprint("u", uid) }
	now = now.Add(time.Minute)
	if b.payer(1000, now) != 1000 || b.payer(1000, now) != 1000 || b.payer(1001, now) != 1001 || asked != 2 {
		t.Errorf("asked for two names %d times", asked)
	}
	b.config.MessagesPerHour = 1
	b.overQuota(b.config, nameless, now)
	if len(b.events) != 1 || !strings.Contains(b.events[0].Description, "all users without a name") {
		t.Errorf("got %v", b.events)
	}
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
	if w := b.spool.Waiting(); len(w) != 1 || !strings.Contains(string(w[0].Item.Raw), "open") {
		t.Errorf("got %v", w)
	}
}

// TestAFullDiskLosesNothing: the file stays until the spool takes it.
func TestAFullDiskLosesNothing(t *testing.T) {
	b := newBench(t)
	b.drop("one", "\nbody\n", "root")
	b.drop("two", "\nbody\n", "root")
	tries := 0
	b.put = func(spool.Item) error { tries++; return fmt.Errorf("put: %w", unix.ENOSPC) }
	if n, err := b.Look(b.t.Context(), time.Now()); n != 0 || !errors.Is(err, unix.ENOSPC) || tries != 1 {
		t.Errorf("got %d, %v after %d tries", n, err, tries)
	}
	b.put = b.spool.Put
	b.look(2)
}

// TestSweep: what is unfinished goes an hour after its last change, whatever
// times its owner gave it, but for what was moved out of the way.
func TestSweep(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{".tmp-1", ".mine", "half.tmp", asidePrefix + "kept", "mail"} {
		if err := os.WriteFile(b.path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(b.path(name), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("x", b.path(".link")); err != nil {
		t.Fatal(err)
	}
	if err := b.Sweep(t.Context(), time.Now()); err != nil || len(b.names(b.config.Dir)) != 6 {
		t.Errorf("at once: got %v, %v", err, b.names(b.config.Dir))
	}
	if err := b.Sweep(t.Context(), time.Now().Add(2*time.Hour)); err != nil || fmt.Sprint(b.names(b.config.Dir)) != "[.quarantine-kept mail]" {
		t.Errorf("after the hour: got %v, %v", err, b.names(b.config.Dir))
	}
}

// TestHiddenFilesHideNobody: however many names are read, the next look goes on
// behind them, and a person is told.
func TestHiddenFilesHideNobody(t *testing.T) {
	b := newBench(t)
	b.scan.most = 2000
	for i := range 3000 {
		if err := os.Symlink("x", b.path(fmt.Sprint(".x", i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		b.drop(fmt.Sprint("m", i), "\nbody\n", "root")
	}
	total := 0
	for range 2 {
		b.rest = time.Time{}
		n, err := b.Look(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 20 || len(b.events) != 1 || b.events[0].Rule != "flood" {
		t.Errorf("got %d of 20 mails in two looks, and the events %v", total, b.events)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b.drop("late", "\nbody\n", "root")
	if n, err := b.Look(ended, time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("after its end: got %d, %v", n, err)
	}
}

// TestRenamedForEver: a file that never stays under its name is taken once, and
// stops nobody.
func TestRenamedForEver(t *testing.T) {
	b := newBench(t)
	b.drop("a0", "\nrestless\n", "root")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = os.Rename(b.path(fmt.Sprint("a", i)), b.path(fmt.Sprint("a", i+1)))
			}
		}
	}()
	b.drop("b", "\nbody\n", "x@example.org")
	for range 50 {
		b.rest = time.Time{}
		if _, err := b.Look(b.t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	b.look(len(b.names(b.config.Dir)))
	count := map[string]int{}
	for _, w := range b.spool.Waiting() {
		count[w.Target.Addresses[0]]++
	}
	if count["x@example.org"] != 1 || count["ops@example.com"] != 1 || len(b.names(b.config.Dir)) != 0 {
		t.Errorf("the other file was taken %d times, the restless one %d times", count["x@example.org"], count["ops@example.com"])
	}
}
