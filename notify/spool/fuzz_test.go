package spool_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"tocsin/internal/durable"
	"tocsin/notify/spool"
)

// FuzzRecover puts any bytes into every kind of file: opening the spool never
// fails for it, unless a later version wrote them, and another item is never lost.
func FuzzRecover(f *testing.F) {
	dir := f.TempDir()
	f.Add([]byte("tocsin 1 item 0 e3b0\n"), []byte("{}"))
	f.Add([]byte("tocsin 1 mail 3 \n{}\n"), []byte("null"))
	f.Add([]byte("tocsin 2"), []byte("0"))
	f.Add([]byte("tocsin 2 item\n"), []byte("0"))
	_ = dir
	f.Fuzz(func(t *testing.T, record, state []byte) {
		dir := t.TempDir()
		put(t, open(t, dir), item(2))
		id := item(1).ID
		for path, data := range map[string][]byte{
			"queue/" + id + ".item": record, "mail/" + id + ".mail": record, "mail/" + id + ".state": state,
			"sent/" + id + ".mail": record, "pickup/" + id + ".item": record, "badmail/" + id + ".mail": record,
		} {
			if err := os.WriteFile(filepath.Join(dir, path), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := spool.Open(dir, slog.New(slog.DiscardHandler), noon())
		if errors.Is(err, durable.ErrNewer) { // it is left to the version that knows it
			if _, err := os.Stat(filepath.Join(dir, "queue", item(2).ID+".item")); err != nil {
				t.Error(err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Collect(); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Item(item(2).ID); !ok {
			t.Error("the other item is gone")
		}
	})
}
