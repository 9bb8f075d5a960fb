//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/control"
	"tocsin/internal/postbox"
	"tocsin/internal/testprogram"
)

// TestStatus: what a person sees who asks the agent, with a process that is
// down, and who may ask.
func TestStatus(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), strings.Replace(s.watchProcess("worker", "1s"), `"warning"`, `"critical"`, 1))
	if o := s.tocsin(ctx, "", "status"); o.code != 3 || !strings.Contains(o.stderr, "the agent is not running: start it") {
		t.Errorf("got %d, %q without an agent", o.code, o.stderr)
	}
	if o := s.tocsin(ctx, "", "status", "--nagios"); o.code != 3 || !strings.HasPrefix(o.stdout, "TOCSIN UNKNOWN - ") {
		t.Errorf("got %d, %q without an agent", o.code, o.stdout)
	}
	worker := startChild(t, s.path("worker.pid"))
	a := s.start(ctx)
	poll(ctx, t, "the first reading", func() bool {
		return strings.Contains(s.tocsin(ctx, "", "status").stdout, "exists true")
	})
	if o := s.tocsin(ctx, "", "status", "--nagios"); o.code != 0 || !strings.HasPrefix(o.stdout, "TOCSIN OK - 1 check | ") {
		t.Errorf("got %d, %q while all is fine", o.code, o.stdout)
	}
	worker.kill()
	down := receive(ctx, t, box)
	o := s.tocsin(ctx, "", "status")
	if o.code != 2 || !contains(o.stdout, "1 of 1 check not fine", "CRITICAL process worker", "down: process is not running") {
		t.Errorf("got %d\n%s", o.code, o.stdout)
	}
	if o := s.tocsin(ctx, "", "status", "worker"); o.code != 2 || !contains(o.stdout, `process "worker": CRITICAL for `, "rule down (critical)") {
		t.Errorf("got %d\n%s", o.code, o.stdout)
	}
	var status control.Status
	must(t, json.Unmarshal([]byte(s.tocsin(ctx, "", "status", "--json").stdout), &status))
	if len(status.Checks) != 1 || status.Checks[0].Severity != tocsin.Critical || status.Checks[0].State != control.Failed {
		t.Errorf("got %+v", status)
	}
	if o := s.tocsin(ctx, "", "status", "nobody"); o.code != 3 || !strings.Contains(o.stderr, `no check named "nobody"`) {
		t.Errorf("got %d, %q for a check that is not there", o.code, o.stderr)
	}
	happened := s.ok(ctx, "events", "worker")
	if strings.Count(happened, "worker/down") != 1 || !contains(happened, "critical", "failed", "process is not running") {
		t.Errorf("got\n%s", happened)
	}
	if out := s.ok(ctx, "events", "worker", "--since", "1s", "--severity", "critical", "--json"); !strings.Contains(out, `"api":1`) {
		t.Errorf("got %s", out)
	}
	if down.header.Get("X-Tocsin-State") != "failed" {
		t.Errorf("got a mail of the state %s", down.header.Get("X-Tocsin-State"))
	}
	a.stop(ctx)
	if got := s.ok(ctx, "events"); got != happened {
		t.Errorf("got\n%swithout the agent, want\n%s", got, happened)
	}
}

// TestWhoMayAsk: the socket is for root and the agent's group.
func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		skip(t, "needs root, to be somebody else")
	}
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), s.watchProcess("worker", "1s"))
	public, err := os.MkdirTemp("", "tocsin-public-") //nolint:usetesting // t.TempDir is closed to others
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(public) })
	must(t, os.Chmod(public, 0o755))
	socket := filepath.Join(public, "control.sock")
	s.write("tocsin.hcl", strings.Replace(readFile(t, s.path("tocsin.hcl")), "agent {", "agent {\n  socket = \""+socket+"\"", 1))
	startChild(t, s.path("worker.pid"))
	a := s.start(ctx)
	defer a.stop(ctx)
	for _, tt := range []struct {
		name   string
		groups []uint32
		want   string
	}{
		{"nobody in particular", nil, "permission denied"},
		{"a member of the agent's group", []uint32{0}, ""},
	} {
		if got := askAs(ctx, t, socket, tt.groups); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// askAs has the user nobody act on the agent at a socket, and returns what that
// is told.
func askAs(ctx context.Context, t *testing.T, socket string, groups []uint32) string {
	t.Helper()
	dir := filepath.Dir(socket)
	data, err := os.ReadFile(os.Getenv("TOCSIN_BIN"))
	must(t, err)
	must(t, testprogram.Write(filepath.Join(dir, "tocsin"), data, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "rules.hcl"), []byte("agent {\n  socket = \""+socket+"\"\n}\n"), 0o644))
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "tocsin"), "--config", filepath.Join(dir, "rules.hcl"), "queue", "retry")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, Groups: groups}}
	out, _ := cmd.CombinedOutput() // what it says is what counts
	return string(out)
}
