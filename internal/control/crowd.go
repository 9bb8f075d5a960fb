package control

import (
	"container/list"
	"context"
	"net"
	"sync"
)

// maxGuests is how many connections are open at once.
const maxGuests = 128

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
}

func newCrowd(l net.Listener, most int) *crowd {
	c := &crowd{Listener: l, most: most, silent: list.New()}
	c.left = sync.NewCond(&c.mu)
	return c
}

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd *crowd
	place *list.Element // in crowd.silent; nil once it has asked
	gone  bool
}

// Accept waits for a connection, and for room for it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: conn, crowd: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.total >= c.most {
		if first := c.silent.Front(); first != nil {
			c.leave(first.Value.(*guest)) //nolint:forcetypeassert // nothing else is in it
			continue
		}
		c.left.Wait() // every one of them has a deadline
	}
	c.total++
	g.place = c.silent.PushBack(g)
	return g, nil
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
