package main

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// gear is on how many processors Go's code runs at a time: at rest on one. With
// more of them each timer and each reading wakes a second thread, which finds
// nothing to do: a fifth of what a cycle of a hundred checks costs on two
// processors, and more where there are many. System calls that take long do not
// count, the runtime lets others run meanwhile. See decision 0023.
type gear struct {
	fixed bool   // the environment says how many
	up    func() // as many as there are
	down  func() // one

	mu    sync.Mutex
	low   bool
	until time.Time // when the work is over, as far as is known
	held  int       // works that last
}

// gearTime is how long after the last work there is rest: longer than the time
// between two cycles of a second, and than the first readings take.
const gearTime = 5 * time.Second

// newGear leaves all processors to the start. GOMAXPROCS in the environment wins.
func newGear() *gear {
	return &gear{
		fixed: os.Getenv("GOMAXPROCS") != "",
		up:    runtime.SetDefaultGOMAXPROCS, // which goes on to follow what the unit may use
		down:  func() { runtime.GOMAXPROCS(1) },
	}
}

// started says that the start is over: after the first readings there is rest.
func (g *gear) started() {
	if !g.fixed {
		time.AfterFunc(gearTime, g.look)
	}
}

// work says that there is work for several processors now.
func (g *gear) work() { g.hold()() }

// hold says that there is such work until over is called.
func (g *gear) hold() (over func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held++
	if g.low {
		g.low = false
		g.up()
		time.AfterFunc(gearTime, g.look)
	}
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.held--
		g.until = time.Now().Add(gearTime)
	})
}

// look goes down to rest, or looks again when there might be. Between the start
// or a work and the rest after it there is always one look to come.
func (g *gear) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch wait := time.Until(g.until); {
	case g.held > 0:
		time.AfterFunc(gearTime, g.look)
	case wait > 0:
		time.AfterFunc(wait, g.look)
	default:
		g.low = true
		g.down()
	}
}
