package machine

import (
	"context"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/boot"
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
	select { // the mail about the boot comes first
	case <-m.open:
	case <-ctx.Done():
	}
	h, configured := m.hook(notify.HookShutdown)
	now := time.Now()
	m.mu.Lock()
	first := m.told == ""
	var ev tocsin.Event
	if first {
		m.until = now
		if configured {
			m.until = now.Add(h.Wait)
		}
		m.record.Shutdowns++
		ev = boot.Shutdown(m.host(), m.record.Key, m.record.Shutdowns, g, uptime(m.record.Booted, now), now)
		m.told = ev.ID
	}
	m.record.Ended, m.record.How = now, boot.WentDown
	if g.Kind != "" {
		m.record.Going = g
	}
	m.save()
	id := m.told
	until := m.until
	if !first { // what login1 allowed and what SIGTERM allows are one time
		until = later(until, now.Add(leastWait))
	}
	m.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if first {
		m.Log.Warn("machine is going down", "event", id, "type", string(ev.Type), "kind", string(g.Kind), "forced", g.Forced, "wall", g.Wall)
	}
	if !configured || m.lost {
		return
	}
	if first {
		m.tell(ctx, ev, h, h.Wait/2)
	}
	m.sent(ctx, id)
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

// sent waits until the mail of an event is gone, or ctx ends.
func (m *Machine) sent(ctx context.Context, id string) {
	m.Hurry()
	select {
	case <-m.Spool.Gone(id):
	case <-ctx.Done():
		if _, waits := m.Spool.Item(id); waits {
			m.Log.Warn("mail not sent in time, it goes after the boot", "event", id)
		}
	}
}

// Stay tells that a shutdown was called off, if anybody was told of it.
func (m *Machine) Stay(ctx context.Context) {
	m.Quiet(false)
	m.mu.Lock()
	id := m.told
	m.told = ""
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
	s := m.Bus.Situation(ctx, m.Proc, m.Unit)
	m.mu.Lock()
	goingAnyway := m.told != ""
	m.mu.Unlock()
	switch {
	case s.Going.Kind != "":
		m.Down(ctx, s.Going)
		return
	case goingAnyway && !s.Known:
		m.Down(ctx, systemd.Going{}) // which login1 said how
		return
	}
	select {
	case <-m.open:
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
	if s.Job != "stop" || m.Unit == "" || m.lost {
		return
	}
	ev := boot.Stopping(m.host(), record, time.Now())
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	m.emit(ctx, ev, 0)
	m.sent(ctx, ev.ID)
}
