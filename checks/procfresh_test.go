package checks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// TestTheFreshAreEnough has people come, go and become others at random, and asks
// matchers of different habits: nobody who matches is missed, nobody listed twice.
func TestTheFreshAreEnough(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := newCrowd(t, 1000)
		table, last, here := c.host.processes(), 1000, map[int]bool{}
		matchers := make([]matcher, 12)
		for i := range matchers {
			matchers[i].text = fmt.Sprintf("^w%d$", i)
		}
		for range 150 {
			c.now.Add(int64(time.Duration(random.IntN(6000)) * time.Millisecond))
			for range random.IntN(4) {
				last++
				c.come(last, fmt.Sprint("w", random.IntN(len(matchers))))
				here[last] = true
			}
			for pid := range here {
				switch random.IntN(40) {
				case 0:
					c.leave(pid)
					delete(here, pid)
				case 1:
					write(t, fmt.Sprintf("w%d\x00", random.IntN(len(matchers))), c.proc, strconv.Itoa(pid), "cmdline")
				}
			}
			c.last(strconv.Itoa(last))
			need, ctx := newcomers, context.Context(t.Context())
			if random.IntN(6) == 0 {
				need = commands
			}
			if random.IntN(10) == 0 {
				ctx = &endsSoon{ctx, random.IntN(30)}
			}
			err := table.snapshot(ctx, time.Duration(random.IntN(2))*snapshotAge, need, func(*Table) {})
			if errors.Is(err, context.Canceled) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			consistent(t, table)
			for i := range matchers {
				if random.IntN(3) == 0 {
					findsOne(t, &matchers[i], table, fmt.Sprint("w", i))
				}
			}
		}
	}
}

// endsSoon is a context that ends when it was asked for so often.
type endsSoon struct {
	context.Context
	left int
}

func (c *endsSoon) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// consistent fails unless the table lists everybody once.
func consistent(t *testing.T, table *Table) {
	t.Helper()
	held := 0
	for _, p := range table.list {
		if table.byPID[p.pid] != p {
			t.Errorf("%d is listed and not known", p.pid)
		}
		held += len(p.command)
	}
	if len(table.list) != len(table.byPID) || held != table.held || len(table.absent) > maxLate+50 || len(table.fresh) > 2*maxFresh {
		t.Fatalf("%d listed of %d, %d bytes of %d, %d absent, %d fresh", len(table.list), len(table.byPID), table.held, held, len(table.absent), len(table.fresh))
	}
}

// findsOne fails unless the matcher finds somebody where there is one.
func findsOne(t *testing.T, m *matcher, table *Table, command string) {
	t.Helper()
	got := m.find(table)
	if got != nil {
		if string(got.command) != command || !got.alive() || table.byPID[got.pid] != got {
			t.Errorf("found %d with %q, want %q", got.pid, got.command, command)
		}
		return
	}
	for _, p := range table.list {
		if p.alive() && string(p.command) == command {
			t.Errorf("%d has %q and was not found", p.pid, command)
			return
		}
	}
}

// TestWhoWasLookedAt is due later; and those who want no command lines leave those
// who do without a pass of their own.
func TestWhoWasLookedAt(t *testing.T) {
	c := newCrowd(t, 701)
	c.now.Add(int64(maxLook))
	table := c.glance()
	for _, p := range table.list {
		if p.due <= c.host.uptime() {
			t.Errorf("%d, %q, is due again at once", p.pid, p.command)
		}
	}
	c.now.Add(int64(time.Second))
	passOf(t, c.host, false)
	before := table.whole
	if c.glance(); table.whole != before {
		t.Error("a pass was made where a glance is enough")
	}
}

// TestAYoungerParent has the number of one that has ended: who matches stands under
// nobody.
func TestAYoungerParent(t *testing.T) {
	c := newCrowd(t, 899)
	for pid, parent := range map[int]int{800: 801, 801: 1} {
		line := statLine{pid: pid, parent: parent, comm: "sh", start: 9000 + pid - 800}
		write(t, line.String(), c.proc, strconv.Itoa(pid), "stat")
		write(t, "wanted\x00", c.proc, strconv.Itoa(pid), "cmdline")
	}
	m := matcher{text: "^wanted$"}
	if p := m.find(passOf(t, c.host, true)); p == nil || p.pid != 800 {
		t.Errorf("found %+v, want the one that runs longest", p)
	}
}

// TestAnotherNameWithoutExec: a program that gives itself a name is still the one
// that was found, and needs no table.
func TestAnotherNameWithoutExec(t *testing.T) {
	c := newCrowd(t, 899)
	r, ok := open(t, c.host, "process", map[string]string{"match": "^sh -c sleep"}, "exists").(*processReader)
	if !ok {
		t.Fatal("no process reader")
	}
	write(t, "sh\x00-c\x00sleep\x00", c.proc, "101/cmdline")
	c.now.Add(int64(maxLook))
	wantValues(t, read(t, r), map[string]string{"exists": "true"})
	write(t, statLine{pid: 101, parent: 100, comm: "MainThread", start: 5001}.String(), c.proc, "101/stat")
	for range 2 {
		c.now.Add(int64(time.Second))
		wantValues(t, read(t, r), map[string]string{"exists": "true"})
	}
	if got := string(r.command.name); got != "MainThread" {
		t.Errorf("it is known as %q", got)
	}
}
