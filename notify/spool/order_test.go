package spool_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tocsin/notify/spool"
)

// message is the n-th message of another program, to a@x and b@x.
func message(n int) spool.Item {
	i := item(n)
	i.Event, i.Raw, i.Targets = nil, []byte("Subject: x\r\n\r\nbody\r\n"), []spool.Target{{Addresses: []string{"a@x", "b@x"}}}
	return i
}

// TestRequeueKnowsWhoHasIt: one notifier got the event, the other's part was
// dropped and requeued.
func TestRequeueKnowsWhoHasIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	both := item(1)
	both.Targets = append(both.Targets, spool.Target{Notifier: "boss", Addresses: []string{"boss@x"}})
	put(t, s, both)
	m := compose(t, s, both)
	if err := s.Finish(m.ID, told(spool.Sent, m), noon()); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(both.ID, "dropped by hand", noon()); err != nil {
		t.Fatal(err)
	}
	if err := s.Requeue(both.ID, noon()); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*spool.Spool{s, open(t, dir)} {
		if w := s.Waiting(); len(w) != 1 || w[0].Target.Notifier != "boss" {
			t.Errorf("got %+v waiting, want it for the boss alone", w)
		}
	}
}

// TestARequeueThatACrashCut is tidied by the next one.
func TestARequeueThatACrashCut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, item(1))
	if err := s.Drop(item(1).ID, "x", noon()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "badmail", item(1).ID+".json")
	reason, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Requeue(item(1).ID, noon()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, reason, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if err := s.Requeue(item(1).ID, noon()); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "queue/*.item")
}

// TestNothingIsComposedOfWhatIsWithdrawn: a worker was dialing when somebody
// dropped it or put it on hold.
func TestNothingIsComposedOfWhatIsWithdrawn(t *testing.T) {
	for name, withdraw := range map[string]func(s *spool.Spool, id string) error{
		"drop": func(s *spool.Spool, id string) error { return s.Drop(id, "by hand", noon()) },
		"hold": func(s *spool.Spool, id string) error { return s.PutOnHold(id) },
	} {
		s := open(t, t.TempDir())
		put(t, s, item(1), item(2))
		if err := withdraw(s, item(1).ID); err != nil {
			t.Fatal(err)
		}
		target := item(1).Targets[0]
		for _, items := range [][]string{{item(1).ID}, {item(2).ID, item(1).ID}} {
			m := spool.Mail{ID: spool.MailID(target, items), Items: items, Recipients: target.Addresses, Data: []byte("x")}
			if err := s.Compose(m, target); !errors.Is(err, spool.ErrWithdrawn) {
				t.Errorf("%s: got %v of %v", name, err, items)
			}
		}
		if len(s.Letters()) != 0 {
			t.Errorf("%s: there is a mail to send", name)
		}
	}
}

// TestAPowerCutForgetsNoRecipient: the message is back in pickup/, its mail's
// state is durable.
func TestAPowerCutForgetsNoRecipient(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := spool.Submit(dir, message(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	m := compose(t, s, message(1))
	if err := s.Record(m.ID, told(spool.Sent, m, "a@x")); err != nil {
		t.Fatal(err)
	}
	name := message(1).ID + ".item"
	if err := os.Rename(filepath.Join(dir, "queue", name), filepath.Join(dir, "pickup", name)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if _, err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	letters := s.Letters()
	if len(s.Waiting()) != 0 || len(letters) != 1 || !slices.Equal(letters[0].Delivery.Pending(m), []string{"b@x"}) {
		t.Errorf("got %d waiting and %+v, want b@x alone to wait", len(s.Waiting()), letters)
	}
}

// TestAHoldOutlivesARestart, also of a mail that was on the wire for the first
// time and in memory alone.
func TestAHoldOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, message(1))
	compose(t, s, message(1))
	if err := s.PutOnHold(message(1).ID); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if len(s.Letters())+len(s.Waiting()) != 0 {
		t.Errorf("got %d mails and %d items to send", len(s.Letters()), len(s.Waiting()))
	}
}

// TestAMisnamedSubmissionBlocksNobody.
func TestAMisnamedSubmissionBlocksNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 2 {
		if err := spool.Submit(dir, message(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	pickup := filepath.Join(dir, "pickup")
	if err := os.Rename(filepath.Join(pickup, message(1).ID+".item"), filepath.Join(pickup, "copy.item")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Collect(); n != 1 || err != nil {
		t.Errorf("got %d items, %v, want the other one", n, err)
	}
	wantFiles(t, dir, "queue/*.item", "corrupt/*.item")
}

// TestWhatWaitsIsNotInMemory: the agent has less of it than the queue may have.
func TestWhatWaitsIsNotInMemory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, message(1), message(2))
	m := compose(t, s, message(1))
	if err := s.Record(m.ID, told(spool.Pending, m)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*spool.Spool{s, open(t, dir)} {
		if s.Letters()[0].Mail.Data != nil || s.Waiting()[0].Item.Raw != nil {
			t.Error("bytes of a message are kept")
		}
		if data, err := s.Data(m.ID); err != nil || string(data) != string(m.Data) {
			t.Errorf("got %q, %v", data, err)
		}
	}
}

// TestFewMessagesAreInMemory, however many wait, and none that has gone; whether
// they are or not, their bytes are those of the disk.
func TestFewMessagesAreInMemory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var all []spool.Item
	for n := range 5 {
		m := message(n + 1)
		m.Raw = append(m.Raw, bytes.Repeat([]byte{byte('a' + n)}, spool.MaxRemembered/3)...)
		all = append(all, m)
		put(t, s, m)
		if got := s.Remembered(); got > spool.MaxRemembered {
			t.Errorf("%d bytes are in memory, at most %d may be", got, spool.MaxRemembered)
		}
	}
	if s.Remembered() == 0 {
		t.Error("nothing is in memory")
	}
	for _, m := range all {
		if got, err := s.Raw(m.ID); err != nil || !bytes.Equal(got, m.Raw) {
			t.Errorf("got %d bytes of %s, %v", len(got), m.ID, err)
		}
	}
	for _, m := range all {
		mail := compose(t, s, m)
		if err := s.Finish(mail.ID, told(spool.Sent, mail), noon()); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Remembered(); got != 0 {
		t.Errorf("%d bytes of mail that has gone are in memory", got)
	}
}

// TestFlushIsNotPutOffForEver: while one mail follows the other their ends
// become durable all the same.
func TestFlushIsNotPutOffForEver(t *testing.T) {
	s := open(t, t.TempDir())
	now := noon()
	for n := range 4 {
		put(t, s, message(n+1))
		m := compose(t, s, message(n+1))
		now = now.Add(300 * time.Millisecond)
		if err := s.Finish(m.ID, told(spool.Sent, m), now); err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 2, 0, 1}[n]; s.Unsynced() != want {
			t.Errorf("after mail %d: %d are not durable, want %d", n+1, s.Unsynced(), want)
		}
	}
}
