package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tocsin/notify/spool"
)

// spoil flips a bit at the end of a spool file.
func spoil(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 0x01
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// queued is a spool after a restart, with items whose bytes are on the disk alone:
// another one, which has left, took all the room in memory.
func queued(t *testing.T, items ...spool.Item) (s *spool.Spool, dir string) {
	t.Helper()
	dir = t.TempDir()
	first := message(0)
	first.Raw = make([]byte, spool.MaxRemembered)
	put(t, open(t, dir), append(items, first)...)
	s = open(t, dir)
	if err := errors.Join(s.Withdraw(first.ID), os.Remove(filepath.Join(dir, "sent", first.ID+".item"))); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// wantDamaged wants one file to be told of, once.
func wantDamaged(t *testing.T, s *spool.Spool, path string) {
	t.Helper()
	said := s.Damaged()
	if len(said) != 1 || !strings.Contains(said[0], path) || !strings.Contains(said[0], "corrupt") {
		t.Errorf("got %q, want %s once", said, path)
	}
	if said := s.Damaged(); len(said) != 0 {
		t.Errorf("got %q once more", said)
	}
}

// TestDamageOfAMessageThatWaits is found when the message is read: it leaves the
// queue for corrupt/, and the other one stays.
func TestDamageOfAMessageThatWaits(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"a bit": spoil,
		"torn": func(t *testing.T, path string) {
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		},
		"another item's": func(t *testing.T, path string) {
			other := filepath.Join(filepath.Dir(path), message(2).ID+".item")
			data, err := os.ReadFile(other)
			if err := errors.Join(err, os.WriteFile(path, data, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		"a link": func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path)); err != nil {
				t.Fatal(err)
			}
		},
		"a fifo": func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := queued(t, message(1), message(2))
			path := filepath.Join(dir, "queue", message(1).ID+".item")
			damage(t, path)
			gone := s.Gone(message(1).ID)
			if _, err := s.Raw(message(1).ID); !errors.Is(err, spool.ErrUnknown) || !errors.Is(err, spool.ErrDamaged) {
				t.Errorf("got %v", err)
			}
			select {
			case <-gone:
			default:
				t.Error("it is in the queue still")
			}
			wantDamaged(t, s, path)
			wantFiles(t, dir, "queue/*.item", "corrupt/*.item")
			if got := ids(s.Waiting()); len(got) != 1 || got[0] != message(2).ID {
				t.Errorf("got %v waiting", got)
			}
			if data, err := s.Raw(message(2).ID); err != nil || string(data) != string(message(2).Raw) {
				t.Errorf("got %q, %v of the other one", data, err)
			}
			put(t, s, message(1)) // by whoever has it still
			wantFiles(t, dir, "queue/*.item", "queue/*.item", "corrupt/*.item")
		})
	}
}

// TestWhatCannotBeReadJustNowStays where it is, and is read when that is over.
func TestWhatCannotBeReadJustNowStays(t *testing.T) {
	for name, trouble := range map[string]func(t *testing.T, path string) (end func()){
		"no file descriptors": func(t *testing.T, _ string) func() {
			var before syscall.Rlimit
			if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: before.Max}); err != nil {
				t.Fatal(err)
			}
			return func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }
		},
		"no permission": func(t *testing.T, path string) func() {
			if os.Geteuid() == 0 {
				t.Skip("root may read everything")
			}
			if err := os.Chmod(path, 0); err != nil {
				t.Fatal(err)
			}
			return func() { _ = os.Chmod(path, 0o600) }
		},
		"the directory is away": func(t *testing.T, path string) func() {
			dir := filepath.Dir(path)
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Fatal(err)
			}
			return func() { _ = os.Rename(dir+".away", dir) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := queued(t, message(1), message(2))
			end := trouble(t, filepath.Join(dir, "queue", message(1).ID+".item"))
			_, err := s.Raw(message(1).ID)
			end()
			if err == nil || errors.Is(err, spool.ErrUnknown) {
				t.Errorf("got %v, want the system's error", err)
			}
			if data, err := s.Raw(message(1).ID); err != nil || string(data) != string(message(1).Raw) {
				t.Errorf("got %q, %v afterwards", data, err)
			}
			if said := s.Damaged(); len(said) != 0 || len(s.Waiting()) != 2 {
				t.Errorf("got %q, %d waiting", said, len(s.Waiting()))
			}
			wantFiles(t, dir, "queue/*.item", "queue/*.item")
		})
	}
}

