package program

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestParseChild(t *testing.T) {
	stat := "42 (a) (b) Z 7 40 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 0 0"
	if o, ok := parseChild(stat); !ok || o != (orphan{pid: 42, group: 40, session: 41, began: 12345, dead: true}) {
		t.Errorf("got %+v, %t", o, ok)
	}
	for _, bad := range []string{"", ")", "42", "x (a) S 1 2 3", "42 (a) S 1 x 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345"} {
		if o, ok := parseChild(bad); ok {
			t.Errorf("%q: got %+v, want none", bad, o)
		}
	}
}

// TestAbandoned has every reason to end an orphan or to spare it.
func TestAbandoned(t *testing.T) {
	own := fmt.Sprintf("%d.", os.Getpid())
	c := &Cage{running: map[*cell]bool{{number: 5, pid: 500, began: 1000}: true, {number: 6, began: 2000}: true}}
	tests := []struct {
		name string
		o    orphan
		mark string
		want bool
	}{
		{"the program itself", orphan{pid: 500, group: 500, began: 900}, "", false},
		{"of its process group", orphan{pid: 7, group: 500, began: 900}, "", false},
		{"of its session", orphan{pid: 7, group: 7, session: 500, began: 900}, "", false},
		{"marked by one that runs", orphan{pid: 7, group: 7, began: 900}, own + "5", false},
		{"marked by one that is no more", orphan{pid: 7, group: 7, began: 3000}, own + "4", true},
		{"of the group that ended", orphan{pid: 7, group: 400, began: 3000}, "", true},
		{"of the session that ended", orphan{pid: 7, group: 7, session: 400, began: 3000}, "", true},
		{"may be of one that runs", orphan{pid: 7, group: 7, began: 1000}, "", false},
		{"older than all that run", orphan{pid: 7, group: 7, began: 999}, "", true},
		{"of another part of the agent", orphan{pid: 7, group: syscall.Getpgrp(), began: 1}, "", false},
		{"marked by another agent", orphan{pid: 7, group: 7, began: 3000}, "1.4", false},
		{"forked this moment", orphan{pid: 7, group: syscall.Getpgrp(), began: 3000}, "", false},
		{"dead of the group that ended", orphan{pid: 7, group: 400, dead: true, began: 3000}, "", true},
		{"dead and older than all", orphan{pid: 7, group: 7, dead: true, began: 1}, "", true},
	}
	for _, tt := range tests {
		if got := c.abandoned(tt.o, map[int]bool{400: true}, func(orphan) string { return tt.mark }); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestAbandonedBesideDaemons: what may be a daemon lives, what bears the mark of
// a run that ended does not, whether a lasting program runs or has run.
func TestAbandonedBesideDaemons(t *testing.T) {
	own := fmt.Sprintf("%d.", os.Getpid())
	tests := []struct {
		name string
		o    orphan
		mark string
		want bool
	}{
		{"of a caged run", orphan{pid: 7, group: 7, began: 3000}, own + "4", true},
		{"of the group that ended", orphan{pid: 7, group: 400, began: 3000}, "", true},
		{"marked as lasting", orphan{pid: 7, group: 7, began: 3000}, lasting, false},
		{"of nobody", orphan{pid: 7, group: 7, began: 1500}, "", false},
		{"of nobody, before the first lasting program", orphan{pid: 7, group: 7, began: 1499}, "", true},
		{"dead", orphan{pid: 7, group: 7, began: 3000, dead: true}, "", true},
	}
	ran := &Cage{lasts: 1500, running: map[*cell]bool{}}
	runs := &Cage{lasts: 1500, running: map[*cell]bool{{number: 5, pid: 500, began: 1500}: true}}
	for _, tt := range tests {
		for _, c := range []*Cage{ran, runs} {
			if got := c.abandoned(tt.o, map[int]bool{400: true}, func(orphan) string { return tt.mark }); got != tt.want {
				t.Errorf("%s, %d running: got %t, want %t", tt.name, len(c.running), got, tt.want)
			}
		}
	}
}

func FuzzParseChild(f *testing.F) {
	f.Add("42 (a) (b) Z 7 40 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 0 0", "/a/b")
	f.Add("31 30 0:27 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "/docker/x/y")
	f.Fuzz(func(t *testing.T, text, path string) {
		if o, ok := parseChild(text); ok && o.began == 0 && o.pid == 0 && o.group == 0 && !strings.Contains(text, "0") {
			t.Errorf("got %+v of nothing", o)
		}
		if root, mount := cgroupMount(text, path); (root == "") != (mount == "") {
			t.Errorf("got %q and %q", root, mount)
		}
	})
}

// TestSpare: while another part of the agent has a child, nothing younger is
// taken for an orphan.
func TestSpare(t *testing.T) {
	c, _ := newCage(t)
	child := orphan{pid: 7, group: 7, began: ticks()}
	none := func(orphan) string { return "" }
	done := c.Spare()
	if c.abandoned(child, nil, none) {
		t.Error("the child of another part is taken for an orphan")
	}
	done()
	if !c.abandoned(child, nil, none) {
		t.Error("an orphan is spared when nobody has a child")
	}
	var without *Cage
	without.Spare()()
}
