package checks

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// appendTo adds text to a file.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// contentStep is what happens to a file between two readings.
type contentStep struct {
	name string
	do   func()
	want string // matches, then the last line
}

func contentSteps(t *testing.T, path string) []contentStep {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rotate := func() { must(os.Rename(path, path+".1")) }
	long := strings.Repeat("x", 1<<20)
	return []contentStep{
		{"what was there does not count", func() {}, "0"},
		{"nothing", func() {}, "0"},
		{"the end of a line that was begun", func() { appendTo(t, path, "ne error\n") }, "1 ne error"},
		{"two of three", func() { appendTo(t, path, "error 1\nfine\nerror 2\r\n") }, "2 error 2"},
		{"ignored", func() { appendTo(t, path, "error: harmless\n") }, "0"},
		{"not ended yet", func() { appendTo(t, path, "error 3") }, "0"},
		{"ended", func() { appendTo(t, path, "3\n") }, "1 error 33"},
		{"binary", func() { appendTo(t, path, "\x00\xff\x1b[31m error\x07\n") }, "1 ??[31m error?"},
		{"beginning of a line of 1 MiB", func() { appendTo(t, path, "error "+long+"\nfine\n") }, "1 error " + long[:maxText-6]},
		{"its end is not looked at", func() { appendTo(t, path, long+" error\n") }, "0"},
		{"cut to nothing", func() { write(t, "", path); appendTo(t, path, "error 4\n") }, "1 error 4"},
		{"copied and cut, and longer again", func() { write(t, "fine\nerror 5\nfine, and quite long\n", path) }, "1 error 5"},
		{"renamed, with lines in both", func() {
			appendTo(t, path, "error 6\nerror 7") // without a line end
			rotate()
			appendTo(t, path, "error 8\nerror 9")
		}, "3 error 8"},
		{"goes on in the new one", func() { appendTo(t, path, "9\n") }, "1 error 99"},
		{"renamed and gone", func() { appendTo(t, path, "error 10\n"); rotate() }, ""},
		{"back", func() { appendTo(t, path, "error 11\n") }, "2 error 11"},
		{"removed and made anew", func() { must(os.Remove(path)); appendTo(t, path, "error 12\n") }, "1 error 12"},
	}
}

func TestContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, "error: old\nhalf a li", path)
	r := open(t, NewHost(""), "file", map[string]string{"path": path, "content": "error", "ignore": "harmless|nothing"})
	for _, test := range contentSteps(t, path) {
		test.do()
		got := read(t, r)
		text := ""
		if v, ok := got.Values.Find("content.matches"); ok {
			text = strings.TrimSpace(v.String() + " " + got.Values.Of("content.line").String())
			if _, ok := got.Values.Find("content.line"); !ok {
				text = v.String()
			}
		}
		if text != test.want {
			t.Errorf("%s: got %.80q, want %.80q", test.name, text, test.want)
		}
	}
}

// TestContentBounded appends more than one reading reads.
func TestContentBounded(t *testing.T) {
	path := write(t, "", t.TempDir(), "log")
	r, ok := open(t, NewHost(""), "file", map[string]string{"path": path, "content": "e"}).(*pathReader)
	if !ok {
		t.Fatal("got another reader")
	}
	read(t, r)
	// 1,024 bytes a line: 8,192 lines are read at once.
	much := strings.Repeat("line"+strings.Repeat(".", 1019)+"\n", 8200)
	appendTo(t, path, much)
	wantValues(t, read(t, r), map[string]string{"content.matches": "8192", "content.unread": "8192"})
	if !r.behind {
		t.Error("got a reader that is done, want more to read")
	}
	wantValues(t, read(t, r), map[string]string{"content.matches": "8", "content.unread": "0"})
	if r.behind {
		t.Error("got a reader that is behind, want it done")
	}
	// The same over a rotation, and the old file is finished first.
	appendTo(t, path, much)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, "new e\n", path)
	wantValues(t, read(t, r), map[string]string{"content.unread": "8192"})
	wantValues(t, read(t, r), map[string]string{"content.matches": "9", "content.line": "new e"})
}

