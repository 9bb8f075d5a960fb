package control

import (
	"container/list"
	"context"
	"net"
	"sync"
	"time"
)

// maxGuests is how many connections are open at once. Whoever says nothing may
// stay for hearing at least, which a client of ours does not need even on a busy
// machine. After so many at once one more is let in each apart: a crowd takes
// the processor from nobody's checks.
const (
	maxGuests = 128
	hearing   = 500 * time.Millisecond
	apart     = 5 * time.Millisecond
)

// crowd is a listener with room for so many connections. When there is no more,
// whoever came first and has not asked yet has to go: a client of ours asks at
// once, so that many who say nothing keep nobody out.
type crowd struct {
	net.Listener
	most int

	mu     sync.Mutex
	left   *sync.Cond // somebody left
	total  int
	silent *list.List // of *guest: who has not asked, in order

	closed chan struct{}
	once   sync.Once

	due time.Time // when the crowd so far would have been let in one by one
}

func newCrowd(l net.Listener, most int) *crowd {
	c := &crowd{Listener: l, most: most, silent: list.New(), closed: make(chan struct{})}
	c.left = sync.NewCond(&c.mu)
	return c
}

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd *crowd
	place *list.Element // in crowd.silent; nil once it has asked
	since time.Time
	gone  bool
}

// Accept waits for a connection, and for room for it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if d := c.wait(time.Now()); d > 0 {
		turn := time.NewTimer(d)
		defer turn.Stop()
		select {
		case <-turn.C:
		case <-c.closed: // what is let in now is closed at once
		}
	}
	g := &guest{Conn: conn, crowd: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.total >= c.most {
		c.makeRoom(time.Now())
	}
	c.total++
	g.since = time.Now()
	g.place = c.silent.PushBack(g)
	return g, nil
}

// Close ends Accept.
func (c *crowd) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Listener.Close()
}

// wait is how long the next guest has to wait.
func (c *crowd) wait(now time.Time) time.Duration {
	if c.due.Before(now) {
		c.due = now
	}
	c.due = c.due.Add(apart)
	return max(0, c.due.Sub(now)-maxGuests*apart)
}

// makeRoom has somebody leave, or waits until somebody did or may have to. The
// caller holds mu.
func (c *crowd) makeRoom(now time.Time) {
	first := c.silent.Front()
	if first == nil {
		c.left.Wait() // every one of them has a deadline
		return
	}
	g := first.Value.(*guest) //nolint:forcetypeassert // nothing else is in it
	left := hearing - now.Sub(g.since)
	if left <= 0 {
		c.leave(g)
		return
	}
	wake := time.AfterFunc(left, c.left.Broadcast)
	c.left.Wait()
	wake.Stop()
}

// leave closes a connection and gives its room away. The caller holds mu.
func (c *crowd) leave(g *guest) {
	if g.gone {
		return
	}
	g.gone = true
	c.total--
	c.listened(g)
	_ = g.Conn.Close() // whoever reads or writes hears of it
	c.left.Signal()
}

// listened takes a guest out of those that have not asked. The caller holds mu.
func (c *crowd) listened(g *guest) {
	if g.place != nil {
		c.silent.Remove(g.place)
		g.place = nil
	}
}

// Close ends the connection.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	g.crowd.leave(g)
	return nil
}

// guestKey is where a request finds its connection.
type guestKey struct{}

// asked says that the whole of a request has come.
func asked(ctx context.Context) {
	g, ok := ctx.Value(guestKey{}).(*guest)
	if !ok {
		return
	}
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	g.crowd.listened(g)
}
