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
