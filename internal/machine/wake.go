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
	// lastLines is how many lines of the journal a mail gets, and askLimit how
	// long they may take.
	lastLines = 20
	askLimit  = 5 * time.Second
	// kernelLines is how many lines of the kernel are searched for why it
	// ended.
	kernelLines = 200
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
	said := m.lastWords(ctx, bootID, &facts)
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

// words are the last ones of a boot.
type words struct{ lines, kernel []string }

// lastWords asks the journal for the end of a boot.
func (m *Machine) lastWords(ctx context.Context, bootID string, facts *boot.Facts) words {
	if bootID == "" {
		return words{}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Lines(ctx, lastLines, "_BOOT_ID="+bootID)
	if err != nil {
		m.Log.Info("journal of the boot that ended not read", "err", err)
		return words{}
	}
	facts.Journal = boot.Journal{BootID: bootID}
	for _, l := range lines {
		facts.Journal.Last = l.At
		facts.Journal.Stopped = facts.Journal.Stopped || l.MessageID == journalStopped
		if strings.HasPrefix(l.Message, "Reached target ") {
			facts.Journal.Target = l.Unit
		}
	}
	said := words{lines: texts(lines)}
	if lines, err = m.Journal.Lines(ctx, kernelLines, "_BOOT_ID="+bootID, "_TRANSPORT=kernel"); err == nil {
		said.kernel = messages(lines, facts.Journal.Last.Add(-recent))
	}
	return said
}

// journalStopped is SD_MESSAGE_JOURNAL_STOP (sd-messages(3)).
const journalStopped = "d93fb3c9c24d451a97cea615ce59c00b"

// recent is how long before its end a kernel's error may be the cause of it.
const recent = 10 * time.Minute

// earlyWords are the first lines of the kernel that runs.
func (m *Machine) earlyWords(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Lines(ctx, 1000, "_TRANSPORT=kernel", "_BOOT_ID="+m.journalBoot(ctx))
	if err != nil {
		return nil
	}
	return messages(lines, time.Time{})
}

// journalBoot is the boot id that the journal has for the running boot. In a
// container it is not always the one that a sandboxed process reads.
func (m *Machine) journalBoot(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Lines(ctx, 1, "_PID=1")
	if err != nil || len(lines) == 0 || lines[0].At.Before(m.record.Began.Add(-recent)) {
		return m.record.BootID
	}
	return lines[0].BootID
}

// runsAgain tells that the agent itself had ended within this boot.
func (m *Machine) runsAgain(ctx context.Context, facts boot.Facts, v boot.Verdict) {
	ended := boot.Ended{Run: facts.Record}
	if v.Agent == boot.AgentCrashed {
		ended.Cause, ended.Last = m.causeOfDeath(ctx)
	}
	ev := v.Instance(m.host(), ended, time.Now())
	message := "agent runs again"
	if v.Agent == boot.AgentCrashed {
		message = "agent had ended without a word"
	}
	m.Log.Warn(message, "event", ev.ID, "type", string(ev.Type), "description", headline(ev))
	m.emit(ctx, ev, 0)
}

// causeOfDeath is what the service manager said of the agent's last end, and
// the agent's last lines.
func (m *Machine) causeOfDeath(ctx context.Context) (cause string, last []string) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	lines, err := m.Journal.Unit(ctx, m.Unit, "", kernelLines)
	if err != nil {
		m.Log.Info("journal of the agent's last run not read", "err", err)
		return "", nil
	}
	// Those of this run are not what it said last.
	end := len(lines)
	for end > 0 && !lines[end-1].At.Before(m.record.Began) {
		end--
	}
	lines = lines[:end]
	for _, l := range lines[max(0, end-lastLines):] {
		switch {
		case l.UnitResult == "watchdog":
			return "watchdog: it did not answer itself", texts(lines[max(0, end-lastLines):])
		case l.ExitCode == "exited":
			cause = "exit code " + l.ExitStatus
		case l.ExitCode != "":
			cause = "killed by signal " + l.ExitStatus
		}
	}
	return cause, texts(lines[max(0, end-lastLines):])
}

// texts are lines of the journal as a person reads them.
func texts(lines []systemd.JournalLine) []string {
	var out []string
	for _, l := range lines {
		who := l.Identifier
		if who == "" {
			who = l.Unit
		}
		out = append(out, l.At.Local().Format(time.TimeOnly)+" "+who+": "+l.Message)
	}
	return out
}

func messages(lines []systemd.JournalLine, since time.Time) []string {
	var out []string
	for _, l := range lines {
		if !l.At.Before(since) {
			out = append(out, l.Message)
		}
	}
	return out
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
