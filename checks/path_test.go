package checks

import (
	"strings"
	"testing"
)

func TestValidPath(t *testing.T) {
	tests := []struct{ in, want string }{
		{"/", ""},
		{"/srv/my disk", ""},
		{"", `path is empty: write an absolute path such as "/srv"`},
		{"srv", `path "srv" is not absolute: it must begin with "/"`},
		{"/srv/", `path "/srv/" is not in its shortest form: write "/srv"`},
		{"/a/../b", `path "/a/../b" is not in its shortest form: write "/b"`},
		{"/a\x00b", `path "/a\x00b" holds a NUL byte`},
		{"/" + strings.Repeat("x", maxPath), "path of 4096 bytes is too long: the limit is 4095"},
	}
	for _, test := range tests {
		got := ""
		if err := validPath(test.in); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
