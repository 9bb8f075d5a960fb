package evidence

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plant makes a tree of files with so many KiB.
func plant(t *testing.T, files map[string]int) string {
	t.Helper()
	root := t.TempDir()
	for name, kib := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("x", kib<<10)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWalkFindsWhereTheBytesAre(t *testing.T) {
	elsewhere := plant(t, map[string]int{"big": 4096})
	root := plant(t, map[string]int{"var/log/app/a.log": 800, "var/log/app/b.log": 600, "var/log/messages": 20, "srv/one/x": 300, "srv/two/y": 200, "etc/z": 4})
	must(t, os.Symlink(elsewhere, filepath.Join(root, "link")))
	must(t, os.Symlink("var", filepath.Join(root, "around")))
	must(t, os.Link(filepath.Join(root, "srv/one/x"), filepath.Join(root, "etc/x")))
	tree, err := walk(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range biggest(tree, 0, nil).Lines {
		got = append(got, strings.TrimPrefix(l[11:], root))
	}
	// var and var/log hold hardly anything but var/log/app. The file with two
	// names counts where it is met first.
	if text := strings.Join(got, " "); !strings.HasPrefix(text, " /var/log/app /srv") && !strings.HasPrefix(text, " /var/log/app /etc") || len(got) > 7 {
		t.Errorf("got %q", got)
	}
	if tree.nodes[0].bytes < 1920<<10 || tree.nodes[0].bytes > 2100<<10 {
		t.Errorf("got %d bytes in all, want 1924 KiB and the directories", tree.nodes[0].bytes)
	}
	lines := biggest(tree, 1<<30, nil).Lines
	if last := lines[len(lines)-1]; !strings.Contains(last, "found of 1 GiB that are used: the others may be of files that are deleted and still open") {
		t.Errorf("got %q", last)
	}
}

func TestWalkIsBounded(t *testing.T) {
	root := plant(t, map[string]int{"a/b/c": 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if tree, err := walk(ctx, root); err == nil || len(tree.nodes) != 1 {
		t.Errorf("got %d directories, %v after the end of ctx", len(tree.nodes), err)
	}
	tree := &tree{nodes: []node{{parent: -1}}, entries: maxEntries, links: map[uint64]bool{}}
	if err := tree.count(-1, 0, "x"); !errors.Is(err, errEnough) {
		t.Errorf("got %v, want %v", err, errEnough)
	}
	if _, err := walk(t.Context(), filepath.Join(root, "a/b/c")); err == nil {
		t.Error("walked a file")
	}
	deep := strings.Repeat("d/", maxDepth+5)
	if tree, err := walk(t.Context(), plant(t, map[string]int{deep + "f": 1})); err != nil || len(tree.nodes) != maxDepth+1 || len(tree.links) != 0 {
		t.Errorf("got %d directories, %d files with several names, %v, want %d and none", len(tree.nodes), len(tree.links), err, maxDepth+1)
	}
}

func TestWalkFollowsNoLinkThatTookAPlace(t *testing.T) {
	root := plant(t, map[string]int{"a/b/c": 1})
	elsewhere := plant(t, map[string]int{"b/big": 100})
	f, err := os.Open(root)
	must(t, err)
	defer f.Close()
	must(t, os.RemoveAll(filepath.Join(root, "a")))
	must(t, os.Symlink(elsewhere, filepath.Join(root, "a")))
	if fd, err := descend(int(f.Fd()), []string{"a", "b"}); err == nil {
		t.Errorf("got descriptor %d through a symbolic link", fd)
	}
}
