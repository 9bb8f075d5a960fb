//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// daemonCheck is a check of a daemon that the agent starts and stops, with a
// program that forks it into a session of its own.
func (s *station) daemonCheck(more string) string {
	pid := s.path("daemon.pid")
	return fmt.Sprintf(`check "process" "daemon" {
  pidfile         = %q
  start           = ["/bin/sh", "-c", "setsid sleep 1000 & echo $! > %s; echo started"]
  stop            = ["/bin/sh", "-c", "kill $(cat %s)"]
  restarts        = 2
  restarts_within = "1h"
  rule "down" {
    when     = !exists
    severity = "critical"
    %s
  }
}
`, pid, pid, pid, more)
}

// daemonPID is the number of the daemon, 0 when there is none.
func (s *station) daemonPID() int {
	text, err := os.ReadFile(s.path("daemon.pid"))
	pid, err2 := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || err2 != nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || strings.Contains(string(stat), ") Z ") { // nobody may wait for it here
		return 0
	}
	return pid
}

// TestRestart: a daemon that is killed runs again, the mails say what was done,
// and it outlives the agent. Killed too often it is given up.
func TestRestart(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 2*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), s.daemonCheck(`do = "restart"`))
	t.Cleanup(func() {
		if pid := s.daemonPID(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	a := s.start(ctx)
	// What is critical goes before what is not, when both wait: the all-clear may
	// be there before the word about the action.
	states := map[string]string{}
	for i := range 3 {
		l := receive(ctx, t, box)
		state := l.header.Get("X-Tocsin-State")
		states[state] = l.text
		if i == 0 && state != "failed" {
			t.Fatalf("the first mail is %q\n%s", state, l.text)
		}
	}
	for state, words := range map[string][]string{
		"failed": {"FAILED", "Action:    restart"},
		"action": {"ACTION: restart: done after ", "Event:     Execution succeeded", "started"}, "recovered": {"RECOVERED"},
	} {
		if !contains(states[state], words...) {
			t.Errorf("got of %q\n%s", state, states[state])
		}
	}
	first := s.daemonPID()
	if first == 0 {
		t.Fatal("no daemon runs")
	}
	// Stopped by hand it has not failed.
	s.ok(ctx, "stop", "daemon")
	if s.daemonPID() != 0 {
		t.Error("it was not stopped")
	}
	if o := s.tocsin(ctx, "", "status"); o.code != 0 || !contains(o.stdout, "1 unmonitored", "stopped by hand") {
		t.Errorf("got %d\n%s", o.code, o.stdout)
	}
	s.ok(ctx, "restart", "process.daemon")
	second := s.daemonPID()
	if second == 0 || second == first {
		t.Errorf("got the daemon %d after %d", second, first)
	}
	if o := s.tocsin(ctx, "", "restart", "nobody"); o.code != 1 || !strings.Contains(o.stderr, `no check named "nobody"`) {
		t.Errorf("got %d, %s", o.code, o.stderr)
	}
	a.stop(ctx)
	if s.daemonPID() != second {
		t.Error("the daemon has ended with the agent")
	}
	a = s.start(ctx)
	s.ok(ctx, "unmonitor", "daemon")
	must(t, syscall.Kill(second, syscall.SIGKILL))
	s.ok(ctx, "start", "daemon")
	if o := s.tocsin(ctx, "", "status", "daemon"); o.code != 0 || !strings.Contains(o.stdout, "exists") {
		t.Errorf("got %d\n%s", o.code, o.stdout)
	}
	a.stop(ctx)
	if n := len(box.Mails()); n != 3 {
		t.Errorf("got %d mails, want 3: what a person does is no event", n)
	}
}

// TestGiveUp: a service that does not come up is not started for ever, and the
// last mail says so.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 2*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	check := strings.Replace(s.daemonCheck(`do = "start"`), "setsid sleep 1000 & echo $! >", "echo no room; exit 3; echo $! >", 1)
	check = strings.Replace(check, "restarts        = 2", "restarts        = 1", 1)
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), check)
	a := s.start(ctx)
	receive(ctx, t, box)
	if l := receive(ctx, t, box); !contains(l.text, "Event:     Execution failed", "exit status 3", "no room") {
		t.Errorf("got\n%s", l.text)
	}
	l := receive(ctx, t, box)
	if !contains(l.text, "Event:     Timeout", "Severity:  critical", "acted on once within 1h, in vain, and no longer monitored") {
		t.Errorf("got\n%s", l.text)
	}
	if o := s.tocsin(ctx, "", "status"); o.code != 2 || !contains(o.stdout, "1 of 1 check not fine", "unmonitored process daemon") {
		t.Errorf("got %d\n%s", o.code, o.stdout)
	}
	a.stop(ctx)
	a = s.start(ctx)
	if o := s.tocsin(ctx, "", "status"); o.code != 2 || !strings.Contains(o.stdout, "gave up") {
		t.Errorf("got %d\n%s after a restart", o.code, o.stdout)
	}
	a.stop(ctx)
}

// TestExec: the program of a rule knows what has happened, by our names and by
// Monit's.
func TestExec(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	check := s.daemonCheck(`do   = "exec"
    exec = ["/bin/sh", "-c", "echo $TOCSIN_RULE $MONIT_SERVICE $MONIT_HOST: $MONIT_EVENT"]`)
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), check)
	a := s.start(ctx)
	receive(ctx, t, box)
	if l := receive(ctx, t, box); !contains(l.text, "exec: done after ", "down daemon web-1.example.com: Does not exist") {
		t.Errorf("got\n%s", l.text)
	}
	a.stop(ctx)
}
