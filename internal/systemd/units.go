package systemd

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// UnitEvent says that a unit failed or is well again. Its texts are safe to
// print.
type UnitEvent struct {
	Unit   string
	Failed bool // else it was failed before and is active again, or ran to its end with success
	// Result is why, in the words of the manager: "exit-code", "signal",
	// "timeout", "start-limit-hit", … "" when the unit's kind has none or it is
	// gone already.
	Result string
	// ExitCode is how the main process of a service ended: "exited", "killed"
	// or "dumped"; "" when there was none. ExitStatus is its exit status or the
	// number of the signal.
	ExitCode     string
	ExitStatus   int
	Restarts     uint32    // automatic ones since it was started (NRestarts)
	InvocationID string    // 32 hex digits; "" when it never ran or is gone
	Description  string    // Description= of the unit
	At           time.Time // UTC: since when it is in this state
	// NotFound says that the manager has no unit of the name, when it was asked
	// for one: it never had, or the unit was collected when it had ended.
	NotFound bool
}

// UnitWatch hears of every unit of the machine that fails, whatever its kind:
// services, mounts, timers, sockets, … It asks nothing regularly; the manager
// sends signals.
//
// What counts: a unit that is in the state "failed" when it is looked at. A
// crash after which Restart= starts the service again leaves that state at
// once and is not told; the crash loop that ends at the start limit is. A
// failed unit that is started again by somebody is told as recovered when it
// is active, or, for one that ends (Type=oneshot), when it has ended with
// success, also after systemctl reset-failed. A unit that is no longer there
// ends a failure without a word. A job that failed because of a dependency fails no
// unit.
type UnitWatch struct {
	Bus Bus          // the zero value is the machine's
	Log *slog.Logger // must be set
	// Known are the units that an earlier run of the agent told as failed, with
	// their invocation, so that a recovery in between is noticed. Failed gives
	// what belongs here.
	Known map[string]string

	gap  gap
	mu   sync.Mutex
	told map[string]string
}

// unitWatchName is what the log calls the watch.
const unitWatchName = "units"

// Missing says in words why failures of units are not heard of; "" is when
// they are.
func (w *UnitWatch) Missing() string { return w.gap.get() }

// Failed is a copy of what is known as failed: the units that were told as
// such and not as recovered, with their invocation.
func (w *UnitWatch) Failed() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told == nil { // Watch has not begun
		return maps.Clone(w.Known)
	}
	return maps.Clone(w.told)
}

