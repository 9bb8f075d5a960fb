package pickup

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

// raw is the bytes of a message that waits.
func (b *bench) raw(w spool.Waiting) []byte {
	b.t.Helper()
	data, err := b.spool.Raw(w.Item.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
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
	if b.Empty() {
		t.Error("got an empty directory, want one with a file that may still grow")
	}
	b.look(1)
	waiting := b.spool.Waiting()
	if len(waiting) != 2 || len(b.names(b.config.Dir)) != 3 || len(b.events) != 0 {
		t.Fatalf("got %d items, %v, %v", len(waiting), b.names(b.config.Dir), b.events)
	}
	for _, w := range waiting {
		want := "[x@example.org ops@example.com]"
		if strings.Contains(string(b.raw(w)), "by hand") {
			want = "[bob@example.org ops@example.com]"
		}
		checkWire(t, b.raw(w))
		if fmt.Sprint(w.Target.Addresses) != want || w.Item.From != "alerts@example.net" || w.Item.Severity != tocsin.Warning || w.Target.Notifier != "" {
			t.Errorf("got the item %+v to %v", w.Item, w.Target)
		}
	}
	b.look(0)
	if !b.Empty() {
		t.Error("got something in the directory, want nothing but what is not finished")
	}
	b.rest = time.Now().Add(time.Second)
	if n, err := b.Look(b.t.Context(), time.Now()); n != 0 || err != nil || b.Empty() {
		t.Errorf("got %d, %v and empty %v of a directory that was not looked at", n, err, b.Empty())
	}
}

// TestAFloodedDirectoryIsNotEmpty: the last part of a look in several is not all.
func TestAFloodedDirectoryIsNotEmpty(t *testing.T) {
	b := newBench(t)
	b.scan.most = 1000
	for i := range 1000 {
		if err := os.WriteFile(b.path(fmt.Sprintf("%04d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		b.rest = time.Time{}
		if _, err := b.Look(b.t.Context(), time.Now()); err != nil || b.Empty() {
			t.Fatalf("got %v and empty %v of a directory in which all still grows", err, b.Empty())
		}
	}
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
