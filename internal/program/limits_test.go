package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/internal/testprogram"
)

func TestMain(m *testing.M) {
	if status, launched := Launch(os.Args, os.Stderr); launched {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// anEvent is one of which nothing matters.
func anEvent() *tocsin.Event { return &tocsin.Event{At: time.Unix(0, 0)} }

// TestBound writes the limits of a control group, which here is a directory of
// files: the controllers may belong to cgroup v1.
func TestBound(t *testing.T) {
	const all = "memory.max memory.swap.max memory.oom.group pids.max"
	tests := []struct {
		name         string
		limits       Limits
		half         int64
		memory, pids bool
		files        string
		want         map[string]string
		left         Limits
		err          bool
	}{
		{"defaults", Limits{}, 64 << 20, true, true, all, map[string]string{"memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "256"}, Limits{}, false},
		{"defaults of a unit without a limit", Limits{}, 0, true, true, all, map[string]string{"memory.max": "", "memory.oom.group": "", "pids.max": "256"}, Limits{}, false},
		{"asked for", Limits{Memory: 1 << 20, Processes: 7}, 64 << 20, true, true, all, map[string]string{"memory.max": "1048576", "memory.swap.max": "0", "pids.max": "7"}, Limits{}, false},
		{"no swap", Limits{Memory: 1 << 20}, 0, true, false, "memory.max", map[string]string{"memory.max": "1048576"}, Limits{}, false},
		{"no controllers", Limits{Memory: 1 << 20, Processes: 7}, 0, false, false, "", nil, Limits{Memory: 1 << 20, Processes: 7}, false},
		{"only processes", Limits{Memory: 1 << 20, Processes: 7}, 0, false, true, all, map[string]string{"memory.max": "", "pids.max": "7"}, Limits{Memory: 1 << 20}, false},
		{"asked for and not to be had", Limits{Memory: 1 << 20}, 0, true, true, "pids.max", nil, Limits{Memory: 1 << 20}, true},
		{"defaults not to be had", Limits{}, 1 << 20, true, true, "", nil, Limits{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name := range strings.FieldsSeq(tt.files) {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			left, err := tt.limits.bound(dir, tt.half, tt.memory, tt.pids)
			if left != tt.left || (err != nil) != tt.err {
				t.Errorf("got %+v and %v, want %+v", left, err, tt.left)
			}
			for name, want := range tt.want {
				if got, _ := readText(filepath.Join(dir, name)); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestImposed: without the controllers the limits are those of a process.
func TestImposed(t *testing.T) {
	c, _ := newCage(t)
	c.reap()
	big := Program{Args: []string{"/bin/sh", "-c", "head -c 100000000 /dev/zero | tail -c 90000000 | wc -c"}, Timeout: 10 * time.Second, Cage: c}
	if r := big.Run(t.Context(), anEvent()); r.Err != nil || r.Output != "90000000" {
		t.Fatalf("got %q and %v without a limit", r.Output, r.Err)
	}
	big.Limits.Memory = 32 << 20
	if r := big.Run(t.Context(), anEvent()); strings.Contains(r.Output, "90000000") {
		t.Errorf("got %q and %v with 32 MiB", r.Output, r.Err)
	}
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
	many := Program{Args: []string{"/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo ok"}, Timeout: 10 * time.Second, Cage: c, User: "games"} // which nobody else runs as
	if r := many.Run(t.Context(), anEvent()); r.Err != nil && r.Output != "ok" {
		t.Fatalf("got %q and %v without a limit", r.Output, r.Err)
	}
	many.Limits.Processes = 5
	if r := many.Run(t.Context(), anEvent()); !strings.Contains(strings.ToLower(r.Output), "cannot fork") {
		t.Errorf("got %q and %v with 5 processes", r.Output, r.Err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := testprogram.Write(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	broken := Program{Args: []string{text}, Timeout: 10 * time.Second, Cage: c, Limits: Limits{Memory: 1 << 30}}
	if r := broken.Run(t.Context(), anEvent()); r.Output != "start "+text+": exec format error" || r.Err == nil || r.Err.Error() != "exit status 126" {
		t.Errorf("got %q and %v", r.Output, r.Err)
	}
}

// TestAnotherUser: a program is its user's, with the user's groups and home and
// none of the agent's rights.
func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
	cages(t, func(t *testing.T, c *Cage) {
		p := Program{Args: []string{"/bin/sh", "-c", `id -un; id -G; echo $HOME $USER $LOGNAME; grep CapEff /proc/self/status; (setsid sleep 600 >/dev/null 2>&1 &) & wait`}, Timeout: 10 * time.Second, Cage: c, User: "nobody"}
		want := "nobody\n65534\n/nonexistent nobody nobody\nCapEff:\t0000000000000000"
		if r := p.Run(t.Context(), anEvent()); r.Err != nil || r.Output != want {
			t.Errorf("got %q and %v, want %q", r.Output, r.Err, want)
		}
		p.Group = "daemon"
		if r := p.Run(t.Context(), anEvent()); r.Err != nil || !strings.HasPrefix(r.Output, "nobody\n1 65534\n") {
			t.Errorf("got %q and %v", r.Output, r.Err)
		}
		p = Program{Args: []string{"/bin/sh", "-c", "trap '' TERM; sleep 600 & wait"}, Timeout: 200 * time.Millisecond, Cage: c, User: "65534"}
		if r := p.Run(t.Context(), anEvent()); !errors.Is(r.Err, ErrTimeout) {
			t.Errorf("got %v", r.Err)
		}
	})
}

func TestUsersThatAreNot(t *testing.T) {
	for _, tt := range []struct{ user, group, want string }{
		{"nobody-such", "", `start: cannot run as another user: there is no user "nobody-such" here`},
		{"4242424", "", `start: cannot run as another user: there is no user "4242424" here`},
		{"root", "no-such", `start: cannot run as another user: there is no group "no-such" here`},
		{"", "no-such", `start: cannot run as another user: there is no group "no-such" here`},
	} {
		p := Program{Args: []string{"/bin/true"}, Timeout: time.Second, User: tt.user, Group: tt.group}
		if r := p.Run(t.Context(), anEvent()); !errors.Is(r.Err, ErrUser) || r.Err.Error() != tt.want {
			t.Errorf("got %v, want %s", r.Err, tt.want)
		}
	}
}

// TestNotAllowed: who may not become another user says so.
func TestNotAllowed(t *testing.T) {
	who := &account{name: "nagios", other: true}
	for _, tt := range []struct {
		caps    []int
		grouped bool
		want    string
	}{
		{nil, true, "CAP_SETUID"},
		{[]int{unix.CAP_SETUID}, true, "CAP_SETGID"},
		{[]int{unix.CAP_SETUID, unix.CAP_SETGID}, true, ""},
		{[]int{unix.CAP_SETUID, unix.CAP_SETGID}, false, "CAP_KILL"},
		{[]int{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL}, false, ""},
	} {
		var effective uint32
		for _, bit := range tt.caps {
			effective |= 1 << bit
		}
		err := who.missing(effective, tt.grouped)
		if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, ErrUser) || !strings.Contains(err.Error(), "needs "+tt.want)) {
			t.Errorf("%v: got %v, want %q", tt.caps, err, tt.want)
		}
	}
	if err := (&account{}).allowed(false); err != nil {
		t.Errorf("the agent's own user: got %v", err)
	}
}
