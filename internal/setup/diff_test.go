package setup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/setup"
)

// TestDiff: as "diff -u" shows it.
func TestDiff(t *testing.T) {
	lines := func(from, to int) string {
		var b strings.Builder
		for i := from; i <= to; i++ {
			fmt.Fprintln(&b, i)
		}
		return b.String()
	}
	for name, tt := range map[string]struct{ before, after, want string }{
		"the same":    {"a\n", "a\n", ""},
		"both empty":  {"", "", ""},
		"all new":     {"", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		"all gone":    {"a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n"},
		"one line":    {"a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
		"in context":  {lines(1, 20), lines(1, 9) + "ten\n" + lines(11, 20), "@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n"},
		"two hunks":   {lines(1, 20), "0\n" + lines(1, 20) + "21\n", "@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -18,3 +19,4 @@\n 18\n 19\n 20\n+21\n"},
		"near hunks":  {lines(1, 10), "1\n2\nx\n4\n5\n6\n7\ny\n9\n10\n", "@@ -1,10 +1,10 @@\n 1\n 2\n-3\n+x\n 4\n 5\n 6\n 7\n-8\n+y\n 9\n 10\n"},
		"no line end": {"a", "b", "@@ -1,1 +1,1 @@\n-a\n+b\n"},
	} {
		want := tt.want
		if want != "" {
			want = "--- f\n+++ f (new)\n" + want
		}
		if got := setup.Diff("f", tt.before, tt.after); got != want {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
	}
	// What is too large to be compared is replaced.
	if got := setup.Diff("f", strings.Repeat("a\n", 3000), strings.Repeat("b\n", 3000)); strings.Count(got, "\n-a") != 3000 || strings.Count(got, "\n+b") != 3000 {
		t.Error("a large file is not replaced as a whole")
	}
}

// FuzzDiff: patch(1) makes the new text of the old one, where it is there; and
// what is kept and taken away is the old text, in its order.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\n", "b\nc\n")
	f.Add("", "x\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		if len(before)+len(after) > 4000 || strings.ContainsAny(before+after, "\r\x00") {
			return
		}
		before, after = strings.TrimSuffix(before, "\n")+"\n", strings.TrimSuffix(after, "\n")+"\n"
		diff := setup.Diff("f", before, after)
		if (diff == "") != (before == after) {
			t.Fatalf("got %q of %q and %q", diff, before, after)
		}
		patch, err := exec.LookPath("patch")
		if diff == "" || err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), patch, "--quiet", "--fuzz=0", path)
		cmd.Stdin = strings.NewReader(diff)
		out, err := cmd.CombinedOutput()
		got, _ := os.ReadFile(path)
		if err != nil || string(got) != after {
			t.Errorf("%v: %s\ngot %q, want %q, by\n%s", err, out, got, after, diff)
		}
	})
}
