//go:build e2e && bench

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/internal/postbox"
)

// How often each thing is done whose mail is waited for.
const (
	kills   = 200
	changes = 100
	mounts  = 50
	storms  = 5
	storm   = 100 // processes killed together
)

// apart is between two changes of a file or a mount: more than a few that follow
// one another at once are gathered.
const apart = 250 * time.Millisecond

// printed prints how long something took. Nothing here passes a verdict.
func printed(what string, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	fmt.Printf("%-66s %8.1f ms median, %8.1f ms p99, %8.1f ms longest, of %d\n", what,
		milliseconds(took[len(took)/2]), milliseconds(took[len(took)*99/100]), milliseconds(took[len(took)-1]), len(took))
}

// opsMail is a mail block that fits both boxes of boxOf.
const opsMail = "mail \"ops\" {\n  from = \"alice@example.com\"\n  to = [\"ops@example.com\"]\n}\n"

// transport is how a figure names the connection.
func transport(mode string) string {
	if mode == postbox.None {
		return "plain"
	}
	return "TLS and login"
}

// watching starts an agent and returns when everything has been read once.
func (s *station) watching(ctx context.Context, blocks ...string) *agent {
	s.t.Helper()
	s.rules(blocks...)
	a := s.start(ctx)
	poll(ctx, s.t, "the first readings", func() bool { return time.Since(a.began) > 2*time.Second })
	return a
}

// victims starts processes with the checks that watch them.
func (s *station) victims(n int, interval string) (victims []*child, blocks []string) {
	for i := range n {
		name := fmt.Sprintf("p%03d", i)
		victims = append(victims, startChild(s.t, s.path(name+".pid")))
		blocks = append(blocks, s.watchProcess(name, interval))
	}
	return victims, blocks
}

// TestNoticed prints how long it takes from kill -9 of a watched process to its
// mail accepted, at an interval of 30 s.
func TestNoticed(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	for _, mode := range []string{postbox.None, postbox.Implicit} {
		s := newStation(t)
		box, server := s.boxOf(mode)
		victims, blocks := s.victims(kills, "30s")
		a := s.watching(ctx, append(blocks, server, opsMail)...)
		var took []time.Duration
		for _, v := range victims {
			killed := time.Now()
			v.kill()
			took = append(took, receive(ctx, t, box).at.Sub(killed))
		}
		a.stop(ctx)
		printed("kill -9 to mail accepted, interval 30 s, "+transport(mode), took)
	}
}

// TestNoticedStorm prints how long it takes until a hundred failures of one
// moment are all told over one connection, however many mails that are.
func TestNoticedStorm(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	var took []time.Duration
	mails := 0
	for range storms {
		s := newStation(t)
		box, server := s.boxOf(postbox.Implicit)
		victims, blocks := s.victims(storm, "30s")
		a := s.watching(ctx, append(blocks, server, opsMail)...)
		killed := time.Now()
		for _, v := range victims {
			_ = v.cmd.Process.Kill() // waited for below
		}
		told, last := map[string]bool{}, killed
		for len(told) < storm {
			l := receive(ctx, t, box)
			for _, id := range l.events {
				told[id] = true
			}
			last = l.at
			mails++
		}
		took = append(took, last.Sub(killed))
		for _, v := range victims {
			v.kill()
		}
		a.stop(ctx)
	}
	printed(fmt.Sprintf("%d killed at once to all told, TLS and login, one connection", storm), took)
	fmt.Printf("  in %d mails each\n", mails/storms)
}