// Watch calls handle for every unit that fails or recovers, in order and one at
// a time, until ctx ends. It reconnects for ever; what fails meanwhile is told
// by Missing. At the start, after each reload of the manager and after each
// reconnection every unit that is failed is told, also one told before: the
// caller knows it by its InvocationID. While handle takes its time at most
// maxPending changes wait; after more than that the state of all units is
// looked at anew, which may leave out a unit that failed and recovered between.
func (w *UnitWatch) Watch(ctx context.Context, handle func(UnitEvent)) {
	w.mu.Lock()
	w.told = make(map[string]string, len(w.Known))
	for unit, invocation := range w.Known {
		if isUnitName(unit) {
			w.told[unit] = invocation
		}
	}
	w.mu.Unlock()
	var pause backoff
	for ctx.Err() == nil {
		err := w.session(ctx, handle, &pause)
		if ctx.Err() != nil {
			return
		}
		w.gap.set(w.Log, unitWatchName, reason(err, "service manager"))
		timer := time.NewTimer(pause.next())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// session watches on one connection and returns why it ended.
func (w *UnitWatch) session(ctx context.Context, handle func(UnitEvent), pause *backoff) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := w.Bus.dialManager(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	signals := l.signals()
	owner, err := subscribe(ctx, l)
	if err != nil {
		return err
	}
	var draining sync.WaitGroup
	defer draining.Wait()
	defer l.close() // ends the channel, and with it the goroutine
	p := newPending()
	draining.Go(func() { p.drain(signals, l.private, owner) })
	s := unitSession{UnitWatch: w, link: l, handle: handle}
	if err := s.resync(ctx); err != nil {
		return err
	}
	w.gap.set(w.Log, unitWatchName, "")
	pause.reset()
	return s.work(ctx, p)
}

// subscribe asks for the signals, and for their rightful sender. Those of a
// unit's kind (interface Service, Mount, …) are not asked for: every failure
// changes the interface Unit as well.
func subscribe(ctx context.Context, l *link) (owner string, err error) {
	from := "sender='" + managerName + "',"
	err = l.match(
		ctx, ownerRule(managerName),
		from+"interface='"+properties+"',member='PropertiesChanged',path_namespace='"+managerPath+"/unit',arg0='"+unitIface+"'",
		from+"interface='"+managerIface+"',member='Reloading',path='"+managerPath+"'",
	)
	if err != nil {
		return "", err
	}
	if owner, err = l.owner(ctx, managerName); err != nil {
		return "", err
	}
	return owner, enlist(ctx, l)
}

// enlist tells the manager that somebody listens: it sends nothing otherwise.
func enlist(ctx context.Context, l *link) error {
	_, err := l.call(ctx, managerObject(), "Subscribe")
	if errorName(err) == "org.freedesktop.systemd1.AlreadySubscribed" {
		return nil
	}
	return err
}

// unitSession is one connection's worth of a watch.
type unitSession struct {
	*UnitWatch
	link   *link
	handle func(UnitEvent)
}

// reloadLimit is how long signals are ignored when the end of a reload does
// not come.
const reloadLimit = 2 * time.Minute

// work acts on what drain has put by, until the connection ends.
func (s unitSession) work(ctx context.Context, p *pending) error {
	for {
		batch, err := p.take(ctx)
		if err != nil {
			return err
		}
		if batch.enlist {
			if err := enlist(ctx, s.link); err != nil {
				return err
			}
		}
		if batch.resync {
			if err := s.resync(ctx); err != nil {
				return err
			}
		}
		for _, c := range batch.changes {
			if err := s.change(ctx, c); err != nil {
				return err
			}
		}
	}
}

// resync looks at every unit that is failed, and at those known as such.
func (s unitSession) resync(ctx context.Context) error {
	failed, err := s.link.failedUnits(ctx)
	if err != nil {
		return err
	}
	now := make(map[string]bool, len(failed))
	for _, unit := range failed {
		now[unit] = true
		if err := s.look(ctx, unit); err != nil {
			return err
		}
	}
	for unit := range s.Failed() {
		if !now[unit] {
			if err := s.look(ctx, unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// change looks at a unit whose state changed, when that can mean anything.
func (s unitSession) change(ctx context.Context, c unitChange) error {
	if c.state != "failed" {
		s.mu.Lock()
		_, known := s.told[c.unit]
		s.mu.Unlock()
		if !known {
			return nil
		}
	}
	d, err := s.link.details(ctx, c.unit)
	if err != nil {
		return err
	}
	if d.InvocationID == "" { // unloaded meanwhile, and loaded anew to answer
		d.InvocationID = c.invocation
	}
	if c.state != "failed" {
		s.tell(d, false)
		return nil
	}
	if d.gone { // systemd-run --collect: it failed, and nothing more is known
		d.Failed = true
		s.handle(d.UnitEvent)
		return nil
	}
	s.tell(d, false)
	return nil
}

// look asks for a unit's details and tells what they mean, also what was told
// before.
func (s unitSession) look(ctx context.Context, unit string) error {
	d, err := s.link.details(ctx, unit)
	if err != nil {
		return err
	}
	s.tell(d, true)
	return nil
}

func (s unitSession) tell(d unitDetails, again bool) {
	s.mu.Lock()
	invocation, known := s.told[d.Unit]
	v := assess(known, invocation, d)
	switch v {
	case failing:
		s.told[d.Unit] = d.InvocationID
	case recovered, forgotten:
		delete(s.told, d.Unit)
	case nothing:
	}
	s.mu.Unlock()
	same := known && invocation == d.InvocationID
	if v == recovered || v == failing && (again || !same) {
		d.Failed = v == failing
		s.handle(d.UnitEvent)
	}
}
