//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The checks of TestHung: 48 programs that never end and 16 file systems of a
// mount that never answers, beside those that are watched for being in time.
const (
	hungPrograms = 48
	hungMounts   = 16
	timed        = 16
)

// hungTime is how long TestHung measures; $TOCSIN_HUNG is another time.
const hungTime = 10 * time.Second

// TestHung: 64 checks hang all the time, and the others begin when they should.
// How late they are is printed; what the hung ones leave behind fails the test.
func TestHung(t *testing.T) {
	inCages(t, false, func(t *testing.T, s *station) {
		measured := hungTime
		if text := os.Getenv("TOCSIN_HUNG"); text != "" {
			var err error
			measured, err = time.ParseDuration(text)
			must(t, err)
		}
		ctx := deadline(t, measured+time.Minute)
		c := newClock(t, timed)
		idle := s.runProgram("idle", s.script("idle", "#!/bin/sh\nprintf . >>\"$1\"\n"), "1s", "10s")
		well := append(c.checks(), idle)
		s.rules(well...)
		a := s.start(ctx)
		poll(ctx, t, "the first program", func() bool { return s.runs("idle") > 1 })
		before := a.holds()
		alone := c.measure(3 * time.Second)

		mount := s.deadMount()
		s.rules(append(s.hung(mount.dir), well...)...)
		a.signal(syscall.SIGHUP)
		a.ready(ctx, 2)
		poll(ctx, t, "all programs to hang", func() bool {
			for i := range hungPrograms {
				if s.runs(fmt.Sprintf("hung%02d", i)) == 0 {
					return false
				}
			}
			return true
		})
		lags := c.measure(measured)
		t.Logf("late, without hung checks: %s", quantiles(alone))
		t.Logf("late, with %d hung checks for %s: %s", hungPrograms+hungMounts, measured, quantiles(lags))

		mount.release()
		s.rules(well...)
		a.signal(syscall.SIGHUP)
		a.ready(ctx, 3)
		// Each of the reads of the dead mount had a thread.
		before.threads += hungMounts
		a.quiet(ctx, s, before)
	})
}

// hung are the checks that never end.
func (s *station) hung(mount string) []string {
	s.t.Helper()
	var paths []string
	for name, text := range map[string]string{"stubborn": stubborn, "daemonic": daemonic, "forking": forking} {
		paths = append(paths, s.script(name, text))
	}
	slices.Sort(paths)
	var blocks []string
	for i := range hungPrograms {
		blocks = append(blocks, s.runProgram(fmt.Sprintf("hung%02d", i), paths[i%len(paths)], "4s", "3s"))
	}
	for i := range hungMounts {
		blocks = append(blocks, fmt.Sprintf("check \"filesystem\" \"dead%02d\" {\n  path = %q\n  interval = \"2s\"\n  timeout = \"1s\"\n  rule \"full\" {\n    when = space.percent > 99\n  }\n}\n", i, mount))
	}
	return blocks
}

// deadMount is a FUSE file system whose server never answers.
type deadMount struct {
	dir  string
	file *os.File
	once sync.Once
}

func (s *station) deadMount() *deadMount {
	s.t.Helper()
	needRoot(s.t)
	dir := s.path("dead")
	must(s.t, os.Mkdir(dir, 0o700))
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		skip(s.t, "no FUSE: "+err.Error())
	}
	m := &deadMount{dir: dir, file: os.NewFile(uintptr(fd), "fuse")}
	if err := unix.Mount("dead", dir, "fuse", unix.MS_NODEV|unix.MS_NOSUID, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)); err != nil {
		m.file.Close()
		skip(s.t, "no FUSE: "+err.Error())
	}
	s.t.Cleanup(m.release)
	return m
}

// release ends the mount, and whoever waits for it.
func (m *deadMount) release() {
	m.once.Do(func() {
		m.file.Close() // nobody can answer any more
		_ = unix.Unmount(m.dir, unix.MNT_DETACH)
	})
}

// clock sees when checks begin: each connects to a port of its own.
type clock struct {
	t     *testing.T
	ports []int

	mu   sync.Mutex
	seen [][]time.Time
}

func newClock(t *testing.T, n int) *clock {
	t.Helper()
	c := &clock{t: t, seen: make([][]time.Time, n)}
	for i := range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		c.ports = append(c.ports, l.Addr().(*net.TCPAddr).Port)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				now := time.Now()
				_ = conn.Close()
				c.mu.Lock()
				c.seen[i] = append(c.seen[i], now)
				c.mu.Unlock()
			}
		}()
	}
	return c
}

// clockInterval is that of the checks that are watched.
const clockInterval = 500 * time.Millisecond

func (c *clock) checks() []string {
	var blocks []string
	for i, port := range c.ports {
		blocks = append(blocks, fmt.Sprintf("check \"host\" \"watched%02d\" {\n  address = \"127.0.0.1\"\n  port = %d\n  interval = %q\n  timeout = \"5s\"\n  rule \"down\" {\n    when = !reachable\n  }\n}\n", i, port, clockInterval))
	}
	return blocks
}

// measure returns how late each check began in the time to come: its distance
// from the earliest place in its interval. One that is left out is as late as
// the next one is.
func (c *clock) measure(d time.Duration) []time.Duration {
	c.t.Helper()
	c.mu.Lock()
	for i := range c.seen {
		c.seen[i] = nil
	}
	c.mu.Unlock()
	<-time.After(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	var lags []time.Duration
	for i, times := range c.seen {
		if len(times) == 0 {
			c.t.Errorf("check %d did not begin in %s", i, d)
			continue
		}
		lags = append(lags, lateness(times)...)
	}
	slices.Sort(lags)
	return lags
}

// lateness compares the times of one check with its grid.
func lateness(times []time.Time) []time.Duration {
	var lags []time.Duration
	earliest := time.Duration(0)
	for k, at := range times {
		// The grid goes through the first time; a lag moves it back below.
		lag := at.Sub(times[0]) - clockInterval*time.Duration(k)
		lags = append(lags, lag)
		earliest = min(earliest, lag)
	}
	for k := range lags {
		lags[k] -= earliest
	}
	return lags
}

func quantiles(lags []time.Duration) string {
	if len(lags) == 0 {
		return "nothing seen"
	}
	var parts []string
	for _, q := range []int{500, 900, 990, 1000} {
		at := min(len(lags)*q/1000, len(lags)-1)
		parts = append(parts, fmt.Sprintf("p%g %s", float64(q)/10, lags[at].Round(10*time.Microsecond)))
	}
	return fmt.Sprintf("%s (%d starts)", strings.Join(parts, ", "), len(lags))
}
