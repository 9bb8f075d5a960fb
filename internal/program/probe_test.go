package program_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/program"
)

func TestProbe(t *testing.T) {
	tests := []struct {
		name, script   string
		stdout, stderr string
		status         int
		signal         syscall.Signal
	}{
		{"well", `echo fine; echo note >&2`, "fine\n", "note\n", 0, 0},
		{"status", `echo bad; exit 2`, "bad\n", "", 2, 0},
		{"signal", `echo begun; kill -9 $$`, "begun\n", "", 0, syscall.SIGKILL},
		{"loud", `printf first; head -c 100000 /dev/zero | tr '\0' x`, "first" + strings.Repeat("x", 8<<10-5), "", 0, 0},
		{"no event", `env | grep -c TOCSIN_; true`, "0\n", "", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := script(t, tt.script).Probe(t.Context())
			if r.Err != nil || string(r.Stdout) != tt.stdout || string(r.Stderr) != tt.stderr || r.Status != tt.status || r.Signal != tt.signal {
				t.Errorf("got %q, %q, status %d, signal %d, %v", r.Stdout, r.Stderr, r.Status, r.Signal, r.Err)
			}
		})
	}
}

func TestAProbeThatHangsIsEnded(t *testing.T) {
	path, ended := leash(t)
	p := script(t, `trap '' TERM; echo begun; sleep 600 3>`+path+` & wait`)
	p.Timeout = 300 * time.Millisecond
	if r := p.Probe(t.Context()); !errors.Is(r.Err, program.ErrTimeout) || string(r.Stdout) != "begun\n" {
		t.Errorf("got %q, %v, want %v", r.Stdout, r.Err, program.ErrTimeout)
	}
	gone(t, ended)
}
