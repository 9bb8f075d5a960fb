package durable_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/durable"
)

func openLog(t *testing.T, path string) (*durable.Log, []string) {
	t.Helper()
	var records []string
	l, err := durable.OpenLog(path, func(r []byte) error {
		records = append(records, string(r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, records
}

func TestLogKeepsRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, records := openLog(t, path)
	if len(records) != 0 {
		t.Fatalf("got %q in a new log", records)
	}
	want := []string{"one", "two words", ""}
	for _, r := range want {
		if err := l.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Append([]byte("a\nb")); err == nil {
		t.Error("a record with a line feed was taken")
	}
	if _, got := openLog(t, path); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := l.Rewrite([][]byte{[]byte("only")}); err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]byte("after")); err != nil {
		t.Fatal(err)
	}
	if _, got := openLog(t, path); !slices.Equal(got, []string{"only", "after"}) {
		t.Errorf("got %q after a rewrite", got)
	}
}

// TestLogSurvivesEveryTear cuts the file at every byte: what was whole is
// found, and the log goes on from there.
func TestLogSurvivesEveryTear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := openLog(t, path)
	var ends []int64
	for _, r := range []string{"alpha", "beta", "gamma"} {
		if err := l.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, l.Size())
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:l.Size()]
	for cut := range len(whole) {
		torn := filepath.Join(t.TempDir(), "torn")
		if err := os.WriteFile(torn, append(bytes.Clone(whole[:cut]), 0, 0, 0), 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for want < len(ends) && ends[want] <= int64(cut) {
			want++
		}
		l, got := openLog(t, torn)
		if len(got) != want || l.Lost() != 0 {
			t.Errorf("cut at %d: got %q (%d lost), want %d records", cut, got, l.Lost(), want)
		}
		if err := l.Append([]byte("more")); err != nil {
			t.Fatal(err)
		}
		if _, again := openLog(t, torn); len(again) != want+1 {
			t.Errorf("cut at %d: got %q after an append, want %d records", cut, again, want+1)
		}
	}
}

// TestLogCountsDamage flips every bit of the first of two records: the second
// is found, and the loss is known.
func TestLogCountsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := openLog(t, path)
	if err := l.Append([]byte("first")); err != nil {
		t.Fatal(err)
	}
	end := l.Size()
	if err := l.Append([]byte("second")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range (end - 1) * 8 {
		bad := bytes.Clone(whole)
		bad[bit/8] ^= 1 << (bit % 8)
		if bad[bit/8] == '\n' || bad[bit/8] == 0 {
			continue // two records out of one; the count differs, the loss shows
		}
		file := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		l, got := openLog(t, file)
		if !slices.Equal(got, []string{"second"}) && bad[bit/8]|0x20 != whole[bit/8]|0x20 {
			t.Errorf("bit %d: got %q", bit, got)
		}
		if len(got) == 1 && l.Lost() != int(end) {
			t.Errorf("bit %d: got %d bytes lost, want %d", bit, l.Lost(), end)
		}
	}
}

// TestLogCountsAnEndThatIsNone: only the beginning of a record is taken for one
// that was being written.
func TestLogCountsAnEndThatIsNone(t *testing.T) {
	for end, lost := range map[string]bool{
		"": false, "01": false, "0123abcd": false, "0123abcd ": false, "0123abcd r 17": false,
		"garbage": true, "01x": true, "0123abcdr": true, "\xff": true, "0123abcd " + strings.Repeat("r", 5000): true,
	} {
		path := filepath.Join(t.TempDir(), "log")
		l, _ := openLog(t, path)
		if err := l.Append([]byte("first")); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(bytes.TrimRight(text, "\x00"), end...)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l, got := openLog(t, path)
		if !slices.Equal(got, []string{"first"}) || (l.Lost() > 0) != lost || lost && l.Lost() != len(end) {
			t.Errorf("%.20q: got %q and %d bytes lost", end, got, l.Lost())
		}
		if kept, err := os.ReadFile(path + ".damaged"); lost && !bytes.Equal(kept, text) || !lost && err == nil {
			t.Errorf("%.20q: kept is %.40q, %v", end, kept, err)
		}
		if l, _ = openLog(t, path); l.Lost() != 0 {
			t.Errorf("%.20q: it was not cut off", end)
		}
	}
}

func TestLogRefusesWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := durable.OpenLog(dir, nil); err == nil {
		t.Error("a directory was opened as a log")
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.OpenLog(link, nil); err == nil {
		t.Error("a symbolic link was followed")
	}
	if err := durable.ReadLog(filepath.Join(dir, "absent"), nil); err != nil {
		t.Errorf("got %v for an absent log, want none", err)
	}
}

func TestLogPassesOverWhatReplayRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := openLog(t, path)
	if err := l.Append([]byte("foreign")); err != nil {
		t.Fatal(err)
	}
	again, err := durable.OpenLog(path, func([]byte) error { return errors.New("no") })
	if err != nil || again.Lost() == 0 {
		t.Errorf("got %v and %d bytes lost, want the loss counted", err, again.Lost())
	}
}

func FuzzOpenLog(f *testing.F) {
	f.Add([]byte("00000000 \n"))
	f.Add([]byte("ffffffff x\nzz\n\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, before := openLog(t, path)
		if err := l.Append([]byte("new")); err != nil {
			t.Fatal(err)
		}
		if _, after := openLog(t, path); len(after) != len(before)+1 || after[len(before)] != "new" {
			t.Errorf("got %q, then %q after an append", before, after)
		}
	})
}
