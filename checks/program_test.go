package checks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/testprogram"
)

// plugin is a program of a shell's text.
func plugin(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin")
	if err := testprogram.Write(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunAProgram(t *testing.T) {
	tests := []struct {
		name, script, arguments string
		want                    map[string]string
	}{
		{
			"plugin", `echo "LOAD WARNING $1 $2|'load 1'=5.5;5;10 b=2"; exit 1`, `-w "a b"`, map[string]string{
				"ran": "true", "reason": "", "exit": "1", "signal": "0", "nagios.state": "warning", "output": "LOAD WARNING -w a b",
				"perf.count": "2", "perf.label": "load 1", "perf.value": "5.5",
			},
		},
		{"fine", `echo OK`, "", map[string]string{"exit": "0", "nagios.state": "ok", "output": "OK", "perf.count": "0", "perf.label": "", "perf.value": ""}},
		{"critical", `exit 2`, "", map[string]string{"exit": "2", "nagios.state": "critical", "output": ""}},
		{"unknown", `exit 3`, "", map[string]string{"exit": "3", "nagios.state": "unknown"}},
		{"any other", `exit 77`, "", map[string]string{"exit": "77", "nagios.state": "unknown"}},
		{"signal", `kill -9 $$`, "", map[string]string{"ran": "true", "exit": "", "signal": "9", "nagios.state": "unknown"}},
		{"stderr", `echo broken >&2; echo more >&2; exit 3`, "", map[string]string{"output": "broken"}},
		{"made safe", `printf 'a\033[31m\377|x=1'`, "", map[string]string{"output": "a?[31m?", "perf.value": "1"}},
		{"value in seconds", `echo 'OK|rta=250ms'`, "", map[string]string{"perf.value": "0.25"}},
		{"not known", `echo 'OK|rta=U'`, "", map[string]string{"perf.count": "1", "perf.label": "rta", "perf.value": ""}},
		{"no shell", `printf %s "$*"`, `$HOME * ;id`, map[string]string{"output": "$HOME * ;id"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := open(t, nil, "program", map[string]string{"path": plugin(t, tt.script), "arguments": tt.arguments})
			wantValues(t, read(t, r), tt.want)
		})
	}
}

// TestAProgramThatIsTooSlow wants a reading before the deadline, nobody left
// and no zombie.
func TestAProgramThatIsTooSlow(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		_, _ = os.ReadFile(fifo) // until nobody holds it any more
		close(left)
	}()
	path := plugin(t, `trap '' TERM; sleep 600 3>`+fifo+` & wait`)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got, err := open(t, nil, "program", map[string]string{"path": path}).Read(ctx)
	if err != nil || len(got.Errors) > 0 || ctx.Err() != nil {
		t.Fatalf("got %v, %v, %v, want a reading in time", err, got.Errors, ctx.Err())
	}
	wantValues(t, got, map[string]string{
		"ran": "false", "exit": "", "signal": "", "output": "", "nagios.state": "",
		"reason": "run " + path + ": ended with everything it started: its time, the check's timeout, was over",
	})
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("a child of the program is left")
	}
	wantNoZombie(t)
}

// wantNoZombie looks for children of this process that nobody waited for.
func wantNoZombie(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // no process, or gone
		}
		if s, err := parseStat(data); err == nil && s.parent == int32(os.Getpid()) && s.zombie() {
			t.Errorf("got a zombie %d, want none", s.pid)
		}
	}
}

func TestAProgramThatCannotRun(t *testing.T) {
	writable := plugin(t, "true")
	if err := os.Chmod(writable, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		writable:           "run " + writable + ": start: others may write to it: " + writable + " has the mode 0777; chmod go-w it",
		"/no/such/program": "run /no/such/program: start: no such file or directory",
		"/etc":             "run /etc: start: it is a directory",
	} {
		got := read(t, open(t, nil, "program", map[string]string{"path": path}, "ran", "reason", "exit"))
		wantValues(t, got, map[string]string{"ran": "false", "exit": "", "reason": want})
		// When no rule asks for ran, it is told all the same.
		got, err := open(t, nil, "program", map[string]string{"path": path}, "exit").Read(t.Context())
		if err != nil || len(got.Values) > 0 || got.Errors["exit"] == nil || got.Errors["exit"].Error() != want {
			t.Errorf("got %v, %v, %v, want %s", got.Values, got.Errors, err, want)
		}
	}
}

func TestAProgramThatIsCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = os.ReadFile(fifo) // opened once the program is there
		cancel()
	}()
	r := open(t, nil, "program", map[string]string{"path": plugin(t, ": >"+fifo+"; sleep 600")})
	if got, err := r.Read(ctx); !errors.Is(err, context.Canceled) || len(got.Values) > 0 {
		t.Errorf("got %v, %v, want %v", got.Values, err, context.Canceled)
	}
}

func TestALoudProgramIsCut(t *testing.T) {
	r := open(t, nil, "program", map[string]string{"path": plugin(t, `head -c 3000000 /dev/zero | tr '\0' x`)}, "output")
	if got := read(t, r).Values.Of("output").String(); got != strings.Repeat("x", maxText) {
		t.Errorf("got %d bytes, want %d", len(got), maxText)
	}
}

func TestTheLimitsOfAProgram(t *testing.T) {
	r, err := openProgram(nil, Spec{Attributes: attributesOf(map[string]string{"path": "/bin/true", "memory": "67108864", "processes": "7", "user": "nagios", "group": "42"})})
	if err != nil {
		t.Fatal(err)
	}
	run := r.(*programReader).run
	if run.Limits.Memory != 64<<20 || run.Limits.Processes != 7 || run.User != "nagios" || run.Group != "42" {
		t.Errorf("got %+v", run)
	}
	for name, bad := range map[string][]string{"memory": {"1", "-1", "64MiB", "1e9", "99999999999999999999"}, "processes": {"0", "1.5", "x", "4194305"}} {
		for _, text := range bad {
			if _, err := openProgram(nil, Spec{Attributes: attributesOf(map[string]string{"path": "/bin/true", name: text})}); err == nil {
				t.Errorf("%s %q: got no error", name, text)
			}
		}
	}
}

// TestAProgramOfNobody: that a user is not there is told at run time, since the
// rule file is good elsewhere.
func TestAProgramOfNobody(t *testing.T) {
	got := read(t, open(t, nil, "program", map[string]string{"path": "/bin/true", "user": "no-such-user"}, "ran", "reason", "exit"))
	wantValues(t, got, map[string]string{"ran": "false", "exit": "", "reason": `run /bin/true: start: cannot run as another user: there is no user "no-such-user" here`})
}
