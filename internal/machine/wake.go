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
	// beatEvery is how often the record says that the agent lives: how exactly the
	// end of a boot is known that nobody saw.
	beatEvery = time.Minute
	// settle is how long the mail about a boot waits for the boot to finish,
	// and look how often it looks.
	settle = time.Minute
	look   = 500 * time.Millisecond
	// standDown is how long a machine that was said to go down may stay up,
	// longUp how long one that is up has not just booted, and longRestart how
	// long a restart of the agent may take.
	standDown   = 10 * time.Minute
	longUp      = 10 * time.Minute
	longRestart = 2 * time.Minute
	// oldDump is how old a crash dump may be when it is not known when the
	// boot that ended began.
	oldDump = 7 * 24 * time.Hour
)

// Run tells what became of the last boot and of the agent's last run, takes the
// record over for this run, and keeps it alive until ctx ends.
func (m *Machine) Run(ctx context.Context) {
	m.Wake(ctx)
	defer m.wg.Wait()
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			m.beat(ctx, now)
		}
	}
}

// beat keeps the record alive. A machine that was to go down and has not is one
// that stays up.
func (m *Machine) beat(ctx context.Context, now time.Time) {
	m.mu.Lock()
	stays := m.told != "" && now.Sub(m.since) > standDown
	if m.record.How == boot.Running {
		m.record.Alive = now
		m.save()
	}
	m.mu.Unlock()
	if stays {
		m.Log.Warn("the machine was to go down and has not: watching again", "since", standDown.String())
		m.Stay(ctx)
	}
}

// Wake judges and tells, and takes the record over. The old record stays until
// the event is in the spool: whatever ends the agent before, the next start
// tells it.
func (m *Machine) Wake(ctx context.Context) {
	complete := m.begin(ctx)
	close(m.open)
	complete()
	close(m.whole)
}

// begin does what must be done before anything else is told, and returns what
// completes the event about the boot.
func (m *Machine) begin(ctx context.Context) (complete func()) {
	complete = func() {}
	if m.lost {
		return complete
	}
	hasty, cancel := m.hasty(ctx)
	defer cancel()
	facts, state := m.facts(hasty)
	v := boot.Judge(facts)
	m.Log.Info("machine looked at", "case", string(v.Case), "boot", string(v.Key), "ending", string(v.Ending), "agent", string(v.Agent))
	told := true
	switch {
	case v.Mail() && !m.longUp(facts):
		complete, told = m.cameUp(ctx, facts, state)
	case v.Case == boot.SameBoot && m.Unit != "" && worthTelling(v, facts.Record.How):
		told = m.runsAgain(ctx, facts, v)
	}
	id := m.journalBoot(hasty)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.record.Alive, m.record.Booted, m.record.BootID = time.Now(), facts.Booted, id
	if told { // else the next start tells it; telling twice is telling once
		m.ours, m.record.Told = true, facts.Key
		m.save()
	}
	return complete
}

// longUp says whether the machine is known to be up for long, so that a record
// that is damaged is no sign of a boot.
func (m *Machine) longUp(f boot.Facts) bool {
	return f.Damaged && f.Up > longUp
}

// worthTelling says whether an end of the agent within one boot is.
func worthTelling(v boot.Verdict, how boot.How) bool {
	switch v.Agent {
	case boot.AgentCrashed:
		return true
	case boot.AgentStopped:
		return how == boot.Stopped
	case boot.AgentRestarted: // into a rule file that was refused, say
		return v.Away > longRestart
	default:
		return false
	}
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

// cameUp tells that the machine came up. The event is in the spool at once; it
// waits there until the boot has finished or taken too long, and for the
// program of the hook. It returns what completes it, and whether it is told.
func (m *Machine) cameUp(ctx context.Context, facts boot.Facts, state systemd.Machine) (complete func(), told bool) {
	h, ok := m.hook(notify.HookBoot)
	if !ok {
		return func() {}, true
	}
	hasty, cancel := m.hasty(ctx)
	defer cancel()
	bootID, since := facts.Before()
	if since.IsZero() { // nothing is known: what is old is of another end
		since = facts.Now.Add(-oldDump)
	}
	said := m.endOf(hasty, bootID, &facts)
	facts.Traces = boot.Trace(boot.Scene{Root: m.Root, Since: since, Last: said.kernel, Early: m.earlyWords(hasty)})
	v := boot.Judge(facts)
	telling := boot.Telling{Now: time.Now(), Kernel: m.record.Kernel, Took: state.Startup, Failed: state.FailedUnits, Last: said.lines}
	ev := v.Event(m.host(), telling)
	wait := hold(h, h.Timeout)
	if starting(state) {
		wait += settle
	}
	m.Log.Info("machine came back", "event", ev.ID, "type", string(ev.Type), "description", headline(ev))
	if told = m.emit(ctx, ev, wait); !told {
		return func() {}, false
	}
	return func() {
		hasty, cancel := m.hasty(ctx)
		defer cancel()
		state = m.settled(hasty, state)
		telling.Took, telling.Failed = state.Startup, state.FailedUnits
		m.program(hasty, v.Event(m.host(), telling), h, h.Timeout)
	}, true
}

// starting says whether the boot has not finished yet.
func starting(s systemd.Machine) bool { return !s.Booted.IsZero() && s.Finished.IsZero() }

// settled waits until the boot has finished, for as long as there is time.
func (m *Machine) settled(ctx context.Context, state systemd.Machine) systemd.Machine {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	over := time.After(settle)
	for starting(state) {
		select {
		case <-ticker.C:
			if next := m.ask(ctx); !next.Booted.IsZero() {
				state = next
			}
		case <-over:
			return state
		case <-ctx.Done():
			return state
		}
	}
	return state
}

// runsAgain tells that the agent itself had ended within this boot, and says
// whether that is in the spool.
func (m *Machine) runsAgain(ctx context.Context, facts boot.Facts, v boot.Verdict) bool {
	hasty, cancel := m.hasty(ctx)
	defer cancel()
	ended := boot.Ended{Run: facts.Record}
	if v.Agent == boot.AgentCrashed {
		ended.Cause, ended.Last = m.causeOfDeath(hasty)
	}
	ev := v.Instance(m.host(), ended, time.Now())
	log := m.Log.With("event", ev.ID, "type", string(ev.Type), "description", headline(ev))
	if v.Agent == boot.AgentCrashed {
		log.Warn("agent had ended without a word")
	} else {
		log.Info("agent runs again")
	}
	return m.emit(ctx, ev, 0)
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
