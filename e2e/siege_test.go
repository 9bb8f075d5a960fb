//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/control"
	"tocsin/internal/postbox"
)

// How much there is of each in TestSiege: TOCSIN_SIEGE multiplies it.
const (
	siegeReloads = 50
	siegeClients = 1000
	siegeKills   = 20
	siegeClocks  = 12
)

// TestSiege: the agent is reloaded again and again, with one check more or less
// each time, while clients open its socket and send half a command, one that
// never ends, or ask and never read. Every failure is told once, its memory does
// not grow, and whoever asks is answered. It prints how late other checks begin.
func TestSiege(t *testing.T) {
	ctx := deadline(t, 10*time.Minute)
	times := 1
	if text := os.Getenv("TOCSIN_SIEGE"); text != "" {
		var err error
		times, err = strconv.Atoi(text)
		must(t, err)
	}
	s := newStation(t)
	box := startBox(t, postbox.Config{})
	c := newClock(t, siegeClocks)
	var victims []*child
	blocks := append(c.checks(), mailTo("ops", "ops@example.com"), s.account("box", box.Port(), "implicit", box, unlimited))
	for i := range siegeKills {
		name := fmt.Sprintf("p%03d", i)
		victims = append(victims, startChild(t, s.path(name+".pid")))
		blocks = append(blocks, s.watchProcess(name, "30s"))
	}
	s.rules(blocks...)
	a := s.start(ctx)
	socket := control.Client{Path: s.socket()}
	poll(ctx, t, "the first readings", func() bool {
		st, err := socket.Status(ctx, []string{"p000"})
		return err == nil && st.Checks[0].State == control.OK
	})
	before := residentKiB(t, a.cmd.Process.Pid)

	siege, end := context.WithCancel(ctx)
	var besiegers sync.WaitGroup
	for i := range siegeClients {
		besiegers.Go(func() { besiege(siege, s.socket(), i) })
	}
	var work sync.WaitGroup
	work.Go(func() { a.reloadOften(ctx, s, times*siegeReloads, blocks) })
	work.Go(func() {
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for _, v := range victims {
			<-tick.C
			v.kill()
		}
	})
	asked := make(chan []time.Duration, 1)
	go func() { asked <- askOften(siege, t, socket) }()
	worked := make(chan struct{})
	go func() { work.Wait(); close(worked) }()
	var lags []time.Duration
	for done := false; !done; {
		lags = append(lags, c.measure(5*time.Second)...)
		select {
		case <-worked:
			done = true
		default:
		}
	}
	slices.Sort(lags)
	told := map[string]int{}
	victim := regexp.MustCompile(`\bp\d{3}\b`)
	for len(told) < siegeKills {
		l := receive(ctx, t, box)
		names := map[string]bool{}
		for _, name := range victim.FindAllString(l.subject+"\n"+l.text, -1) {
			names[name] = true // its own mail names it more than once
		}
		for name := range names {
			told[name]++
		}
	}
	under := residentKiB(t, a.cmd.Process.Pid)
	end()
	besiegers.Wait()
	answers := <-asked
	slices.Sort(answers)
	a.stop(ctx)
	for name, n := range told {
		if n != 1 {
			t.Errorf("%s was told %d times", name, n)
		}
	}
	if n := len(box.Mails()); n > siegeKills {
		t.Errorf("got %d mails about %d failures", n, siegeKills)
	}
	if under > before+siegeRoom {
		t.Errorf("memory grew from %d to %d KiB", before, under)
	}
	fmt.Printf("%d reloads and %d hostile clients: other checks late %s\n", times*siegeReloads, siegeClients, quantiles(lags))
	fmt.Printf("  status answered %s; resident %d KiB before, %d under siege\n", quantiles(answers), before, under)
}

// siegeRoom is how much the agent may grow under siege, in KiB: reloads read
// files, and 128 clients are in at a time.
const siegeRoom = 24 << 10

// socket is where the agent of the station is asked.
func (s *station) socket() string { return filepath.Join(s.state, "control.sock") }

// residentKiB is the memory of a process (VmRSS of proc_pid_status(5)).
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	_, rest, ok := strings.Cut(readFile(t, fmt.Sprintf("/proc/%d/status", pid)), "VmRSS:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		t.Fatal("no VmRSS")
	}
	n, err := strconv.Atoi(fields[0])
	must(t, err)
	return n
}

// reloadOften reloads with one check more, and with one less.
func (a *agent) reloadOften(ctx context.Context, s *station, n int, blocks []string) {
	for i := range n {
		rules := append([]string{}, blocks...)
		if i%2 == 0 {
			rules = append(rules, s.watchFile())
		}
		s.rules(rules...)
		a.signal(syscall.SIGHUP)
		a.ready(ctx, 2+i)
	}
	for change, want := range map[string]int{"added": (n + 1) / 2, "removed": n / 2} {
		a.log.await(ctx, s.t, "changes=\""+change+" check file.extra\"", want)
	}
}

// watchFile is a check that never fails.
func (s *station) watchFile() string {
	return fmt.Sprintf("check \"file\" \"extra\" {\n  path = %q\n  rule \"gone\" {\n    when = !exists\n  }\n}\n", s.path("tocsin.hcl"))
}

// askOften asks for the state again and again, and returns how long each answer
// took.
func askOften(ctx context.Context, t *testing.T, socket control.Client) []time.Duration {
	var took []time.Duration
	for ctx.Err() == nil {
		began := time.Now()
		_, err := socket.Status(ctx, []string{"p000"})
		if err != nil && ctx.Err() == nil {
			t.Errorf("not answered after %s: %v", time.Since(began), err)
		}
		if ctx.Err() == nil {
			took = append(took, time.Since(began))
		}
	}
	return took
}

// besiege is one hostile client after the other, until ctx ends.
func besiege(ctx context.Context, path string, kind int) {
	zeros := make([]byte, 64<<10)
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				pause(ctx, 50*time.Millisecond) // the queue of the socket is full
			}
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		switch kind % 5 {
		case 0: // says nothing
		case 1:
			_, _ = io.WriteString(conn, "POST /v1/relo")
		case 2: // a header of a gigabyte
			_, _ = io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nX: ")
			for n := 0; n < 1<<30 && err == nil; n += len(zeros) {
				_, err = conn.Write(zeros)
			}
		case 3: // a body of a gigabyte
			_, _ = io.WriteString(conn, "POST /v1/retry HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n\"")
			for n := 0; n < 1<<30 && err == nil; n += len(zeros) {
				_, err = conn.Write(zeros)
			}
		case 4: // asks for much and never reads
			_, _ = io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		if kind%5 < 2 || kind%5 == 4 {
			pause(ctx, 3*time.Second)
		}
		stop()
		_ = conn.Close()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