// TestContentOfAHole is of a log that was cut while its program goes on where it
// was, and of one that somebody makes very large: neither is read as NULs.
func TestContentOfAHole(t *testing.T) {
	for _, size := range []int64{100_000, 1 << 40} {
		path := write(t, "error: old\n", t.TempDir(), "log")
		r := open(t, NewHost(""), "file", map[string]string{"path": path, "content": "error"}, "content.line", "content.matches", "content.unread")
		read(t, r)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			err = errors.Join(f.Truncate(0), f.Truncate(size))
		}
		if err != nil {
			t.Fatal(err)
		}
		wantValues(t, read(t, r), map[string]string{"content.matches": "0", "content.unread": "0"})
		if _, err := f.WriteAt([]byte("error: first\nfine\n"), size); err != nil {
			t.Fatal(err)
		}
		wantValues(t, read(t, r), map[string]string{"content.matches": "1", "content.line": "error: first", "content.unread": "0"})
		if err := errors.Join(f.Truncate(0), f.Close()); err != nil {
			t.Fatal(err)
		}
		write(t, strings.Repeat("\x00", 3_000_000)+"error: read as NULs\n", path)
		wantValues(t, read(t, r), map[string]string{"content.matches": "1", "content.line": "error: read as NULs"})
	}
}

// TestContentFromTheStart watches a file that comes later.
func TestContentFromTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	r := open(t, NewHost(""), "file", map[string]string{"path": path, "content": "error"}, "content.matches")
	if got := read(t, r); len(got.Values) > 0 {
		t.Errorf("got %v, want nothing", got.Values)
	}
	write(t, "error\n", path)
	wantValues(t, read(t, r), map[string]string{"content.matches": "1"})
}

// TestContentUnreadable keeps its place while the file is a directory.
func TestContentUnreadable(t *testing.T) {
	path := write(t, "", t.TempDir(), "log")
	r := open(t, NewHost(""), "file", map[string]string{"path": path, "content": "error"}, "content.matches")
	read(t, r)
	appendTo(t, path, "error\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := r.Read(t.Context())
	if err != nil || !errors.Is(got.Errors["content.matches"], errNotRegular) {
		t.Errorf("got %v, %v, want %v", got, err, errNotRegular)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, "error\n", path)
	wantValues(t, read(t, r), map[string]string{"content.matches": "2"})
}

// TestContentVanishes is of a file that goes between stat(2) and open(2).
func TestContentVanishes(t *testing.T) {
	path := write(t, "error\n", t.TempDir(), "log")
	g, err := newGrep("error", "")
	if err != nil {
		t.Fatal(err)
	}
	look := pathLook{path: path, wanted: map[string]bool{}, grep: g, cursor: &cursor{}}
	facts := look.look(t.Context())
	if facts.news.matches != 1 {
		t.Errorf("got %+v, want a match", facts.news)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	from := facts.news.cursor
	facts.stat.Size++ // as if a line had been added before
	n, err := g.read(t.Context(), path, &facts.stat, from)
	if !errors.Is(err, fs.ErrNotExist) || n.cursor != from {
		t.Errorf("got %+v, %v, want %v and the cursor where it was", n, err, fs.ErrNotExist)
	}
}

// FuzzLines compares with a plain split without NULs before a line, whatever pieces the text comes in.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"), 2)
	f.Add([]byte("\x00\x00a\x00\n\x00\n\x00"), 1)
	f.Add(bytes.Repeat([]byte("x"), maxLine+10), 1000)
	f.Add(append(bytes.Repeat([]byte("\r"), maxLine), '\n'), 7)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		if piece < 1 {
			return
		}
		var want, got [][]byte
		for line := range bytes.Lines(text) {
			whole, ended := bytes.CutSuffix(line, []byte("\n"))
			whole = bytes.TrimLeft(whole, "\x00")
			if len(whole) == 0 && !ended {
				continue
			}
			want = append(want, bytes.TrimSuffix(whole[:min(len(whole), maxLine)], []byte("\r")))
		}
		each := func(line []byte) { got = append(got, bytes.Clone(line)) }
		var l lines
		for rest := text; len(rest) > 0; {
			n := min(piece, len(rest))
			l.feed(rest[:n], each)
			rest = rest[n:]
		}
		l.flush(each)
		if len(got) != len(want) {
			t.Fatalf("got %d lines, want %d", len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("line %d: got %q, want %q", i, got[i], want[i])
			}
		}
	})
}