// TestDamageThatCannotBeSetAside keeps its place until it can.
func TestDamageThatCannotBeSetAside(t *testing.T) {
	s, dir := queued(t, message(1), message(2))
	path, corrupt := filepath.Join(dir, "queue", message(1).ID+".item"), filepath.Join(dir, "corrupt")
	spoil(t, path)
	if err := os.Rename(corrupt, corrupt+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Raw(message(1).ID); err == nil || errors.Is(err, spool.ErrUnknown) || len(s.Damaged()) != 0 {
		t.Errorf("got %v", err)
	}
	if len(s.Waiting()) != 2 {
		t.Errorf("got %d waiting", len(s.Waiting()))
	}
	if err := os.Rename(corrupt+".away", corrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Raw(message(1).ID); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	wantDamaged(t, s, path)
}

// TestDamageOfAMailThatIsTriedAgain: a message is in the queue as well, so that its
// mail goes on with whoever lacks it; events wait again.
func TestDamageOfAMailThatIsTriedAgain(t *testing.T) {
	for name, i := range map[string]spool.Item{"message": message(1), "event": item(1)} {
		t.Run(name, func(t *testing.T) {
			s, dir := queued(t, i)
			m := compose(t, s, i)
			if err := s.Record(m.ID, told(spool.Sent, m, "a@x")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "mail", m.ID+".mail")
			spoil(t, path)
			data, err := s.Data(m.ID)
			wantDamaged(t, s, path)
			if i.Event != nil {
				if !errors.Is(err, spool.ErrUnknown) || len(s.Letters()) != 0 || len(s.Waiting()) != 1 {
					t.Errorf("got %v, %d mails, %d waiting", err, len(s.Letters()), len(s.Waiting()))
				}
				wantFiles(t, dir, "queue/*.item", "corrupt/*.mail")
				return
			}
			if err != nil || string(data) != string(i.Raw) {
				t.Errorf("got %q, %v", data, err)
			}
			for _, s := range []*spool.Spool{s, open(t, dir)} {
				if l := s.Letters(); len(l) != 1 || len(l[0].Delivery.Pending(m)) != 1 {
					t.Errorf("got %+v, want b@x alone to wait", l)
				}
			}
			wantFiles(t, dir, "queue/*.item", "mail/*.mail", "mail/*.state", "corrupt/*.mail")
		})
	}
}

// TestDamageOfAMailOnHold: its events wait again, and a person keeps them back.
func TestDamageOfAMailOnHold(t *testing.T) {
	i := item(1)
	s, dir := queued(t, i)
	m := compose(t, s, i)
	if err := s.PutOnHold(m.ID); err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(dir, "mail", m.ID+".mail"))
	if _, err := s.Data(m.ID); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("got %v, want %v", err, spool.ErrUnknown)
	}
	for _, s := range []*spool.Spool{s, open(t, dir)} {
		if n := len(s.Waiting()); n != 0 {
			t.Errorf("got %d waiting, want none: they are on hold", n)
		}
		wantFiles(t, dir, "queue/*.hold", "queue/*.item", "corrupt/*.mail")
	}
}

// TestDamageOfAMessageOnItsWay: its mail has the bytes of the message, or both are
// damaged. Recording and ending it does not go on for ever.
func TestDamageOfAMessageOnItsWay(t *testing.T) {
	for name, meet := range map[string]func(s *spool.Spool, m spool.Mail) error{
		"record": func(s *spool.Spool, m spool.Mail) error { return s.Record(m.ID, told(spool.Sent, m, "a@x")) },
		"finish": func(s *spool.Spool, m spool.Mail) error {
			if err := s.Finish(m.ID, told(spool.Failed, m), noon()); !errors.Is(err, spool.ErrUnknown) {
				return errors.Join(errors.New("it has ended"), err)
			}
			return nil
		},
		"hold": func(s *spool.Spool, m spool.Mail) error {
			if err := s.PutOnHold(m.ID); !errors.Is(err, spool.ErrUnknown) {
				return errors.Join(errors.New("it is on hold"), err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := queued(t, message(1), message(2))
			m := compose(t, s, message(1))
			path := filepath.Join(dir, "queue", message(1).ID+".item")
			spoil(t, path)
			if err := meet(s, m); err != nil {
				t.Error(err)
			}
			wantDamaged(t, s, path)
			if len(s.Letters()) != 0 || len(s.Waiting()) != 1 {
				t.Errorf("got %d mails, %d waiting, want the other message alone", len(s.Letters()), len(s.Waiting()))
			}
			wantFiles(t, dir, "queue/*.item", "corrupt/*.item")
		})
	}
	t.Run("both", func(t *testing.T) {
		s, dir := queued(t, message(1), message(2))
		m := compose(t, s, message(1))
		if err := s.Record(m.ID, told(spool.Sent, m, "a@x")); err != nil {
			t.Fatal(err)
		}
		spoil(t, filepath.Join(dir, "queue", message(1).ID+".item"))
		spoil(t, filepath.Join(dir, "mail", m.ID+".mail"))
		if _, err := s.Data(m.ID); !errors.Is(err, spool.ErrUnknown) || len(s.Damaged()) != 2 {
			t.Errorf("got %v", err)
		}
		if len(s.Letters()) != 0 || len(s.Waiting()) != 1 {
			t.Errorf("got %d mails, %d waiting", len(s.Letters()), len(s.Waiting()))
		}
		wantFiles(t, dir, "queue/*.item", "corrupt/*.item", "corrupt/*.mail")
	})
}
