package checks

import (
	"fmt"
	"testing"
)

func words(t *testing.T, kind, metric string) Words {
	t.Helper()
	k, found := Find(kind)
	if !found {
		t.Fatalf("no kind %s", kind)
	}
	for _, m := range k.Metrics {
		if m.Name == metric {
			return m.Words
		}
	}
	t.Fatalf("no metric %s of %s", metric, kind)
	return Words{}
}

// TestWordsHaveAll: what the code makes of any byte of the kernel's is among
// the words.
func TestWordsHaveAll(t *testing.T) {
	states := words(t, "process", "state")
	for b := range 256 {
		if s := stateName(byte(b)); states.Never(s) {
			t.Errorf("state %#x: got %q, which is no word", b, s)
		}
	}
	for _, kind := range []string{"file", "directory", "fifo"} {
		types, modes := words(t, kind, "type"), words(t, kind, "mode")
		for mode := range uint32(1 << 16) {
			if s := typeName(mode); types.Never(s) {
				t.Errorf("type of %o: got %q, which is no word", mode, s)
			}
			if s := fmt.Sprintf("%04o", mode&0o7777); modes.Never(s) {
				t.Errorf("mode %q is no word", s)
			}
		}
	}
	if all := states.All(); len(all) != 10 || states.Never("disk sleep") {
		t.Errorf("got %q", all)
	}
}

// TestWordsOfText: only a text has words, and those whose set is open have none.
func TestWordsOfText(t *testing.T) {
	for _, kind := range Kinds() {
		for _, m := range kind.Metrics {
			if m.Words != (Words{}) && m.Unit != Word {
				t.Errorf("%s %s has words and is no text", kind.Name, m.Name)
			}
		}
	}
	for _, open := range [][2]string{{"filesystem", "type"}, {"unit", "substate"}, {"unit", "result"}, {"process", "user"}, {"file", "target"}} {
		if w := words(t, open[0], open[1]); w.Never("anything") || w.All() != nil || w.Near("anything") != "" {
			t.Errorf("%q: got %+v", open, w)
		}
	}
}

func TestWordsNear(t *testing.T) {
	mode, sum := words(t, "filesystem", "mode"), words(t, "file", "checksum.md5")
	for _, tt := range []struct {
		words      Words
		text, near string
		never      bool
	}{
		{mode, "0644", "0644", false},
		{mode, "4755", "4755", false},
		{mode, "644", "0644", true},
		{mode, "00644", "0644", true},
		{mode, "0o644", "0644", true},
		{mode, "0888", "", true},
		{mode, "", "", true},
		{mode, "rwx", "", true},
		{sum, "5D41402ABC4B2A76B9719D911017C592", "5d41402abc4b2a76b9719d911017c592", true},
		{sum, "5d41402abc4b2a76b9719d911017c592", "5d41402abc4b2a76b9719d911017c592", false},
		{sum, "5d41402abc4b2a76b9719d911017c59g", "", true},
		{sum, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "", true},
	} {
		if never, near := tt.words.Never(tt.text), tt.words.Near(tt.text); never != tt.never || near != tt.near {
			t.Errorf("%q: got %t, near %q", tt.text, never, near)
		}
	}
}
