//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/control"
	"tocsin/internal/postbox"
)

// tier is a check of a daemon that writes down when it is started and stopped.
func (s *station) tier(name, on string) string {
	pid, order := s.path(name+".pid"), s.path("order")
	return fmt.Sprintf(`check "process" %q {
  pidfile    = %q
  groups     = ["shop"]
  depends_on = [%s]
  start      = ["/bin/sh", "-c", "setsid sleep 1000 & echo $! > %s; echo start %s >> %s"]
  stop       = ["/bin/sh", "-c", "kill $(cat %s); echo stop %s >> %s"]
  rule "down" {
    when     = !exists
    severity = "critical"
    do       = "restart"
  }
}
`, name, pid, on, pid, name, order, pid, name, order)
}

func (s *station) pidOf(name string) int {
	text, _ := os.ReadFile(s.path(name + ".pid"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// done is what the daemons wrote since the last time.
func (s *station) done() string {
	text, _ := os.ReadFile(s.path("order"))
	_ = os.Remove(s.path("order"))
	return strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ", ")
}

// states are the states of the checks, by their name.
func (s *station) states(ctx context.Context) map[string]control.Check {
	var status control.Status
	if out := s.tocsin(ctx, "", "status", "--json").stdout; out != "" { // else it does not listen as yet
		must(s.t, json.Unmarshal([]byte(out), &status))
	}
	all := map[string]control.Check{}
	for _, c := range status.Checks {
		all[c.Name] = c
	}
	return all
}

// TestDependencies: web on app on db on a file system. One dead file system makes
// one mail, also over a crash of the agent; when it is back the database is
// restarted and with it what stands on it; and by hand all goes in order.
func TestDependencies(t *testing.T) {
	needRoot(t)
	t.Parallel()
	ctx := deadline(t, 2*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	point := s.path("data")
	must(t, os.Mkdir(point, 0o700))
	mount := func() {
		if err := unix.Mount("tmpfs", point, "tmpfs", 0, "size=64k"); err != nil {
			skip(t, "no mount(2): "+err.Error())
		}
	}
	mount()
	tiers := []string{"web", "app", "db"}
	t.Cleanup(func() {
		_ = unix.Unmount(point, unix.MNT_DETACH)
		for _, name := range tiers {
			if pid := s.pidOf(name); pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	for _, name := range tiers {
		must(t, exec.CommandContext(ctx, "/bin/sh", "-c", "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > "+s.path(name+".pid")).Run())
	}
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"),
		s.tier("web", "process.app"), s.tier("app", "process.db"), s.tier("db", "filesystem.data"),
		fmt.Sprintf("check \"filesystem\" \"data\" {\n  path = %q\n  rule \"gone\" {\n    when = !exists || mount != %q\n    severity = \"critical\"\n  }\n}\n", point, point))
	a := s.start(ctx)
	poll(ctx, t, "every check to be fine", func() bool {
		fine := 0
		for _, c := range s.states(ctx) {
			if c.State == control.OK {
				fine++
			}
		}
		return fine == 4
	})
	must(t, unix.Unmount(point, unix.MNT_DETACH))
	for _, name := range tiers { // which notice at once, before the next look at the file system
		must(t, syscall.Kill(s.pidOf(name), syscall.SIGKILL))
	}
	l := receive(ctx, t, box)
	if got := l.header.Get("X-Tocsin-Rule") + " " + l.header.Get("X-Tocsin-State"); got != "filesystem.data/gone failed" || !strings.Contains(l.text, "Depend on it:") {
		t.Fatalf("got %s\n%s", got, l.text)
	}
	held := func() bool {
		all := s.states(ctx)
		return !slices.ContainsFunc(tiers, func(name string) bool {
			return all[name].State != control.Held || !strings.Contains(all[name].What, "held behind filesystem.data/gone")
		})
	}
	poll(ctx, t, "all to be held", held)
	must(t, a.cmd.Process.Kill()) // a crash forgets nothing
	<-a.exited
	a = s.start(ctx)
	poll(ctx, t, "all to be held, and read again", func() bool {
		all := s.states(ctx)
		return held() && !slices.ContainsFunc(tiers, func(name string) bool { return all[name].Read.Before(a.began.Add(2 * time.Second)) })
	})
	if n, did := len(box.Mails()), s.done(); n != 1 || did != "" {
		t.Errorf("got %d mails, want one; done: %q, want nothing", n, did)
	}

	mount()
	last := []string{"process.db/down action", "process.db/down recovered"} // at the same moment
	for _, want := range [][]string{{"filesystem.data/gone recovered"}, {"process.db/down failed"}, last, last} {
		l = receive(ctx, t, box)
		got := l.header.Get("X-Tocsin-Rule") + " " + l.header.Get("X-Tocsin-State")
		if !slices.Contains(want, got) {
			t.Fatalf("got %s, want %s\n%s", got, want, l.text)
		}
		if got == "filesystem.data/gone recovered" && !contains(l.text, "process web: failed at ", "process app: failed at ", "process db: failed at ", "(Does not exist), told here") {
			t.Errorf("got\n%s", l.text)
		}
	}
	if got := s.done(); got != "start db, start app, start web" {
		t.Errorf("done: %q", got)
	}

	s.ok(ctx, "stop", "data")
	if got := s.done(); got != "stop web, stop app, stop db" {
		t.Errorf("done: %q", got)
	}
	for name, c := range s.states(ctx) {
		if c.State != control.Unmonitored {
			t.Errorf("%s is %s", name, c.State)
		}
	}
	s.ok(ctx, "start", "-g", "shop")
	if got := s.done(); got != "start db, start app, start web" {
		t.Errorf("done: %q", got)
	}
	s.ok(ctx, "restart", "db")
	if got := s.done(); got != "stop web, stop app, stop db, start db, start app, start web" {
		t.Errorf("done: %q", got)
	}
	if o := s.tocsin(ctx, "", "stop", "-g", "shops"); o.code != 1 || !strings.Contains(o.stderr, `no group "shops"; there is shop`) {
		t.Errorf("got %d, %s", o.code, o.stderr)
	}
	poll(ctx, t, "the group to be fine", func() bool {
		o := s.tocsin(ctx, "", "status", "-g", "shop")
		return o.code == 0 && contains(o.stdout, "3 checks, all fine", "process db") && !strings.Contains(o.stdout, "filesystem")
	})
	a.stop(ctx)
	if n := len(box.Mails()); n != 5 {
		t.Errorf("got %d mails, want 5: what a person does is no event", n)
	}
}

// TestOnReboot: a check with onreboot = "nostart" is not monitored at the first
// start after a boot, until somebody says so; a restart of the agent is no boot.
func TestOnReboot(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 2*time.Minute)
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	s.rules(s.account("box", box.Port(), "implicit", box, unlimited), mailTo("ops", "ops@example.com"),
		"check \"system\" \"here\" {\n  onreboot = \"nostart\"\n  rule \"up\" {\n    when = uptime < 0\n  }\n}\n")
	monitored := func(want bool) {
		t.Helper()
		a := s.start(ctx)
		poll(ctx, t, fmt.Sprintf("monitored to be %t", want), func() bool {
			c, known := s.states(ctx)["here"]
			return known && (c.State != control.Unmonitored) == want
		})
		s.ok(ctx, "monitor", "here")
		a.stop(ctx)
	}
	monitored(false)
	monitored(true)
	path := s.state + "/state.json"
	text, err := os.ReadFile(path)
	must(t, err)
	before, after, found := strings.Cut(string(text), `"boot":"`)
	if !found {
		t.Fatalf("no boot in %s", text)
	}
	must(t, os.WriteFile(path, []byte(before+`"boot":"another-`+after), 0o600))
	monitored(false)
	monitored(true)
}
