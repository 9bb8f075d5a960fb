package program_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/program"
	"tocsin/internal/testprogram"
)

func event() *tocsin.Event {
	return &tocsin.Event{
		Type: tocsin.Shutdown, Name: "Shutdown", Host: "web-1", Check: "system", Kind: "system",
		Description: "reboot\nasked for by $(root)\x00", At: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
	}
}

// script makes a program of a shell's text.
func script(t *testing.T, text string) program.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "told")
	if err := testprogram.Write(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return program.Program{Args: []string{path, "a b", "*"}, Timeout: 10 * time.Second}
}

func TestRun(t *testing.T) {
	tests := []struct {
		name, script string
		output, err  string
	}{
		{"arguments as they are", `printf '%s|' "$@"`, "a b|*|", ""},
		{"the event", `printf '%s' "$TOCSIN_STATE $TOCSIN_HOST $TOCSIN_DESCRIPTION"`, "shutdown web-1 reboot\nasked for by $(root)", ""},
		{"both outputs", `echo out; echo err >&2; exit 3`, "out\nerr", "exit status 3"},
		{"unsafe output", `printf 'a\033[31mb\r\n\377\000'`, "a?[31mb\n??", ""},
		{"killed", `kill -9 $$`, "", "signal: killed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := script(t, tt.script).Run(t.Context(), event())
			got := ""
			if r.Err != nil {
				got = r.Err.Error()
			}
			if r.Output != tt.output || got != tt.err {
				t.Errorf("got %q and %q, want %q and %q", r.Output, got, tt.output, tt.err)
			}
		})
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	t.Setenv("SMTP_PASSWORD", "secret")
	r := script(t, `env -0 | cut -z -d= -f1 | tr '\0' ' '`).Run(t.Context(), event())
	for name := range strings.FieldsSeq(r.Output) {
		if !strings.HasPrefix(name, "TOCSIN_") && !strings.HasPrefix(name, "MONIT_") && !slices.Contains([]string{"PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "_", "OLDPWD", "SHLVL"}, name) {
			t.Errorf("the program sees %s", name)
		}
	}
	if r.Err != nil || !strings.Contains(r.Output, "TOCSIN_SERVICE") {
		t.Errorf("got %v and %s", r.Err, r.Output)
	}
}

// leash is a fifo whose other end a child holds open; the channel is closed
// when the child has ended.
func leash(t *testing.T) (path string, ended <-chan struct{}) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "leash")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_, _ = os.ReadFile(path) // until nobody holds it any more
		close(done)
	}()
	return path, done
}

func gone(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("a child of the program is left")
	}
}

func TestAProgramThatHangsIsEnded(t *testing.T) {
	path, ended := leash(t)
	p := script(t, `echo begun; sleep 600 3>`+path+` & wait`)
	p.Timeout = 300 * time.Millisecond
	r := p.Run(t.Context(), event())
	if r.Output != "begun" || r.Err == nil || r.Err.Error() != "ended at its timeout of 300ms" || r.Took > 5*time.Second {
		t.Errorf("got %q, %v after %s", r.Output, r.Err, r.Took)
	}
	gone(t, ended)
	if want := "ended at its timeout of 300ms after "; !strings.HasPrefix(r.String(), want) || !strings.HasSuffix(r.String(), ":\n  begun") {
		t.Errorf("got %q", r.String())
	}
}

func TestWhatAProgramLeftIsEnded(t *testing.T) {
	path, ended := leash(t)
	r := script(t, `exec 3>`+path+`; sleep 600 >/dev/null 2>&1 & echo ok`).Run(t.Context(), event())
	if r.Err != nil || r.Output != "ok" {
		t.Errorf("got %q and %v", r.Output, r.Err)
	}
	gone(t, ended)
}

func TestTheContextEndsAProgram(t *testing.T) {
	why := errors.New("the machine goes down")
	ctx, cancel := context.WithCancelCause(t.Context())
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = os.ReadFile(fifo) // opened once the program is there
		cancel(why)
	}()
	if r := script(t, ": >"+fifo+"; sleep 600").Run(ctx, event()); !errors.Is(r.Err, why) {
		t.Errorf("got %v, want %v", r.Err, why)
	}
}

func TestALoudProgramIsCut(t *testing.T) {
	r := script(t, `head -c 3000000 /dev/zero | tr '\0' x; echo; echo the end`).Run(t.Context(), event())
	if r.Err != nil || len(r.Output) > 9<<10 || !strings.HasSuffix(r.Output, "x\nthe end") || !strings.HasPrefix(r.Output, "…x") {
		t.Errorf("got %d bytes, %v", len(r.Output), r.Err)
	}
}

