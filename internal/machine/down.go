package machine

import (
	"cmp"
	"context"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/boot"
	"tocsin/internal/config"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// stopWait is how long the agent tries to send its mail before it lets itself
// be stopped while the machine stays up.
const stopWait = 3 * time.Second

// Watch listens to logind and to the units, while the rule file has hooks for
// them, until ctx ends.
func (m *Machine) Watch(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { m.while(ctx, notify.HookUnit, m.unitsReloaded, m.watchUnits) })
	wg.Go(func() { m.while(ctx, notify.HookShutdown, m.loginReloaded, m.watchLogin) })
	wg.Wait()
}

// while runs watch as long as the rule file has the hook.
func (m *Machine) while(ctx context.Context, label string, reloaded <-chan struct{}, watch func(context.Context)) {
	for ctx.Err() == nil {
		watching, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		_, wanted := m.hook(label)
		go func() {
			defer close(done)
			if wanted {
				watch(watching)
			}
		}()
		for now := wanted; now == wanted && ctx.Err() == nil; _, now = m.hook(label) {
			select {
			case <-reloaded:
			case <-ctx.Done():
			}
		}
		stop()
		<-done
	}
}

func (m *Machine) watchLogin(ctx context.Context) {
	m.login.Watch(ctx, func(ctx context.Context, n systemd.Notice) {
		if n.Cancelled {
			m.Stay(ctx)
			return
		}
		m.Down(ctx, n.Going)
	})
}

// Down tells that the machine goes down, once however often it is called, and
// returns when the mail is gone or ctx has ended. The checks are quiet from
// here on.
func (m *Machine) Down(ctx context.Context, g systemd.Going) {
	m.Quiet(true)
	m.Rush()
	for _, done := range []<-chan struct{}{m.open, m.whole} { // the mail about the boot comes first
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	h, configured := m.hook(notify.HookShutdown)
	ev, first, until := m.goDown(h, g, time.Now())
	if first {
		m.Log.Warn("machine is going down", "event", ev.ID, "type", string(ev.Type), "kind", string(g.Kind), "forced", g.Forced, "wall", g.Wall)
	}
	if !configured || m.lost {
		return
	}
	if first {
		m.emit(ctx, ev, hold(h, h.Wait/2))
		// What login1 allows is less than the hook does: the program goes on
		// until then.
		running, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Wait/2)
		m.wg.Go(func() {
			defer cancel()
			if len(h.Exec) > 0 {
				m.program(running, ev, h, h.Wait/2)
			}
		})
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	m.sent(ctx, ev.ID)
}

// goDown notes that the machine goes down. It returns the event, whether it is
// new, and until when its mail is waited for.
func (m *Machine) goDown(h *config.Hook, g systemd.Going, now time.Time) (ev tocsin.Event, first bool, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first = m.told == ""
	if first {
		m.since, m.until = now, now
		if h != nil {
			m.until = now.Add(h.Wait)
		}
		m.record.Shutdowns++
		m.record.Going = systemd.Going{}
	}
	m.record.Going = merge(m.record.Going, g)
	ev = boot.Shutdown(m.host(), m.record.Key, m.record.Shutdowns, m.record.Going, uptime(m.record.Booted, now), now)
	m.told = ev.ID
	m.record.Ended, m.record.How = now, boot.WentDown
	m.save()
	if !first { // what login1 allowed and what SIGTERM allows are one time
		return ev, false, later(m.until, now.Add(leastWait))
	}
	return ev, true, m.until
}

// merge keeps what is known best: login1 knows by whom and why, and what comes
// after it often only that the machine goes down.
func merge(known, g systemd.Going) systemd.Going {
	if g.Kind == "" || (g.Kind == systemd.Shutdown && known.Kind != "") {
		g.Kind = known.Kind
	}
	g.Forced = g.Forced || known.Forced
	g.Wall, g.By = cmp.Or(g.Wall, known.Wall), cmp.Or(g.By, known.By)
	return g
}

// leastWait is what a SIGTERM gets when login1 has had the whole time already.
const leastWait = 2 * time.Second

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// uptime is zero when it is not known when the machine came up.
func uptime(booted, now time.Time) time.Duration {
	if booted.IsZero() {
		return 0
	}
	return max(0, now.Sub(booted))
}

// again is how often mail that waits is hurried.
const again = time.Second

// sent waits until the mail of an event is gone, or ctx ends.
func (m *Machine) sent(ctx context.Context, id string) {
	if item, waits := m.Spool.Item(id); waits && item.Silence != nil {
		return // it waits on purpose
	}
	ticker := time.NewTicker(again)
	defer ticker.Stop()
	gone := m.Spool.Gone(id)
	for {
		m.Hurry()
		_ = m.Spool.Retry(id) // an item that is in no mail yet needs none
		select {
		case <-gone:
			return
		case <-ticker.C:
		case <-ctx.Done():
			if _, waits := m.Spool.Item(id); waits {
				m.Log.Warn("mail not sent in time, it goes later", "event", id)
			}
			return
		}
	}
}

// Stay tells that a shutdown was called off, if anybody was told of it.
func (m *Machine) Stay(ctx context.Context) {
	m.Quiet(false)
	m.mu.Lock()
	id := m.told
	m.told = ""
	m.rush, m.hurry = context.WithCancel(context.Background())
	m.record.Ended, m.record.How, m.record.Going = time.Time{}, boot.Running, systemd.Going{}
	m.save()
	n, key := m.record.Shutdowns, m.record.Key
	m.mu.Unlock()
	m.Log.Info("shutdown called off")
	if _, configured := m.hook(notify.HookShutdown); id == "" || !configured || m.lost {
		return
	}
	ev := boot.Shutdown(m.host(), key, n, systemd.Going{}, 0, time.Now())
	ev.ID = tocsin.Identify("called off", id)
	ev.Description = "called off, the machine stays up"
	m.emit(ctx, ev, 0)
}

// End tells why the agent is being ended: because the machine goes down, or
// because somebody stops the agent. It returns when the mail is gone, if it
// went in time.
func (m *Machine) End(ctx context.Context) {
	m.Quiet(true)
	m.Rush()
	m.mu.Lock()
	m.ending = true
	goingAnyway := m.told != ""
	m.mu.Unlock()
	s := m.Bus.Situation(ctx, m.Proc, m.Unit)
	switch {
	case s.Going.Kind != "":
		m.Down(ctx, s.Going)
		return
	case goingAnyway && !s.Known:
		m.Down(ctx, systemd.Going{}) // which login1 said how
		return
	}
	select {
	case <-m.whole:
	case <-ctx.Done():
	}
	m.mu.Lock()
	m.record.Ended, m.record.How = time.Now(), boot.Stopped
	if s.Job == "restart" {
		m.record.How = boot.Restarted
	}
	m.save()
	record := m.record
	m.mu.Unlock()
	if s.Job == "restart" || m.Unit == "" || m.lost {
		return
	}
	ev := boot.Stopping(m.host(), record, time.Now())
	if !s.Known {
		ev.Description = "stopped, or the machine goes down: systemd could not be asked\n" +
			"Nothing is watched until the agent is started."
	}
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	m.emit(ctx, ev, 0)
	m.sent(ctx, ev.ID)
}
