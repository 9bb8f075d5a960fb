package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tocsin/notify/spool"
)

// blocked opens a spool whose directory sub takes no files.
func blocked(t *testing.T, dir string, subs ...string) (*spool.Spool, func()) {
	t.Helper()
	s := open(t, dir)
	for _, sub := range subs {
		if err := os.Rename(filepath.Join(dir, sub), filepath.Join(dir, sub+".away")); err != nil {
			t.Fatal(err)
		}
	}
	return s, func() {
		for _, sub := range subs {
			if err := os.Rename(filepath.Join(dir, sub+".away"), filepath.Join(dir, sub)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAHeldItemIsSentFromMemory(t *testing.T) {
	dir := t.TempDir()
	s, _ := blocked(t, dir, "queue", "mail")
	if err := s.Put(item(1)); err == nil {
		t.Fatal("put succeeded without a directory")
	}
	for range 2 {
		if err := s.Hold(item(1)); err != nil {
			t.Fatal(err)
		}
	}
	w := s.Waiting()
	if len(w) != 1 || !w[0].Held {
		t.Fatalf("got %v, want one held item", w)
	}
	m := compose(t, s, item(1)) // from memory as well
	if err := s.Record(m.ID, told(spool.Sent, m, "a@x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(item(1)); err != nil || len(s.Waiting()) != 0 {
		t.Errorf("got %v and %v: what was sent from memory must not be sent again", err, s.Waiting())
	}
}

func TestAHeldItemBecomesDurable(t *testing.T) {
	dir := t.TempDir()
	s, unblock := blocked(t, dir, "queue")
	if err := s.Hold(item(1)); err != nil {
		t.Fatal(err)
	}
	unblock()
	put(t, s, item(1))
	if w := s.Waiting(); len(w) != 1 || w[0].Held {
		t.Errorf("got %v, want it durable", w)
	}
	if w := open(t, dir).Waiting(); len(w) != 1 {
		t.Errorf("got %v after a restart", w)
	}
}

func TestADigestNeedsTheDisk(t *testing.T) {
	dir := t.TempDir()
	s, _ := blocked(t, dir, "mail")
	put(t, s, item(1), item(2))
	target := item(1).Targets[0]
	m := spool.Mail{Notifier: "ops", Items: []string{item(1).ID, item(2).ID}, Recipients: target.Addresses}
	m.ID = spool.MailID(target, m.Items)
	if err := s.Compose(m, target); err == nil {
		t.Error("a digest was composed that a crash would forget")
	}
	if len(s.Waiting()) != 2 {
		t.Errorf("got %d waiting, want both", len(s.Waiting()))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s, _ := blocked(t, t.TempDir(), "queue")
	var err error
	n := 0
	for ; n < 2000 && err == nil; n++ {
		err = s.Hold(item(n + 1))
	}
	if !errors.Is(err, spool.ErrFull) || n != 1001 {
		t.Errorf("got %v at item %d, want ErrFull at 1001", err, n)
	}
}
