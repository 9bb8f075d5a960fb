package spool_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin"
	"tocsin/notify/spool"
)

func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

func open(t *testing.T, dir string) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir, slog.New(slog.DiscardHandler), noon())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// item makes the n-th item, to a@x and b@x.
func item(n int) spool.Item {
	id := fmt.Sprintf("%032x", n)
	return spool.Item{
		ID: id, Queued: noon(), Severity: tocsin.Warning,
		Targets: []spool.Target{{Notifier: "ops", Addresses: []string{"a@x", "b@x"}}},
		Event: &tocsin.Event{
			ID: id, Type: tocsin.Failed, At: noon(), Since: noon(), Description: "ünïcode\n\x00",
			Mark: &tocsin.Mark{Epoch: "e", Transition: uint64(n)},
		},
	}
}

// compose makes and freezes the mail of some items.
func compose(t *testing.T, s *spool.Spool, items ...spool.Item) spool.Mail {
	t.Helper()
	target := items[0].Targets[0]
	m := spool.Mail{
		Notifier: target.Notifier, Severity: tocsin.Warning, Recipients: target.Addresses, From: "me@x",
		Queued: noon(), Composed: noon(), Data: []byte("Subject: x\r\n\r\nbody\r\n"), Subject: "x",
	}
	for _, i := range items {
		m.Items = append(m.Items, i.ID)
	}
	m.ID = spool.MailID(target, m.Items)
	if err := s.Compose(m, target); err != nil {
		t.Fatal(err)
	}
	return m
}

func told(status spool.Status, m spool.Mail, addresses ...string) spool.Delivery {
	d := spool.Delivery{Attempts: 1, Recipients: map[string]spool.Recipient{}}
	for _, a := range m.Recipients {
		if len(addresses) == 0 || slices.Contains(addresses, a) {
			d.Recipients[a] = spool.Recipient{Status: status, Reply: "reply to " + a}
		}
	}
	return d
}

func put(t *testing.T, s *spool.Spool, items ...spool.Item) {
	t.Helper()
	for _, i := range items {
		if err := s.Put(i); err != nil {
			t.Fatal(err)
		}
	}
}

// files lists the tree without its empty directories.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	for _, sub := range []string{"queue", "mail", "sent", "badmail", "corrupt", "pickup"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, sub+"/*"+filepath.Ext(e.Name()))
		}
	}
	return list
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, files(t, dir), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func ids(waiting []spool.Waiting) []string {
	var list []string
	for _, w := range waiting {
		list = append(list, w.Item.ID)
	}
	slices.Sort(list)
	return list
}

func TestPutSurvivesAndCountsOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(2), item(1))
	select {
	case <-s.Changed():
	default:
		t.Error("nobody was told of the change")
	}
	s = open(t, dir) // the process died
	put(t, s, item(2))
	waiting := s.Waiting()
	if got := ids(waiting); !slices.Equal(got, []string{item(1).ID, item(2).ID}) {
		t.Fatalf("got %v", got)
	}
	for _, w := range waiting {
		if w.Item.ID == item(1).ID {
			if diff := cmp.Diff(item(1), *w.Item); diff != "" {
				t.Error(diff)
			}
		}
	}
	wantFiles(t, dir, "queue/*.item", "queue/*.item")
}

func TestAMailFromPutToSent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(2))
	gone := s.Gone(item(1).ID)
	m := compose(t, s, item(1), item(2))
	if w := s.Waiting(); len(w) != 0 {
		t.Errorf("got %v waiting beside the mail", ids(w))
	}
	if err := s.Record(m.ID, told(spool.Sent, m, "a@x")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	letters := s.Letters()
	if len(letters) != 1 {
		t.Fatalf("got %d letters after a restart, want 1", len(letters))
	}
	if data, err := s.Data(m.ID); err != nil || string(data) != string(m.Data) {
		t.Errorf("the frozen bytes changed: %q, %v", data, err)
	}
	m.Data = nil // only on the disk
	if diff := cmp.Diff(m, *letters[0].Mail); diff != "" {
		t.Errorf("the frozen mail changed: %s", diff)
	}
	if got := letters[0].Delivery.Pending(m); !slices.Equal(got, []string{"b@x"}) {
		t.Errorf("got pending %v, want b@x alone", got)
	}
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "sent/*.item", "sent/*.item", "sent/*.mail")
	select {
	case <-gone:
		t.Error("gone of another process was closed")
	default:
	}
	put(t, s, item(1)) // a repeat after the end
	s = open(t, dir)
	put(t, s, item(2))
	if w := s.Waiting(); len(w) != 0 {
		t.Errorf("told items came back: %v", ids(w))
	}
	events, err := s.Events()
	if err != nil || len(events) != 2 {
		t.Errorf("got %d events to roll forward from, %v, want 2", len(events), err)
	}
}

