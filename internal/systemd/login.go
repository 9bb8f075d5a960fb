package systemd

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

// Login watches systemd-logind, which says that the machine goes down before
// the first service is stopped, and waits for those who hold a delay lock. It
// is an extra: where login1 is missing, or a shutdown bypasses it, SIGTERM
// (Situation) is the first to be heard.
type Login struct {
	Bus Bus          // the zero value is the machine's
	Log *slog.Logger // must be set
	gap gap
}

// Notice is what logind said.
type Notice struct {
	// Going says how the machine goes down. It is zero when Cancelled.
	Going Going
	// Cancelled: the shutdown of the notice before does not take place.
	Cancelled bool
}

// Missing says in words why the machine's going down would not be heard of
// before SIGTERM: no bus, no login1, not permitted. "" is when the lock is held
// or has served its purpose.
func (l *Login) Missing() string { return l.gap.get() }

// Watch holds the delay lock and calls handle once when a shutdown begins, and
// once more when it is cancelled, until ctx ends. It reconnects for ever; what
// fails meanwhile is told by Missing. Calls come one at a time. The ctx that
// handle gets ends 1 s before logind would wait no longer; as soon as handle
// returns the lock is let go and the machine goes down.
func (l *Login) Watch(ctx context.Context, handle func(ctx context.Context, n Notice)) {
	w := &loginWatch{Login: l, handle: handle}
	defer w.unlock()
	for ctx.Err() == nil {
		w.session(ctx)
		w.unlock()
		w.wait(ctx)
	}
}

// loginWatch is the state of one Watch. It outlives connections.
type loginWatch struct {
	*Login
	handle  func(ctx context.Context, n Notice)
	lock    *os.File // nil when not held
	owner   string   // of login1's name; "" when nobody
	told    bool     // of a shutdown that is not cancelled
	backoff backoff
	retry   *time.Timer // of the lock, nil when it is not to be tried
}

const loginWatchName = "shutdown"

// session listens on one connection until it ends.
func (w *loginWatch) session(ctx context.Context) {
	l, err := w.Bus.dial(ctx, noFiles)
	if err != nil {
		w.lack(ctx, reason(err, "the message bus"))
		return
	}
	defer l.close()
	signals := l.signals()
	if err := w.listen(ctx, l); err != nil {
		w.lack(ctx, reason(err, "the message bus"))
		return
	}
	w.retry = nil
	w.resume(ctx, l)
	for {
		var retry <-chan time.Time
		if w.retry != nil {
			retry = w.retry.C
		}
		select {
		case <-ctx.Done():
			return
		case <-retry:
			w.retry = nil
			w.resume(ctx, l)
		case s, ok := <-signals:
			if !ok {
				w.lack(ctx, "the connection to the message bus was lost")
				return
			}
			w.hear(ctx, l, s)
		}
	}
}

// listen asks for the signals, then for their rightful sender.
func (w *loginWatch) listen(ctx context.Context, l *link) error {
	from := "sender='" + loginName + "',interface='" + loginIface + "',path='" + loginPath + "',member="
	if err := l.match(ctx, ownerRule(loginName), from+"'PrepareForShutdown'", from+"'PrepareForShutdownWithMetadata'"); err != nil {
		return err
	}
	var err error
	w.owner, err = l.owner(ctx, loginName)
	return err
}

// hear acts on a signal. Since version 255 login1 says everything twice, first
// with the kind; told makes one of it.
func (w *loginWatch) hear(ctx context.Context, l *link, s *dbus.Signal) {
	if owner, ok := newOwner(s, loginName); ok {
		w.moved(ctx, l, owner)
		return
	}
	withMetadata := s.Name == loginIface+".PrepareForShutdownWithMetadata"
	if s.Sender != w.owner || w.owner == "" || len(s.Body) == 0 || !withMetadata && s.Name != loginIface+".PrepareForShutdown" {
		return
	}
	begins, ok := s.Body[0].(bool)
	switch {
	case !ok, begins == w.told:
	case begins:
		var kind Kind
		if withMetadata && len(s.Body) > 1 {
			metadata, _ := s.Body[1].(map[string]dbus.Variant)
			kind = kindOf(props(metadata).text("type", maxWord))
		}
		w.begin(ctx, l, kind)
	default:
		w.cancelled(ctx)
		w.take(ctx, l)
	}
}

