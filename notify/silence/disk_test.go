package silence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAFullDisk: what cannot be kept has begun or ended all the same, as long as
// this agent runs, and whoever asked is told. The disk has the list before it, and
// then, as soon as it can be written, the one that is in force.
func TestAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "silences.json")
	b := open(t, path)
	now := time.Now()
	begin := func(name string) error {
		t.Helper()
		s, err := b.Begin(About{Names: []string{name}}, now.Add(time.Hour), "", "", now)
		if s.Name == "" {
			t.Fatalf("%s: %v", name, err)
		}
		return err
	}
	onDisk := func(want string) {
		t.Helper()
		if got := names(open(t, path).List(now)); got != want {
			t.Errorf("on disk are %q, want %q", got, want)
		}
	}
	if err := errors.Join(begin("first"), begin("second")); err != nil {
		t.Fatal(err)
	}
	if b.Settle() {
		t.Error("there was something to settle")
	}
	full := func(yes bool) {
		t.Helper()
		from, to := dir, dir+".away"
		if !yes {
			from, to = to, from
		}
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}

	full(true)
	told := make(chan struct{}, 10)
	b.Watch(func() { told <- struct{}{} })
	err := begin("third")
	if err == nil || !strings.HasPrefix(err.Error(), "silence 3: done, but not on disk, so that a restart of the agent may forget it: ") || names(b.List(now)) != "1 2 3" {
		t.Errorf("got %v and %v", err, b.List(now))
	}
	<-told // whoever waits for a change hears of it
	ended, err := b.End("1", now)
	if err == nil || !strings.HasPrefix(err.Error(), "ended, but not on disk, so that a restart of the agent may bring it back: ") || names(ended) != "1" || names(b.List(now)) != "2 3" {
		t.Errorf("got %v ended, %v", ended, err)
	}
	<-told
	if b.Settle() {
		t.Error("settled on a full disk")
	}
	full(false)
	onDisk("1 2")
	if !b.Settle() || b.Settle() {
		t.Error("not settled, or twice")
	}
	onDisk("2 3")
	if err := begin("fourth"); err != nil { // and its number is one of its own
		t.Error(err)
	}
	onDisk("2 3 4")
}
