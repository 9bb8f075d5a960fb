package trust_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tocsin/internal/trust"
)

// TestFaults: whoever may write to a file, to a directory above it or to a link on
// the way may change what is read there.
func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		chmod  map[string]os.FileMode
		links  map[string]string
		path   string
		faults []string
	}{
		{name: "nobody else", path: "a/b/file"},
		{name: "the file", path: "a/b/file", chmod: map[string]os.FileMode{"a/b/file": 0o620}, faults: []string{"a/b/file"}},
		{name: "everybody", path: "a/b/file", chmod: map[string]os.FileMode{"a/b/file": 0o602}, faults: []string{"a/b/file"}},
		{name: "who may read alone", path: "a/b/file", chmod: map[string]os.FileMode{"a/b/file": 0o644}},
		{name: "a directory above", path: "a/b/file", chmod: map[string]os.FileMode{"a": 0o775}, faults: []string{"a"}},
		{name: "one where nobody touches what is not theirs", path: "a/b/file", chmod: map[string]os.FileMode{"a": 0o777 | os.ModeSticky}},
		{name: "but for what is added to it", path: "a", chmod: map[string]os.FileMode{"a": 0o777 | os.ModeSticky}, faults: []string{"a"}},
		{name: "beside the way", path: "a/b/file", chmod: map[string]os.FileMode{"c": 0o777}},
		{name: "where a link stands", path: "c/link", links: map[string]string{"c/link": "../a/b/file"}, chmod: map[string]os.FileMode{"c": 0o777}, faults: []string{"c"}},
		{name: "where a link leads", path: "c/link", links: map[string]string{"c/link": "../a/b/file"}, chmod: map[string]os.FileMode{"a/b": 0o770}, faults: []string{"a/b"}},
		{name: "twice over the same", path: "c/link", links: map[string]string{"c/link": "../c/more", "c/more": "../c/../a/b/file"}, chmod: map[string]os.FileMode{"c": 0o777}, faults: []string{"c"}},
		{name: "up through a link", path: "c/link/../file", links: map[string]string{"c/link": "../a/b/deep"}, chmod: map[string]os.FileMode{"a/b": 0o770}, faults: []string{"a/b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tree(t)
			for link, to := range tt.links {
				must(t, os.Symlink(to, filepath.Join(dir, link)))
			}
			for name, mode := range tt.chmod {
				must(t, os.Chmod(filepath.Join(dir, name), mode))
			}
			found, err := trust.Faults(dir+"/"+tt.path, uint32(os.Geteuid()))
			if got := within(dir, found); err != nil || !slices.Equal(got, tt.faults) {
				t.Errorf("got %q, %v, want %q", got, err, tt.faults)
			}
			for _, f := range found {
				if f.Foreign || !strings.HasSuffix(f.String(), "; chmod go-w it") {
					t.Errorf("got %v", f)
				}
			}
		})
	}
}

// TestFaultsOfAnOwner: what belongs to somebody else is theirs to change.
func TestFaultsOfAnOwner(t *testing.T) {
	dir := tree(t)
	owner, users := os.Geteuid(), []uint32(nil)
	want := []string{"a", "a/b", "a/b/file"} // who is not root is somebody else himself
	if owner == 0 {
		owner, want = 65534, []string{"a/b"}
		must(t, os.Chown(filepath.Join(dir, "a/b"), owner, owner))
	}
	found, err := trust.Faults(dir+"/a/b/file", users...)
	if got := within(dir, found); err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	if f := found[len(found)-1]; !f.Foreign || int(f.Owner) != owner || !strings.Contains(f.String(), "belongs to the user ") {
		t.Errorf("got %+v", f)
	}
	found, err = trust.Faults(dir+"/a/b/file", uint32(owner))
	if got := within(dir, found); err != nil || len(got) > 0 {
		t.Errorf("got %q, %v of a user that is trusted", got, err)
	}
}

func TestFaultsOfWhatIsNotThere(t *testing.T) {
	dir := tree(t)
	must(t, os.Symlink("round", filepath.Join(dir, "round")))
	for path, want := range map[string]error{"/a/none": os.ErrNotExist, "/round": syscall.ELOOP, "/a/b/file/more": syscall.ENOTDIR} {
		if _, err := trust.Faults(dir+path, uint32(os.Geteuid())); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
}

// tree is a directory with a/b/file, a/b/deep and c, which nobody else may change.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	for _, name := range []string{"a", "a/b", "a/b/deep", "c"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(dir, "a/b/file"), nil, 0o600))
	return dir
}

// within names what of the faults is below a directory: what is above is the
// machine's.
func within(dir string, faults []trust.Fault) []string {
	var names []string
	for _, f := range faults {
		if name, below := strings.CutPrefix(f.Path, dir+"/"); below {
			names = append(names, name)
		}
	}
	return names
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
