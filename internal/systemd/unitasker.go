package systemd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/godbus/dbus/v5"
)

// UnitAsker asks the service manager for units, regularly and many, over one
// connection. It is made when it is first needed, and anew when it was lost.
// All methods may be called at the same time.
type UnitAsker struct {
	bus  Bus
	turn chan struct{} // held by who may connect
	mu   sync.Mutex    // of line
	line *unitLine     // nil before the first question
}

// NewUnitAsker makes an asker. It connects to nothing yet.
func NewUnitAsker(b Bus) *UnitAsker { return &UnitAsker{bus: b, turn: make(chan struct{}, 1)} }

// State asks for one unit, with what only the interface of its kind has when
// more is true: systemd reads the unit's control group for that. The error says
// that the manager could not be asked.
func (a *UnitAsker) State(ctx context.Context, unit string, more bool) (UnitState, error) {
	if !IsUnitName(unit) {
		return UnitState{}, fmt.Errorf("ask for unit: %q is no name of a unit", safe(unit, maxWord))
	}
	for again := false; ; again = true {
		line, err := a.dial(ctx)
		if err != nil {
			return UnitState{}, fmt.Errorf("ask for unit %s: %w", unit, err)
		}
		s, err := line.state(ctx, unit, more)
		switch {
		case err == nil:
			return s, nil
		case errorName(err) == "":
			line.drop()
			if ctx.Err() == nil && !again {
				continue // another question that was called off broke it
			}
		}
		return UnitState{}, why(unit, err)
	}
}

// Await waits until the unit is no longer as it was: nil says that it should be
// asked for again. An error, also that of ctx, says that changes cannot be heard
// of.
func (a *UnitAsker) Await(ctx context.Context, was UnitState) error {
	line, err := a.dial(ctx)
	if err != nil {
		return fmt.Errorf("wait for unit %s: %w", was.Unit, err)
	}
	changed, err := line.listen(ctx, was.Unit)
	if err != nil {
		return fmt.Errorf("wait for unit %s: %w", was.Unit, err)
	}
	// Something may have happened before the listening began.
	now, err := line.state(ctx, was.Unit, false)
	switch {
	case err != nil:
		return why(was.Unit, err)
	case now.Loaded != was.Loaded, now.Active != was.Active, now.Sub != was.Sub,
		now.Invocation != was.Invocation, !now.Changed.Equal(was.Changed):
		return nil
	}
	select {
	case <-changed:
		return nil
	case <-line.lost:
		return fmt.Errorf("wait for unit %s: %w", was.Unit, errLost)
	case <-ctx.Done():
		return fmt.Errorf("wait for unit %s: %w", was.Unit, ctx.Err())
	}
}

// Close ends the connection. The next question makes another.
func (a *UnitAsker) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.line != nil {
		a.line.close()
		a.line = nil
	}
}

// dial is the connection that there is, or a new one.
func (a *UnitAsker) dial(ctx context.Context) (*unitLine, error) {
	if line := a.current(); line != nil {
		return line, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNoBus, ctx.Err())
	}
	if line := a.current(); line != nil {
		return line, nil
	}
	l, err := a.bus.dialManager(ctx)
	if err != nil {
		return nil, err
	}
	line := &unitLine{link: l, lost: make(chan struct{}), bells: map[string]chan struct{}{}}
	go line.drain(l.signals())
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.line != nil {
		a.line.close()
	}
	a.line = line
	return line, nil
}

// current is the connection if it still stands.
func (a *UnitAsker) current() *unitLine {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.line == nil || a.line.broken() {
		return nil
	}
	return a.line
}

// unitLine is one connection with those who listen on it.
type unitLine struct {
	*link
	lost chan struct{} // closed when the connection ended

	asking sync.Mutex // for signals
	listed bool       // the manager knows that somebody listens
	mu     sync.Mutex
	ended  bool                     // given up; lost comes soon
	owner  string                   // the manager's name on the bus
	bells  map[string]chan struct{} // by unit: closed at its next change
}

// broken says whether the connection has ended.
func (l *unitLine) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended || !l.conn.Connected()
}

// drop gives the connection up. Its reader notices that and ends the rest.
func (l *unitLine) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	_ = l.raw.Close()
}

// listen is closed when something of the unit changes.
func (l *unitLine) listen(ctx context.Context, unit string) (<-chan struct{}, error) {
	l.asking.Lock()
	defer l.asking.Unlock()
	l.mu.Lock()
	bell, known := l.bells[unit]
	l.mu.Unlock()
	if known && bell != nil {
		return bell, nil
	}
	if err := l.enlist(ctx); err != nil {
		return nil, err
	}
	if !known { // the rule stays: it is heard again soon
		rule := "sender='" + managerName + "',interface='" + properties + "',member='PropertiesChanged',path='" + unitPath(unit) + "',arg0='" + unitIface + "'"
		if err := l.match(ctx, rule); err != nil {
			return nil, err
		}
	}
	bell = make(chan struct{})
	l.mu.Lock()
	l.bells[unit] = bell
	l.mu.Unlock()
	return bell, nil
}

// enlist makes the manager send signals, once.
func (l *unitLine) enlist(ctx context.Context) error {
	if l.listed {
		return nil
	}
	if err := l.match(ctx, ownerRule(managerName)); err != nil {
		return err
	}
	owner, err := l.link.owner(ctx, managerName)
	if err != nil {
		return err
	}
	if owner == "" && !l.private {
		return errors.New("no service manager on the bus")
	}
	if err := enlist(ctx, l.link); err != nil {
		return err
	}
	l.mu.Lock()
	l.owner = owner
	l.mu.Unlock()
	l.listed = true
	return nil
}

// drain rings the bells until the connection ends. It ends it when another
// manager takes over, which does not know who listens.
func (l *unitLine) drain(signals <-chan *dbus.Signal) {
	defer close(l.lost)
	for s := range signals {
		if _, ok := newOwner(s, managerName); ok && !l.private {
			l.drop()
			continue
		}
		if s.Name == properties+".PropertiesChanged" {
			l.ring(s)
		}
	}
}

func (l *unitLine) ring(s *dbus.Signal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.private && (l.owner == "" || s.Sender != l.owner) {
		return // somebody who is not the manager
	}
	unit := unitOfPath(string(s.Path))
	if bell := l.bells[unit]; bell != nil {
		close(bell)
		l.bells[unit] = nil
	}
}
