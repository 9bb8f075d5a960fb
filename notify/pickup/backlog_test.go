package pickup

import (
	"os"
	"testing"
)

// weigher is a queue of so many bytes.
type weigher int64

func (w weigher) RawBytes() int64 { return int64(w) }

// TestTheQueueIsBounded: what does not fit waits where it is, whoever else may
// send, and goes once there is room.
func TestTheQueueIsBounded(t *testing.T) {
	b := newBench(t)
	b.Leaver = b.spool
	user := uint32(os.Geteuid())
	gone := make(chan struct{})
	b.backlog.add(user, maxQueuedUser-10, gone)
	b.drop("one", "\nbody\n", "root")
	b.look(0)
	if len(b.names(b.config.Dir)) != 1 || len(b.events) != 1 || b.events[0].Rule != "queue" {
		t.Errorf("got %q left and the events %v", b.names(b.config.Dir), b.events)
	}
	if !b.fits(b.config, user+1, 1000, testNow()) {
		t.Error("another user has no room")
	}
	close(gone)
	b.Weigher = weigher(maxQueued - 10)
	b.look(0)
	b.Weigher = weigher(0)
	b.look(1)
	w := b.spool.Waiting()
	if len(w) != 1 || b.backlog.total != int64(len(b.raw(w[0]))) || len(b.backlog.items) != 1 {
		t.Errorf("got %d waiting and %+v", len(w), b.backlog)
	}
}
