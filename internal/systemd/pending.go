package systemd

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// errLost says that the connection ended.
var errLost = errors.New("the connection to the service manager was lost")

// unitChange is a unit's new ActiveState, "failed", "active" or "inactive", and
// the invocation that it was in then, "" if the signal does not say.
type unitChange struct{ unit, state, invocation string }

// maxPending is how many changes wait while a handler is busy.
const maxPending = 1024

// pending is what is still to be acted on. The signals are taken off the
// connection at once, whatever the handler does: what waits there is not
// bounded.
type pending struct {
	wake chan struct{} // holds a token when there is something
	lost chan struct{} // closed when the connection ended

	mu        sync.Mutex
	batch     batch
	reloading *time.Timer // nil while the manager is not
}

// batch is what has come since the last one. What it asks to look at anew goes
// before the changes: they came later.
type batch struct {
	changes []unitChange
	resync  bool // look at all units
	enlist  bool // another manager has taken over: subscribe again
}

func newPending() *pending {
	return &pending{wake: make(chan struct{}, 1), lost: make(chan struct{})}
}

// take waits for something to do. Its error is errLost or that of ctx.
func (p *pending) take(ctx context.Context) (batch, error) {
	select {
	case <-ctx.Done():
		return batch{}, ctx.Err()
	case <-p.lost:
		return batch{}, errLost
	case <-p.wake:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.batch
	p.batch = batch{}
	return b, nil
}

// drain puts the signals by until the connection ends.
func (p *pending) drain(signals <-chan *dbus.Signal, private bool, owner string) {
	defer close(p.lost)
	defer p.reload(false)
	for s := range signals {
		if to, ok := newOwner(s, managerName); ok && !private {
			if owner = to; owner != "" {
				p.put(func(b *batch) { b.enlist, b.resync = true, true })
			}
			continue
		}
		if !private && (s.Sender != owner || owner == "") {
			continue // somebody who is not the manager
		}
		if begins, ok := reloadOf(s); ok {
			p.reload(begins)
			continue
		}
		if c, ok := changeOf(s); ok {
			p.put(func(b *batch) { b.add(c) })
		}
	}
}

// put notes something and wakes whoever takes. While the manager reloads every
// unit vanishes and comes back: nothing of that is a change, and after it all
// are looked at.
func (p *pending) put(note func(*batch)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reloading != nil {
		return
	}
	note(&p.batch)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// reload notes that the manager begins to reload, or has.
func (p *pending) reload(begins bool) {
	p.mu.Lock()
	was := p.reloading
	switch {
	case begins && was == nil:
		// The end may never be heard of.
		p.reloading = time.AfterFunc(reloadLimit, func() { p.reload(false) })
	case !begins && was != nil:
		was.Stop()
		p.reloading = nil
	}
	p.mu.Unlock()
	if !begins && was != nil {
		p.put(func(b *batch) { b.resync = true })
	}
}

// add puts a change behind the others. Too many are no longer told apart.
func (b *batch) add(c unitChange) {
	if n := len(b.changes); n > 0 && b.changes[n-1] == c {
		return
	}
	if len(b.changes) == maxPending {
		b.changes, b.resync = nil, true
		return
	}
	b.changes = append(b.changes, c)
}

// reloadOf reads the manager's signal Reloading.
func reloadOf(s *dbus.Signal) (begins, ok bool) {
	if s.Name != managerIface+".Reloading" || len(s.Body) != 1 {
		return false, false
	}
	begins, ok = s.Body[0].(bool)
	return begins, ok
}

// changeOf reads PropertiesChanged of a unit: an interface, what changed to
// which value, and what changed without one.
func changeOf(s *dbus.Signal) (unitChange, bool) {
	if s.Name != properties+".PropertiesChanged" || len(s.Body) < 2 || s.Body[0] != any(unitIface) {
		return unitChange{}, false
	}
	changed, _ := s.Body[1].(map[string]dbus.Variant)
	state, _ := changed["ActiveState"].Value().(string)
	if state != "failed" && state != "active" && state != "inactive" {
		return unitChange{}, false
	}
	unit := unitOfPath(string(s.Path))
	return unitChange{unit, state, props(changed).id("InvocationID")}, unit != ""
}
