//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/postbox"
)

// contains says whether text holds all the words.
func contains(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// TestSecondRun: two agents never share a state directory.
func TestSecondRun(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 30*time.Second)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, ""), mailTo("ops", "ops@example.com"), s.watchProcess("worker", "1s"))
	worker := startChild(t, s.path("worker.pid"))
	a := s.start(ctx)
	o := s.tocsin(ctx, "", "run")
	if holder := fmt.Sprintf("process %d", a.cmd.Process.Pid); o.code != 1 || !strings.Contains(o.stderr, holder) {
		t.Errorf("got exit code %d and %q, want 1 and %q", o.code, o.stderr, holder)
	}
	// The first one is none the worse for it, and nor is its socket.
	worker.kill()
	receive(ctx, t, box)
	s.ok(ctx, "queue", "retry")
	a.stop(ctx)
}

// TestSIGTERM: the agent ends in time while a server hangs in DATA, and
// nothing is lost.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	s := newStation(t)
	hung, release := make(chan postbox.Mail, 1), make(chan struct{})
	hang := make(chan struct{}, 1)
	hang <- struct{}{}
	box := startBox(t, postbox.Config{OnMail: func(m postbox.Mail) error {
		select {
		case <-hang: // the first mail
			hung <- m
			<-release
			return errors.New("never answered")
		default:
			return nil
		}
	}})
	defer close(release)
	s.rules(s.account("box", box.Port(), "implicit", box, `retry = ["1s"]`), mailTo("ops", "ops@example.com"), s.watchProcess("worker", "1s"))
	a := s.start(ctx)
	var first letter
	select {
	case m := <-hung:
		first = parse(t, m)
	case <-ctx.Done():
		t.Fatal("no mail came")
	}
	began := time.Now()
	a.stop(ctx)
	took := time.Since(began)
	t.Logf("SIGTERM to exit while the server hangs: %s", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("got %s, want less than 5s", took)
	}
	a.manager.await(ctx, t, "STOPPING=1", 1)

	again := s.start(ctx)
	second := receive(ctx, t, box)
	if second.id != first.id || string(second.raw) != string(first.raw) {
		t.Errorf("the mail after the restart differs from the one that hung:\n%s\n%s", first.raw, second.raw)
	}
	again.stop(ctx)
	checkToldOnce(t, letters(t, box), eventIDs(a.log, again.log), "ops@example.com")
}

// TestBrokenLog: the agent goes on when nobody reads its log any more.
func TestBrokenLog(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 30*time.Second)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"), s.watchProcess("worker", "1s"))
	worker := startChild(t, s.path("worker.pid"))
	r, w, err := os.Pipe()
	must(t, err)
	a := s.spawn(ctx, w)
	must(t, w.Close())
	a.ready(ctx, 1)
	must(t, r.Close())
	worker.kill()
	receive(ctx, t, box)
	a.stop(ctx)
}

// TestWatchdog: the agent feeds the watchdog that the manager asks for.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 30*time.Second)
	s := newStation(t)
	s.rules(s.watchProcess("worker", "1s"))
	a := s.start(ctx, "WATCHDOG_USEC=300000")
	a.manager.await(ctx, t, "WATCHDOG=1", 3)
	a.stop(ctx)
	if !contains(a.manager.String(), "STATUS=watching 1 check with 1 rule; mail through 0 servers", "STOPPING=1") {
		t.Errorf("got %q", a.manager)
	}
}

// TestUnits: systemd takes the units without a word and rates them well.
func TestUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		skip(t, "no systemd-analyze")
	}
	// The score times ten, at most: what the best sandbox leaves an agent that
	// reads every process and speaks to mail servers; the mark runs when no
	// mount namespace can be made.
	for name, score := range map[string]string{"tocsin.service": "20", "tocsin-unit@.service": "20", "tocsin-bootmark.service": "30"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := deadline(t, time.Minute)
			unit := readFile(t, "../packaging/"+name)
			const program = "=/usr/bin/tocsin "
			if !strings.Contains(unit, program) {
				t.Fatalf("the unit does not run %q", program)
			}
			path := filepath.Join(t.TempDir(), name)
			unit = strings.ReplaceAll(unit, program, "="+os.Getenv("TOCSIN_BIN")+" ")
			must(t, os.WriteFile(path, []byte(unit), 0o600))
			analyze(ctx, t, "verify", "--man=no", path)
			analyze(ctx, t, "security", "--offline=true", "--threshold="+score, path)
		})
	}
}

// analyze runs systemd-analyze(1), which says nothing on stderr when all is
// well: verify ends with 0 in spite of unknown keys.
func analyze(ctx context.Context, t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_PAGER=", "LC_ALL=C.UTF-8")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("systemd-analyze %s: %v\n%s%s", args[0], err, stderr.String(), tail(string(out), 3))
	}
	if args[0] == "security" {
		t.Log(tail(string(out), 1))
	}
}
