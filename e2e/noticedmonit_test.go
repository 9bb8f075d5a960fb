//go:build e2e && bench

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestNoticedMonit prints the same of Monit, in clear and without a login, for
// the cycles that people set. A kill meets a cycle in any phase: they are spread
// over it.
func TestNoticedMonit(t *testing.T) {
	if _, err := exec.LookPath("monit"); err != nil {
		skip(t, "no monit")
	}
	ctx := deadline(t, 10*time.Minute)
	for _, tt := range []struct{ cycle, kills int }{{1, 20}, {5, 10}, {30, 4}} {
		s := newStation(t)
		box, _ := s.boxOf(postbox.None)
		victims, _ := s.victims(tt.kills, "30s")
		s.write("monitrc", s.monitAlerts(box.Port(), tt.cycle, tt.kills))
		cmd := exec.CommandContext(ctx, "monit", "-I", "-c", s.path("monitrc"))
		must(t, cmd.Start())
		monit := child{cmd}
		t.Cleanup(monit.kill)
		cycle := time.Duration(tt.cycle) * time.Second
		// It tells that it has started; a cycle later it knows all pidfiles.
		s.monitSays(ctx, box, "instance changed")
		began := time.Now()
		var took []time.Duration
		for i, v := range victims {
			at := began.Add(cycle + cycle*time.Duration(i)/time.Duration(tt.kills))
			for at.Before(time.Now()) {
				at = at.Add(cycle)
			}
			poll(ctx, t, "the next phase of the cycle", func() bool { return !time.Now().Before(at) })
			killed := time.Now()
			v.kill()
			took = append(took, s.monitSays(ctx, box, fmt.Sprintf("p%03d", i)).Sub(killed))
		}
		monit.kill()
		printed(fmt.Sprintf("  Monit, kill -9 to mail accepted, cycle %d s, plain", tt.cycle), took)
	}
}

// monitAlerts are rules of Monit that mail when a process is gone.
func (s *station) monitAlerts(port, cycle, processes int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "set daemon %d\nset log %s\nset pidfile %s\nset idfile %s\nset statefile %s\n",
		cycle, s.path("monit.log"), s.path("monit.pid"), s.path("monit.id"), s.path("monit.state"))
	fmt.Fprintf(&b, "set mailserver 127.0.0.1 port %d\nset mail-format { from: alice@example.com }\nset alert ops@example.com\n", port)
	for i := range processes {
		fmt.Fprintf(&b, "check process p%03d with pidfile %s\n  if not exist then alert\n", i, s.path(fmt.Sprintf("p%03d.pid", i)))
	}
	return b.String()
}

// monitSays waits for a mail whose subject has a word in it, and returns when it
// was accepted.
func (s *station) monitSays(ctx context.Context, box *postbox.Server, word string) time.Time {
	s.t.Helper()
	for {
		if l := receive(ctx, s.t, box); strings.Contains(l.subject, word) {
			return l.at
		}
	}
}