func TestRefused(t *testing.T) {
	writable := script(t, "true")
	if err := os.Chmod(writable.Args[0], 0o777); err != nil {
		t.Fatal(err)
	}
	if r := writable.Run(t.Context(), event()); !errors.Is(r.Err, program.ErrUnsafe) {
		t.Errorf("got %v, want %v", r.Err, program.ErrUnsafe)
	}
	absent := program.Program{Args: []string{"/no/such/program"}, Timeout: time.Second}
	if r := absent.Run(t.Context(), event()); r.Err == nil || r.Err.Error() != "start: no such file or directory" {
		t.Errorf("got %v", r.Err)
	}
	text := script(t, "true")
	if err := os.Chmod(text.Args[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if r := text.Run(t.Context(), event()); r.Err == nil || r.Err.Error() != "start: permission denied" {
		t.Errorf("got %v", r.Err)
	}
}

func TestOutput(t *testing.T) {
	tests := []struct{ name, script, output, err string }{
		{"stdout alone, as it is", `printf ' a\033b\n'; echo err >&2`, " a\x1bb\n", ""},
		{"no event", `env | grep -c TOCSIN_; true`, "0\n", ""},
		{"failed", `echo out; exit 3`, "", "exit status 3"},
		{"too much", `head -c 8193 /dev/zero`, "", "it prints more than 8192 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := script(t, tt.script).Output(t.Context())
			got := ""
			if err != nil {
				got = err.Error()
			}
			if string(out) != tt.output || got != tt.err {
				t.Errorf("got %q and %q, want %q and %q", out, got, tt.output, tt.err)
			}
		})
	}
}

// TestLinksOfOthers: a link that somebody else may point elsewhere leads to no
// program, whoever owns that.
func TestLinksOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	safe := script(t, "echo ok")
	dir := t.TempDir()
	run := func(path string) error {
		return program.Program{Args: []string{path}, Timeout: 10 * time.Second}.Run(t.Context(), event()).Err
	}
	own, theirs := filepath.Join(dir, "own"), filepath.Join(dir, "theirs")
	home := filepath.Join(dir, "home")
	for _, err := range []error{
		os.Symlink(safe.Args[0], own), os.Symlink("../"+filepath.Base(dir)+"/own", theirs), os.Lchown(theirs, 65534, 65534),
		os.Mkdir(home, 0o755), os.Symlink("../own", filepath.Join(home, "link")), os.Chown(home, 65534, 65534),
		os.Symlink("loop", filepath.Join(dir, "loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := run(own); err != nil {
		t.Errorf("own link: got %v", err)
	}
	for path, at := range map[string]string{theirs: theirs, filepath.Join(home, "link"): home} {
		if err := run(path); !errors.Is(err, program.ErrUnsafe) || !strings.Contains(err.Error(), at+" belongs to the user 65534") {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if err := run(filepath.Join(dir, "loop")); err == nil || err.Error() != "start: too many levels of symbolic links" {
		t.Errorf("loop: got %v", err)
	}
	shared := script(t, "echo ok")
	if err := os.Chmod(shared.Args[0], 0o775); err != nil {
		t.Fatal(err)
	}
	if err := run(shared.Args[0]); !errors.Is(err, program.ErrUnsafe) {
		t.Errorf("writable by a group: got %v", err)
	}
	// Run as its owner, a program may be its owner's.
	if err := os.Chown(safe.Args[0], 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := run(safe.Args[0]); !errors.Is(err, program.ErrUnsafe) {
		t.Errorf("another's program: got %v", err)
	}
	open := filepath.Dir(filepath.Dir(safe.Args[0]))
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	r := program.Program{Args: safe.Args, Timeout: 10 * time.Second, User: "nobody"}.Run(t.Context(), event())
	if r.Err != nil || r.Output != "ok" {
		t.Errorf("its owner's program: got %q and %v", r.Output, r.Err)
	}
}

// TestParentsOfLinks: ".." after a link is the parent of what it leads to, as
// for the kernel.
func TestParentsOfLinks(t *testing.T) {
	dir := t.TempDir()
	evil, safe, inner := filepath.Join(dir, "evil"), filepath.Join(dir, "safe"), filepath.Join(dir, "safe/inner")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(evil, "sub"), 0o755), os.MkdirAll(inner, 0o755),
		testprogram.Write(filepath.Join(dir, "prog"), []byte("#!/bin/sh\necho lexical"), 0o755),
		testprogram.Write(filepath.Join(evil, "prog"), []byte("#!/bin/sh\necho evil"), 0o755),
		testprogram.Write(filepath.Join(safe, "prog"), []byte("#!/bin/sh\necho safe"), 0o755),
		os.Symlink(filepath.Join(evil, "sub"), filepath.Join(dir, "link")),
		os.Symlink("link/../prog", filepath.Join(dir, "hidden")),
		os.Symlink("./safe//inner/", filepath.Join(dir, "good")),
		os.Symlink("good/../prog", filepath.Join(dir, "fine")),
		os.Chmod(evil, 0o777),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/link/../prog": "", "/hidden": "", "/safe/../link/../prog": "", "/link/../../safe/prog": "",
		"/good/../prog": "safe", "/fine": "safe", "/good/../../prog": "lexical", "/../" + filepath.Base(dir) + "/safe/./prog": "safe",
	} {
		r := program.Program{Args: []string{dir + path}, Timeout: 10 * time.Second}.Run(t.Context(), event())
		if want == "" {
			if !errors.Is(r.Err, program.ErrUnsafe) || !strings.Contains(r.Err.Error(), evil+" has the mode 0777") {
				t.Errorf("%s: got %q, %v, want %v", path, r.Output, r.Err, program.ErrUnsafe)
			}
		} else if r.Err != nil || r.Output != want {
			t.Errorf("%s: got %q, %v, want %q", path, r.Output, r.Err, want)
		}
	}
}
