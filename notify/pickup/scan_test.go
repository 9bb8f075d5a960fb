package pickup

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

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