// moved notes that logind ended or started. A lock outlives a restart of
// logind, but not a stop for good: a new one is taken before the old one goes.
func (w *loginWatch) moved(ctx context.Context, l *link, owner string) {
	if owner == w.owner && w.lock != nil {
		return // known since the lock was taken
	}
	w.owner = owner
	if owner == "" {
		w.lack(ctx, "no login1 on the bus")
		return
	}
	w.backoff.reset()
	w.resume(ctx, l)
}

// resume brings the watch up to date with a logind it could not hear for some
// time, and takes the lock.
func (w *loginWatch) resume(ctx context.Context, l *link) {
	if p, err := l.prop(ctx, loginObject(), "PreparingForShutdown"); err == nil {
		switch preparing := p.truth("PreparingForShutdown"); {
		case preparing && !w.told:
			w.begin(ctx, l, "")
		case !preparing && w.told:
			w.cancelled(ctx)
		}
	}
	w.take(ctx, l)
}

// take takes the lock, in place of the one that is held, or sees to it that it
// is tried again. A shutdown that has been told of needs none.
func (w *loginWatch) take(ctx context.Context, l *link) {
	w.retry = nil
	if w.told {
		return
	}
	lock, err := w.Bus.inhibit(ctx)
	if err != nil {
		w.lack(ctx, reason(err, "login1"))
		if !absent(err) { // else NameOwnerChanged says when it comes
			pause := w.backoff.next
			if errorName(err) != "" { // an answer, such as that it is not permitted
				pause = w.backoff.slow
			}
			w.retry = time.NewTimer(pause())
		}
		return
	}
	w.unlock()
	w.lock = lock
	w.backoff.reset()
	w.gap.set(w.Log, loginWatchName, "")
	// It may have been started for this; NameOwnerChanged says so as well.
	if owner, err := l.owner(ctx, loginName); err == nil {
		w.owner = owner
	}
}

func (w *loginWatch) unlock() {
	if w.lock == nil {
		return
	}
	if err := w.lock.Close(); err != nil {
		w.Log.Debug("shutdown lock not closed", "err", err)
	}
	w.lock = nil
}

// lack notes what is missing, unless it is that the watch is being ended.
func (w *loginWatch) lack(ctx context.Context, text string) {
	if ctx.Err() == nil {
		w.gap.set(w.Log, loginWatchName, text)
	}
}

func (w *loginWatch) wait(ctx context.Context) {
	timer := time.NewTimer(w.backoff.next())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// begin tells of a shutdown that begins, then lets go.
func (w *loginWatch) begin(ctx context.Context, l *link, kind Kind) {
	began := time.Now()
	w.told = true
	going, limit := w.details(ctx, l, kind)
	within, cancel := context.WithDeadline(ctx, began.Add(allowed(limit)))
	defer cancel()
	w.handle(within, Notice{Going: going})
	w.unlock()
}

func (w *loginWatch) cancelled(ctx context.Context) {
	w.told = false
	w.handle(ctx, Notice{Cancelled: true})
}

// detailsLimit bounds the questions that a shutdown waits for.
const detailsLimit = time.Second

// details asks login1 how and why the machine goes down, and how long it would
// wait. On 252 ScheduledShutdown holds the kind of any shutdown, also of one
// that was not scheduled (measured).
func (w *loginWatch) details(ctx context.Context, l *link, kind Kind) (Going, time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, detailsLimit)
	defer cancel()
	limit := 5 * time.Second // logind.conf(5), InhibitDelayMaxSec=
	if p, err := l.prop(ctx, loginObject(), "InhibitDelayMaxUSec"); err == nil {
		limit = p.span("InhibitDelayMaxUSec")
	}
	if kind == "" {
		kind = Shutdown
		if p, err := l.prop(ctx, loginObject(), "ScheduledShutdown"); err == nil {
			kind = scheduledKind(p["ScheduledShutdown"].Value())
		}
	}
	going := Going{Kind: kind, Wall: l.wall(ctx)}
	return readScheduled(scheduledFile).detail(going, time.Now()), limit
}

// scheduledKind reads the property ScheduledShutdown, a kind and a time.
func scheduledKind(value any) Kind {
	if pair, ok := value.([]any); ok && len(pair) > 0 {
		if word, ok := pair[0].(string); ok {
			if kind := kindOf(word); kind != "" {
				return kind
			}
		}
	}
	return Shutdown
}

// allowed is how long a handler may take when logind waits for limit.
func allowed(limit time.Duration) time.Duration {
	const margin = time.Second
	return max(limit-margin, limit/2)
}
