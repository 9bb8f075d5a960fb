package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/spool"
)

func TestSubmitAndCollect(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	raw := item(1)
	raw.Event, raw.Raw, raw.From = nil, []byte("Subject: raw\r\n\r\n\x00bytes"), "me@x"
	if err := spool.Submit(dir, raw); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pickup", "f.item"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "pickup", "l.item")); err != nil {
		t.Fatal(err)
	}
	n, err := s.Collect()
	if err == nil && n != 1 {
		t.Fatalf("got %d, %v, want 1", n, err)
	}
	for range 3 { // what is hostile is passed over one by one
		_, _ = s.Collect()
	}
	s = open(t, dir)
	w := s.Waiting()
	if len(w) != 1 {
		t.Fatalf("got %d items, want 1", len(w))
	}
	if data, err := s.Raw(raw.ID); err != nil || string(data) != string(raw.Raw) || s.RawBytes() != int64(len(raw.Raw)) {
		t.Errorf("got %q, %v, %d bytes in all", data, err, s.RawBytes())
	}
	raw.Raw = nil // only on the disk
	if diff := cmp.Diff(raw, *w[0].Item); diff != "" {
		t.Error(diff)
	}
	if err := spool.Submit(dir, spool.Item{ID: "../../x"}); !errors.Is(err, spool.ErrDamaged) {
		t.Errorf("got %v for an item without recipients, want a refusal", err)
	}
}

func TestRetryAndDrop(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(0xf0), item(3))
	m := compose(t, s, item(1))
	late := told(spool.Pending, m)
	late.Next = noon().Add(time.Hour)
	if err := s.Record(m.ID, late); err != nil {
		t.Fatal(err)
	}
	if err := s.Retry(m.ID[:10]); err != nil {
		t.Fatal(err)
	}
	if next := s.Letters()[0].Delivery.Next; !next.IsZero() {
		t.Errorf("got next %v after a retry, want now", next)
	}
	if err := s.Retry("ffffffffff"); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("got %v, want unknown", err)
	}
	if err := s.Drop("000000", "x", noon()); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("got %v for an ambiguous id", err)
	}
	for _, id := range []string{m.ID, item(3).ID} {
		if err := s.Drop(id, "dropped by hand", noon()); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	if got := ids(s.Waiting()); !slices.Equal(got, []string{item(0xf0).ID}) || len(s.Letters()) != 0 {
		t.Errorf("got %v and %d letters left", got, len(s.Letters()))
	}
	put(t, s, item(3))
	if len(s.Waiting()) != 1 {
		t.Error("a dropped item came back")
	}
	l, err := spool.List(dir)
	if err != nil || len(l.Items) != 1 || len(l.Letters) != 0 || l.Badmail != 2 {
		t.Errorf("got %+v, %v", l, err)
	}
}

func TestPruneKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 500 {
		path := filepath.Join(dir, "sent", fmt.Sprintf("%032x.item", n))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := noon().Add(time.Duration(n) * time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Prune(noon().Add(500 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "sent"))
	if err != nil || len(entries) != 400 || entries[0].Name() != fmt.Sprintf("%032x.item", 100) {
		t.Errorf("got %d files from %v on, %v, want the newest 400", len(entries), entries[0], err)
	}
}

// TestPruneBoundsTheBytes: of the large ones the oldest go, whatever their age.
func TestPruneBoundsTheBytes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 5 {
		path := filepath.Join(dir, "sent", fmt.Sprintf("%032x.mail", n))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 100<<20); err != nil { // holes
			t.Fatal(err)
		}
		at := noon().Add(time.Duration(n) * time.Second)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Prune(noon().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "sent"))
	if err != nil || len(entries) != 2 || entries[0].Name() != fmt.Sprintf("%032x.mail", 3) {
		t.Errorf("got %d files, %v, want the newest two", len(entries), err)
	}
}

func TestArrivals(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	arrivals, err := s.Arrivals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := spool.Submit(dir, item(1)); err != nil {
		t.Fatal(err)
	}
	<-arrivals // or the test's deadline
	if n, err := s.Collect(); n != 1 || err != nil {
		t.Errorf("got %d items, %v after the hint, want 1", n, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pickup", ".tmp-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := spool.Submit(dir, item(2)); err != nil {
		t.Fatal(err)
	}
	<-arrivals
	if n, err := s.Collect(); n != 1 || err != nil {
		t.Errorf("got %d items, %v after the second hint, want 1", n, err)
	}
}

// TestRetryByTheNameOfTheHold: a mail that was held by the id of one of its items
// goes again by that, too.
func TestRetryByTheNameOfTheHold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1))
	compose(t, s, item(1))
	if err := s.PutOnHold(item(1).ID); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Letters()); n != 0 {
		t.Fatalf("%d mails go on", n)
	}
	if err := s.Retry(item(1).ID); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*spool.Spool{"now": s, "after a restart": open(t, dir)} {
		if n := len(s.Letters()); n != 1 {
			t.Errorf("%s: %d mails go on, want 1", name, n)
		}
	}
}