// TestNoticedFile prints how long it takes from a change of a file to its mail
// accepted, at an interval of 30 s.
func TestNoticedFile(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	for _, mode := range []string{postbox.None, postbox.Implicit} {
		s := newStation(t)
		box, server := s.boxOf(mode)
		s.write("watched", "x\n")
		a := s.watching(ctx, server, opsMail, fmt.Sprintf("check \"file\" \"watched\" {\n  path = %q\n  interval = \"30s\"\n  rule \"grown\" {\n    when = changed(size)\n  }\n}\n", s.path("watched")))
		f, err := os.OpenFile(s.path("watched"), os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		var took []time.Duration
		tick := time.NewTicker(apart)
		defer tick.Stop()
		for range changes {
			<-tick.C
			began := time.Now()
			_, err := f.WriteString("x\n")
			must(t, err)
			took = append(took, receive(ctx, t, box).at.Sub(began))
		}
		must(t, f.Close())
		a.stop(ctx)
		printed("change of a file to mail accepted, interval 30 s, "+transport(mode), took)
	}
}

// TestNoticedMount prints how long it takes from a mount that goes, or comes
// back, to its mail accepted, at an interval of 30 s.
func TestNoticedMount(t *testing.T) {
	needRoot(t)
	ctx := deadline(t, 5*time.Minute)
	s := newStation(t)
	box, server := s.boxOf(postbox.Implicit)
	point := s.path("mount")
	must(t, os.Mkdir(point, 0o700))
	mount := func() {
		if err := unix.Mount("tmpfs", point, "tmpfs", 0, "size=64k"); err != nil {
			skip(t, "no mount(2): "+err.Error())
		}
	}
	mount()
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	a := s.watching(ctx, server, opsMail, fmt.Sprintf("check \"filesystem\" \"data\" {\n  path = %q\n  interval = \"30s\"\n  rule \"gone\" {\n    when = !exists\n  }\n}\n", point))
	var gone, back []time.Duration
	tick := time.NewTicker(apart)
	defer tick.Stop()
	for range mounts {
		<-tick.C
		began := time.Now()
		must(t, unix.Unmount(point, 0))
		gone = append(gone, receive(ctx, t, box).at.Sub(began))
		began = time.Now()
		mount()
		back = append(back, receive(ctx, t, box).at.Sub(began))
	}
	a.stop(ctx)
	printed("umount to mail accepted, interval 30 s, TLS and login", gone)
	printed("mount again to mail accepted, interval 30 s, TLS and login", back)
}

// TestNoticedUnit prints how long it takes from kill -9 of a unit's main process
// to its mail accepted, at an interval of 30 s.
func TestNoticedUnit(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		skip(t, "no systemd")
	}
	ctx := deadline(t, 5*time.Minute)
	s := newStation(t)
	box, server := s.boxOf(postbox.Implicit)
	run := func(args ...string) {
		out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", args, err, out)
		}
	}
	unit := fmt.Sprintf("tocsin-bench-%d.service", os.Getpid())
	start := func() { run("systemd-run", "--quiet", "--unit="+unit, "sleep", "3600") }
	start()
	t.Cleanup(func() { _ = exec.Command("systemctl", "stop", unit).Run() })
	a := s.watching(ctx, server, opsMail, fmt.Sprintf("check \"unit\" \"victim\" {\n  unit = %q\n  interval = \"30s\"\n  rule \"down\" {\n    when = !active\n  }\n}\n", unit))
	var took []time.Duration
	for range mounts {
		began := time.Now()
		run("systemctl", "kill", "--signal=KILL", unit)
		took = append(took, receive(ctx, t, box).at.Sub(began))
		run("systemctl", "reset-failed", unit)
		start()
		receive(ctx, t, box) // the recovery
	}
	a.stop(ctx)
	printed("kill -9 of a unit to mail accepted, interval 30 s, TLS and login", took)
}

// boxOf is a mail server and its block: in clear and without a login, or with
// both.
func (s *station) boxOf(mode string) (*postbox.Server, string) {
	s.t.Helper()
	if mode != postbox.None {
		box := startBox(s.t, postbox.Config{Mode: mode})
		return box, s.account("box", box.Port(), mode, box, unlimited)
	}
	box, err := postbox.Start(postbox.Config{Mode: mode})
	must(s.t, err)
	s.t.Cleanup(func() { _ = box.Close() })
	return box, fmt.Sprintf("mailserver \"box\" {\n  host = \"127.0.0.1\"\n  port = %d\n  tls = \"none\"\n  %s\n}\n", box.Port(), unlimited)
}