func TestRefusedMailIsKeptWithItsReasons(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(2))
	part := compose(t, s, item(1))
	d := told(spool.Sent, part, "a@x")
	d.Recipients["b@x"] = spool.Recipient{Status: spool.Failed, Reply: "550 5.1.1 no such user"}
	if err := s.Finish(part.ID, d, noon()); err != nil {
		t.Fatal(err)
	}
	all := compose(t, s, item(2))
	if err := s.Finish(all.ID, told(spool.Failed, all), noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "sent/*.item", "sent/*.item", "sent/*.mail", "badmail/*.eml", "badmail/*.json", "badmail/*.eml", "badmail/*.json", "badmail/*.mail")
	reason, err := os.ReadFile(filepath.Join(dir, "badmail", part.ID+".json"))
	if err != nil || !strings.Contains(string(reason), "550 5.1.1 no such user") {
		t.Errorf("got %s, %v", reason, err)
	}
	eml, err := os.ReadFile(filepath.Join(dir, "badmail", part.ID+".eml"))
	if err != nil || string(eml) != string(part.Data) {
		t.Errorf("got %q, %v, want the mail's bytes", eml, err)
	}
}

// TestRecoverFromEveryPointOfFinish makes each state that a crash in Finish
// can leave: the end is always the same.
func TestRecoverFromEveryPointOfFinish(t *testing.T) {
	for crash := range 5 {
		t.Run(fmt.Sprint(crash), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			put(t, s, item(1), item(2))
			m := compose(t, s, item(1), item(2))
			if err := s.Record(m.ID, told(spool.Sent, m)); err != nil {
				t.Fatal(err)
			}
			steps := [][2]string{
				{"mail/" + m.ID + ".mail", "sent/" + m.ID + ".mail"},
				{"queue/" + item(1).ID + ".item", "sent/" + item(1).ID + ".item"},
				{"queue/" + item(2).ID + ".item", "sent/" + item(2).ID + ".item"},
				{"mail/" + m.ID + ".state", "gone"},
			}
			for _, step := range steps[:crash] {
				if err := os.Rename(filepath.Join(dir, step[0]), filepath.Join(dir, step[1])); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 { // crashes during recovery change nothing
				s = open(t, dir)
			}
			if crash == 0 { // the verdicts were recorded, the end was not
				letters := s.Letters()
				if len(letters) != 1 || len(letters[0].Delivery.Pending(*letters[0].Mail)) != 0 {
					t.Fatalf("got %v, want one letter without pending recipients", letters)
				}
				if err := s.Finish(m.ID, letters[0].Delivery, noon()); err != nil {
					t.Fatal(err)
				}
			}
			if len(s.Letters()) != 0 || len(s.Waiting()) != 0 {
				t.Errorf("got %v and %v left", s.Letters(), ids(s.Waiting()))
			}
			wantFiles(t, dir, "sent/*.item", "sent/*.item", "sent/*.mail")
		})
	}
}

func TestTwoNotifiersAreTwoMails(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	i := item(1)
	i.Targets = append(i.Targets, spool.Target{Notifier: "boss", Addresses: []string{"c@x"}})
	put(t, s, i)
	first := compose(t, s, i)
	if err := s.Finish(first.ID, told(spool.Sent, first), noon()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w := s.Waiting()
		if len(w) != 1 || w[0].Target.Notifier != "boss" {
			t.Fatalf("got %v, want the second notifier alone", w)
		}
		s = open(t, dir)
	}
	second := i
	second.Targets = i.Targets[1:]
	m := compose(t, s, second)
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "sent/*.item", "sent/*.mail", "sent/*.mail")
}

func TestDamageGoesToCorrupt(t *testing.T) {
	good := t.TempDir()
	s := open(t, good)
	put(t, s, item(1))
	whole, err := os.ReadFile(filepath.Join(good, "queue", item(1).ID+".item"))
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"empty": {}, "nul": make([]byte, len(whole)), "short": whole[:len(whole)-1], "long": append(slices.Clone(whole), 'x'),
		"text": []byte("hello\n"), "version": []byte(strings.Replace(string(whole), "tocsin 1", "tocsin 2", 1)),
	}
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 0x01
		bad[fmt.Sprintf("byte %d", i)] = flipped
	}
	for name, data := range bad {
		dir := t.TempDir()
		s := open(t, dir)
		put(t, s, item(2))
		if err := os.WriteFile(filepath.Join(dir, "queue", item(1).ID+".item"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		if got := ids(s.Waiting()); !slices.Equal(got, []string{item(2).ID}) {
			t.Errorf("%s: got %v, want the other item alone", name, got)
		}
		if got := files(t, dir); !slices.Equal(got, []string{"queue/*.item", "corrupt/*.item"}) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAnItemUnderAnotherNameIsDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1))
	if err := os.Rename(filepath.Join(dir, "queue", item(1).ID+".item"), filepath.Join(dir, "queue", item(2).ID+".item")); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir); len(s.Waiting()) != 0 {
		t.Error("it was taken")
	}
	wantFiles(t, dir, "corrupt/*.item")
}

func TestADamagedStateIsTriedAnew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1))
	m := compose(t, s, item(1))
	if err := os.WriteFile(filepath.Join(dir, "mail", m.ID+".state"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	letters := open(t, dir).Letters()
	if len(letters) != 1 || len(letters[0].Delivery.Pending(m)) != 2 || letters[0].Delivery.Attempts != 1 {
		t.Errorf("got %+v", letters)
	}
}

func TestALostCompositionIsTheSameAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1), item(2))
	m := compose(t, s, item(1), item(2))
	if err := os.Remove(filepath.Join(dir, "mail", m.ID+".mail")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if again := compose(t, s, item(1), item(2)); again.ID != m.ID {
		t.Errorf("got %s, want %s", again.ID, m.ID)
	}
}
