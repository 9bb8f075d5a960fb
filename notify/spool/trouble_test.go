package spool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"tocsin/notify/spool"
)

// TestPruneKeepsWhatWaitingItemsNeed: one notifier has the event, the other is
// down for long; the first must not get it again after a restart.
func TestPruneKeepsWhatWaitingItemsNeed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	i := item(1)
	i.Targets = append(i.Targets, spool.Target{Notifier: "down", Addresses: []string{"c@x"}})
	put(t, s, i)
	m := compose(t, s, i)
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	old := noon().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "sent", m.ID+".mail"), old, old); err != nil {
		t.Fatal(err)
	}
	for n := range 450 {
		path := filepath.Join(dir, "sent", fmt.Sprintf("%032x.item", 1000+n))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old.Add(time.Hour), old.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		s = open(t, dir)
		if err := s.Prune(noon()); err != nil {
			t.Fatal(err)
		}
		if w := s.Waiting(); len(w) != 1 || w[0].Target.Notifier != "down" {
			t.Fatalf("got %d targets waiting, want the one that is down", len(w))
		}
	}
}

// TestAFinishThatFailsIsMadeAgain: the verdicts stay, and nothing is sent again.
func TestAFinishThatFailsIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1))
	m := compose(t, s, item(1))
	sent := filepath.Join(dir, "sent")
	if err := os.Rename(sent, sent+".away"); err != nil {
		t.Fatal(err)
	}
	d := told(spool.Sent, m)
	if err := s.Finish(m.ID, d, noon()); err == nil {
		t.Fatal("finished without a directory")
	}
	if err := s.Record(m.ID, d); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(sent+".away", sent); err != nil {
		t.Fatal(err)
	}
	l := s.Letters()
	if len(l) != 1 || len(l[0].Delivery.Pending(m)) != 0 {
		t.Fatalf("got %+v, want the letter with its verdicts", l)
	}
	if err := s.Finish(m.ID, d, noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "sent/*.item", "sent/*.mail")
}

// TestHostileFilesStopNobody puts what is no regular file of ours into the
// spool's directories.
func TestHostileFilesStopNobody(t *testing.T) {
	dir := t.TempDir()
	put(t, open(t, dir), item(5))
	for _, sub := range []string{"queue", "pickup", "mail"} {
		ext := ".item"
		if sub == "mail" {
			ext = ".mail"
		}
		name := func(n int) string { return filepath.Join(dir, sub, fmt.Sprintf("%032x%s", n, ext)) }
		if err := os.Symlink("/etc/passwd", name(1)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(name(2), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(name(3), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := spool.Submit(dir, item(6)); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if n, err := s.Collect(); err != nil || n != 1 {
		t.Errorf("collected %d, %v, want the good one", n, err)
	}
	if got := ids(s.Waiting()); !slices.Equal(got, []string{item(5).ID, item(6).ID}) {
		t.Errorf("got %v", got)
	}
	l, err := spool.List(dir)
	if err != nil || l.Corrupt == 0 {
		t.Errorf("got %+v, %v, want the hostile files in corrupt", l, err)
	}
}

func TestListLeavesFinishedTargetsOut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	i := item(1)
	i.Targets = append(i.Targets, spool.Target{Notifier: "down", Addresses: []string{"c@x"}})
	put(t, s, i)
	m := compose(t, s, i)
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	l, err := spool.List(dir)
	if err != nil || len(l.Items) != 1 || len(l.Items[0].Targets) != 1 || l.Items[0].Targets[0].Notifier != "down" {
		t.Errorf("got %+v, %v", l.Items, err)
	}
}
