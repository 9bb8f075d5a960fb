package program

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// buryPause is how long the dead may wait: many that die together are buried
// together.
const buryPause = 100 * time.Millisecond

// bury waits from now on for the orphans of lasting programs as soon as they are
// dead, until the cage is closed: whoever asks whether a daemon still runs
// (kill(2) with 0) would take a zombie for one. Those of other programs are
// waited for when these end. The caller holds mu.
func (c *Cage) bury() {
	if c.closed != nil {
		return
	}
	closed, buried := make(chan struct{}), make(chan struct{})
	c.closed, c.buried = closed, buried
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	go func() {
		defer close(buried)
		defer signal.Stop(died)
		var again <-chan time.Time
		for {
			select {
			case <-closed:
				return
			case <-died:
			case <-again:
			}
			select {
			case <-closed:
				return
			case <-time.After(buryPause):
			}
			again = nil
			if c.buryDead() {
				again = time.After(endGrace)
			}
		}
	}()
}

// buryDead waits for the dead orphans, and says whether some may be the
// children of another part of this process yet.
func (c *Cage) buryDead() (left bool) {
	c.sweeping.Lock()
	defer c.sweeping.Unlock()
	for _, pid := range children() {
		if c.runs(pid) {
			continue
		}
		o, ok := look(pid)
		if !ok || !o.dead {
			continue
		}
		if c.abandoned(o, nil, markOf) {
			o.end()
		} else {
			left = true
		}
	}
	return left
}
