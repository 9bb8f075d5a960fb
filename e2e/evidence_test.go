//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// TestEvidence: the mail of a failure shows what was there at that moment; a
// crash while it is gathered costs the evidence, not the mail.
func TestEvidence(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	must(t, os.MkdirAll(s.path("data"), 0o700))
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"),
		strings.Replace(s.watchProcess("worker", "1s"), "when ", "evidence = [\"top_memory\", \"journal\", \"top_cpu\"]\n    when ", 1),
		fmt.Sprintf("check \"filesystem\" \"data\" {\n  path = %q\n  rule \"full\" {\n    when = space.total > 0\n    evidence = [\"disk\"]\n  }\n}\n", s.path("data")))
	worker := startChild(t, s.path("worker.pid"))
	a := s.start(ctx)
	full := receive(ctx, t, box)
	if checkAlert(t, full, "failed", "FAILED: space.total", "\n  Biggest directories of /"); !contains(string(full.raw), "<pre ", ">Biggest directories of /") {
		t.Errorf("got %s", full.raw)
	}
	read := func() bool { return strings.Contains(s.tocsin(ctx, "", "status").stdout, "exists true") }
	poll(ctx, t, "the first reading", read)

	killed := time.Now()
	worker.kill()
	down := receive(ctx, t, box)
	checkAlert(t, down, "failed", "FAILED: process is not running", "\n  Most memory, resident:\n")
	if !contains(down.text, "\n  Journal", "\n  Most processor time in 500ms, of all processors:\n") {
		t.Errorf("got %q", down.text)
	}
	t.Logf("kill to mail accepted with evidence: %s", down.at.Sub(killed))
	worker = startChild(t, s.path("worker.pid"))
	checkAlert(t, receive(ctx, t, box), "recovered", "RECOVERED after ", "Exists")

	a.stop(ctx) // what it gathered is fresh; another one has to gather anew
	a = s.start(ctx)
	poll(ctx, t, "the first reading", read)
	worker.kill()
	queued := filepath.Join(s.state, "spool", "queue", "*.item")
	poll(ctx, t, "the event in the spool", func() bool {
		items, err := filepath.Glob(queued)
		return err == nil && len(items) == 1
	})
	a.kill()
	a = s.start(ctx)
	down = receive(ctx, t, box)
	if checkAlert(t, down, "failed", "FAILED: process is not running", ""); strings.Contains(down.text, "Most processor time") {
		t.Log("the machine is so busy that the crash came after the evidence")
	}
	startChild(t, s.path("worker.pid"))
	checkAlert(t, receive(ctx, t, box), "recovered", "RECOVERED after ", "Exists") // and nothing told twice before it
	a.stop(ctx)
}
