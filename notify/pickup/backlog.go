package pickup

import (
	"fmt"
	"time"
)

// What the agent takes in while it waits in the queue, in bytes: all of it is
// in memory.
const (
	maxQueued     = 256 << 20
	maxQueuedUser = maxQueued / 4
)

// Weigher says how many bytes of finished messages wait in the queue; the spool
// does.
type Weigher interface {
	RawBytes() int64
}

// Leaver says when an item is in the queue no more; the spool does.
type Leaver interface {
	Gone(id string) <-chan struct{}
}

// backlog is what was taken in and still waits. It begins anew with the agent;
// what waited before counts for nobody, and in the Weigher.
type backlog struct {
	items []queued
	users map[uint32]int64
	total int64
}

type queued struct {
	user uint32
	size int64
	gone <-chan struct{}
}

// settle forgets what has left the queue.
func (b *backlog) settle() {
	kept := b.items[:0]
	for _, q := range b.items {
		select {
		case <-q.gone:
			b.total -= q.size
			if b.users[q.user] -= q.size; b.users[q.user] <= 0 {
				delete(b.users, q.user)
			}
		default:
			kept = append(kept, q)
		}
	}
	clear(b.items[len(kept):]) // their channels
	b.items = kept
}

// add counts a message until gone is closed.
func (b *backlog) add(user uint32, size int64, gone <-chan struct{}) {
	if b.users == nil {
		b.users = make(map[uint32]int64)
	}
	b.items = append(b.items, queued{user, size, gone})
	b.users[user] += size
	b.total += size
}

// fits says whether one more message may be taken; one that does not waits in
// the drop directory, and a person is told.
func (c *Collector) fits(config Config, user uint32, size int64, now time.Time) bool {
	total := c.backlog.total
	if c.Weigher != nil {
		total = max(total, c.Weigher.RawBytes())
	}
	if total+size <= maxQueued && c.backlog.users[user]+size <= maxQueuedUser {
		return true
	}
	c.alarm(config, "queue", fmt.Sprintf("The queue holds %d MiB of mail of other programs, %d MiB of it of the user with the number %d. More waits in %s: at most %d MiB are taken in, of one user %d MiB.",
		total>>20, c.backlog.users[user]>>20, user, config.Dir, int64(maxQueued>>20), int64(maxQueuedUser>>20)), now)
	return false
}
