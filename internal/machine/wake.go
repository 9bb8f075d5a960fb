package machine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/boot"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// The measures of a start.
const (
	// beat is how often the record says that the agent lives: how exactly the
	// end of a boot is known that nobody saw.
	beat = time.Minute
	// settle is how long the mail about a boot waits for the boot to finish,
	// and look how often it looks.
	settle = time.Minute
	look   = 500 * time.Millisecond
)

// Run tells what became of the last boot and of the agent's last run, takes the
// record over for this run, and keeps it alive until ctx ends.
func (m *Machine) Run(ctx context.Context) {
	m.Wake(ctx)
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			m.mu.Lock()
			if m.record.How == boot.Running {
				m.record.Alive = now
				m.save()
			}
			m.mu.Unlock()
		}
	}
}

// Wake judges and tells. The old record stays until the event is in the spool:
// whatever ends the agent before, the next start tells it.
func (m *Machine) Wake(ctx context.Context) {
	defer close(m.open)
	if m.lost {
		return
	}
	facts, state := m.facts(ctx)
	v := boot.Judge(facts)
	m.Log.Info("machine looked at", "case", string(v.Case), "boot", string(v.Key), "ending", string(v.Ending), "agent", string(v.Agent))
	switch {
	case v.Mail():
		m.cameUp(ctx, facts, state)
	case v.Case == boot.SameBoot && m.Unit != "" && (v.Agent == boot.AgentCrashed || v.Agent == boot.AgentStopped):
		m.runsAgain(ctx, facts, v)
	}
	if ctx.Err() != nil {
		return // the next start tells it; telling twice is telling once
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ours = true
	m.record.Told, m.record.Alive, m.record.Booted = facts.Key, time.Now(), facts.Booted
	if v.Case == boot.SameBoot {
		m.record.Shutdowns = facts.Record.Shutdowns
	}
	if id := m.journalBoot(ctx); id != "" {
		m.record.BootID = id
	}
	m.save()
}

// facts collects what the verdict is made of.
func (m *Machine) facts(ctx context.Context) (boot.Facts, systemd.Machine) {
	f := boot.Facts{Now: m.record.Began, Key: m.record.Key}
	var err error
	if f.Record, err = boot.ReadRecord(m.recordPath()); err != nil {
		f.Damaged = true
		m.Log.Error("record of the last run is of no use", "err", err)
	}
	if f.Mark, err = boot.ReadMark(m.Mark); err != nil {
		m.Log.Error("mark of the last boot is of no use", "err", err)
	}
	state := m.ask(ctx)
	f.Booted, f.Clock = state.Booted, state.Clock
	if state.Up > 0 {
		f.Up = state.Up - time.Since(f.Now) // as of Now
	}
	return f, state
}

// ask asks the service manager; without one the answer is empty.
func (m *Machine) ask(ctx context.Context) systemd.Machine {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	state, err := m.Bus.Machine(ctx)
	if err != nil {
		m.Log.Debug("service manager not asked", "err", err)
	}
	return state
}

// cameUp tells that the machine came up, once the boot has finished or taken
// too long.
func (m *Machine) cameUp(ctx context.Context, facts boot.Facts, state systemd.Machine) {
	h, ok := m.hook(notify.HookBoot)
	if !ok {
		return
	}
	bootID, since := facts.Before()
	said := m.endOf(ctx, bootID, &facts)
	facts.Traces = boot.Trace(boot.Scene{Root: m.Root, Since: since, Last: said.kernel, Early: m.earlyWords(ctx)})
	state = m.settled(ctx, state)
	v := boot.Judge(facts)
	ev := v.Event(m.host(), boot.Telling{
		Now: time.Now(), Kernel: m.record.Kernel, Took: state.Startup, Failed: state.FailedUnits, Last: said.lines,
	})
	m.Log.Info("machine came back", "event", ev.ID, "type", string(ev.Type), "description", headline(ev))
	m.tell(ctx, ev, h, h.Timeout)
}

// settled waits until the boot has finished, for as long as there is time.
func (m *Machine) settled(ctx context.Context, state systemd.Machine) systemd.Machine {
	if state.Booted.IsZero() || !state.Finished.IsZero() {
		return state
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	over := time.After(settle)
	for state.Finished.IsZero() {
		select {
		case <-ticker.C:
			if next := m.ask(ctx); !next.Booted.IsZero() {
				state = next
			}
			continue
		case <-over:
		case <-m.rush:
		case <-ctx.Done():
		}
		break
	}
	return state
}

// runsAgain tells that the agent itself had ended within this boot.
func (m *Machine) runsAgain(ctx context.Context, facts boot.Facts, v boot.Verdict) {
	ended := boot.Ended{Run: facts.Record}
	if v.Agent == boot.AgentCrashed {
		ended.Cause, ended.Last = m.causeOfDeath(ctx)
	}
	ev := v.Instance(m.host(), ended, time.Now())
	log := m.Log.With("event", ev.ID, "type", string(ev.Type), "description", headline(ev))
	if v.Agent == boot.AgentCrashed {
		log.Warn("agent had ended without a word")
	} else {
		log.Info("agent runs again")
	}
	m.emit(ctx, ev, 0)
}

// headline is the first line of what an event says.
func headline(ev tocsin.Event) string {
	first, _, _ := strings.Cut(ev.Description, "\n")
	return first
}

// kernel is the release of the running kernel, as uname -r has it.
func kernel(proc string) string {
	release, err := os.ReadFile(filepath.Join(proc, "sys/kernel/osrelease"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}
