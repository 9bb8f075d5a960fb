package pickup

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestIdentify: a file system may use an inode again within one tick of its
// clock; another text is another mail all the same.
func TestIdentify(t *testing.T) {
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	one, again, other := identify(f, "a", &st, []byte("one")), identify(f, "a", &st, []byte("one")), identify(f, "a", &st, []byte("two"))
	if one != again || one == other {
		t.Errorf("got %s, %s and %s", one, again, other)
	}
}
