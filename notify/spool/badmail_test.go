package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/notify/spool"
)

// refuse puts an item and gives its mail up for b@x, or for both.
func refuse(t *testing.T, s *spool.Spool, n int, sent ...string) spool.Mail {
	t.Helper()
	put(t, s, item(n))
	m := compose(t, s, item(n))
	d := told(spool.Sent, m, sent...)
	if len(sent) == 0 {
		d = told(spool.Failed, m)
	}
	for _, address := range d.Pending(m) {
		d.Recipients[address] = spool.Recipient{Status: spool.Failed, Reply: "550 no such user"}
	}
	if err := s.Finish(m.ID, d, noon()); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRequeue(t *testing.T) {
	for _, tt := range []struct {
		name string
		sent []string
		want []string
	}{
		{"nobody got it", nil, []string{"a@x", "b@x"}},
		{"one did", []string{"a@x"}, []string{"b@x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			m := refuse(t, s, 1, tt.sent...)
			bad, err := spool.Badmail(dir)
			if err != nil || len(bad) != 1 || !slices.Equal(bad[0].Refused(), tt.want) || bad[0].Why() == "" {
				t.Fatalf("got badmail %+v, %v", bad, err)
			}
			if err := s.Requeue(m.ID[:8], noon()); err != nil {
				t.Fatal(err)
			}
			for _, s := range []*spool.Spool{s, open(t, dir)} { // and after a restart
				waiting := s.Waiting()
				if len(waiting) != 1 || !slices.Equal(waiting[0].Target.Addresses, tt.want) || waiting[0].Item.From != m.From {
					t.Fatalf("got waiting %+v", waiting)
				}
				if data, err := s.Raw(waiting[0].Item.ID); err != nil || string(data) != string(m.Data) {
					t.Errorf("got %q, %v", data, err)
				}
			}
			wantFiles(t, dir, "queue/*.item", "sent/*.item", "sent/*.mail")
			if err := s.Requeue(m.ID, noon()); !errors.Is(err, spool.ErrUnknown) {
				t.Errorf("got %v for what is not in badmail any more", err)
			}
		})
	}
}

// TestRequeueIsOnce: a crash before badmail/ is tidied makes no second copy.
func TestRequeueIsOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	m := refuse(t, s, 1)
	keep := map[string][]byte{}
	for _, ext := range []string{".eml", ".json"} {
		path := filepath.Join(dir, "badmail", m.ID+ext)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		keep[path] = data
	}
	if err := s.Requeue(m.ID, noon()); err != nil {
		t.Fatal(err)
	}
	for path, data := range keep {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	if err := s.Requeue(m.ID, noon().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Waiting()); n != 1 {
		t.Errorf("got %d items, want 1", n)
	}
}

func TestRequeueWhatWasDropped(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1))
	if err := s.Drop(item(1).ID, "dropped by hand", noon()); err != nil {
		t.Fatal(err)
	}
	if err := s.Requeue(item(1).ID, noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "queue/*.item")
	if got := ids(open(t, dir).Waiting()); !slices.Equal(got, []string{item(1).ID}) {
		t.Errorf("got %v", got)
	}
}

func TestPutOnHold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(2), item(3))
	m := compose(t, s, item(2))
	for _, id := range []string{item(1).ID, item(2).ID} { // an item, and a mail by its item
		if err := s.PutOnHold(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutOnHold("ff"); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("got %v for what is not there", err)
	}
	for _, s := range []*spool.Spool{s, open(t, dir)} {
		if got := ids(s.Waiting()); !slices.Equal(got, []string{item(3).ID}) || len(s.Letters()) != 0 {
			t.Errorf("got %v waiting and %d mails, want item 3 alone", got, len(s.Letters()))
		}
	}
	listing, err := spool.List(dir)
	if err != nil || !listing.OnHold[item(1).ID] || !listing.OnHold[m.ID] {
		t.Errorf("got on hold %v, %v", listing.OnHold, err)
	}
	if err := s.Retry(""); err != nil || len(s.Waiting()) != 1 {
		t.Errorf("a retry of all ends a hold (%v)", err)
	}
	for _, id := range []string{item(1).ID, m.ID} {
		if err := s.Retry(id); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.Waiting()) != 2 || len(s.Letters()) != 1 {
		t.Errorf("got %d items and %d mails, want 2 and 1", len(s.Waiting()), len(s.Letters()))
	}
	if err := s.PutOnHold(m.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "queue/*.item", "queue/*.item", "sent/*.item", "sent/*.mail")
}

func TestExport(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	raw := item(9)
	raw.Event, raw.Raw = nil, []byte("Subject: raw\r\n\r\n")
	put(t, s, item(1), item(2), raw)
	waiting, refused := compose(t, s, item(1)), refuse(t, s, 3)
	for id, want := range map[string][]byte{waiting.ID: waiting.Data, refused.ID: refused.Data, raw.ID: raw.Raw} {
		if got, err := spool.Export(dir, id); err != nil || string(got) != string(want) {
			t.Errorf("%s: got %q, %v, want %q", id, got, err, want)
		}
	}
	for _, id := range []string{"", "*", "../x", item(2).ID, "0000"} {
		if got, err := spool.Export(dir, id); !errors.Is(err, spool.ErrUnknown) {
			t.Errorf("%q: got %q, %v", id, got, err)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var d spool.Delivery
	for i := range 120 {
		d.Tried(spool.Try{Result: fmt.Sprint(i)})
	}
	var got []string
	for _, try := range d.History {
		got = append(got, try.Result)
	}
	want := []string{"0", "1", "2", "3", "4"}
	for i := 75; i < 120; i++ {
		want = append(want, fmt.Sprint(i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
}

func TestPruneBadmailKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	old, fresh := refuse(t, s, 1), refuse(t, s, 2)
	paths, err := filepath.Glob(filepath.Join(dir, "badmail", old.ID+".*"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("got %v, %v", paths, err)
	}
	var size int64
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		if err := os.Chtimes(path, noon(), noon()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PruneBadmail(2 * size); err != nil {
		t.Fatal(err)
	}
	if bad, _ := spool.Badmail(dir); len(bad) != 2 {
		t.Errorf("below the cap %d of 2 are left", len(bad))
	}
	if err := s.PruneBadmail(size); err != nil {
		t.Fatal(err)
	}
	if bad, _ := spool.Badmail(dir); len(bad) != 1 || bad[0].ID() != fresh.ID {
		t.Errorf("got %+v, want the newest", bad)
	}
}
