// Package machine tells what happens to the machine itself: that it came up
// and how it had gone down, that it is going down, that one of its units
// failed, and that the agent had ended without a word. It asks systemd and the
// agent's own files, has package boot judge, and hands the events to the desk.
package machine

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/boot"
	"tocsin/internal/config"
	"tocsin/internal/program"
	"tocsin/internal/systemd"
	"tocsin/notify"
	"tocsin/notify/spool"
)

// MarkPath is where the unit tocsin-bootmark.service keeps its mark.
const MarkPath = "/var/lib/tocsin-boot/mark.json"

// emitRetry is how long an event that could not be made durable waits for the
// next try.
const emitRetry = 5 * time.Second

// Machine is the machine that the agent runs on. Set the exported fields, then
// call Open.
type Machine struct {
	Log    *slog.Logger
	Desk   *notify.Desk
	Spool  *spool.Spool
	Config func() *config.Config
	// Hurry lets mail go that waits because of a failed try.
	Hurry func()
	// Quiet stops the checks, or lets them go on.
	Quiet func(on bool)

	// Cage holds the programs of hooks; nil is process groups.
	Cage *program.Cage

	// StateDir holds agent.json and units.json; Mark is the file of the mark
	// unit.
	StateDir, Mark string
	// Root and Proc are "/" and "/proc".
	Root, Proc string
	Bus        systemd.Bus
	Journal    systemd.Journal
	Version    string
	// Unit is the agent's own unit, empty when no service manager runs it.
	// Only a managed agent tells of its own ends: a person at a terminal saw
	// them.
	Unit string

	login *systemd.Login
	units *systemd.UnitWatch
	// open is closed when the record of this run is in force, whole when the
	// event about the boot says all that it will.
	open, whole chan struct{}
	// They yield after a reload.
	loginReloaded, unitsReloaded chan struct{}
	programs                     sync.Mutex // one runs at a time
	wg                           sync.WaitGroup

	mu      sync.Mutex
	rush    context.Context //nolint:containedctx // ends when there is no time left; a shutdown that is called off begins another
	hurry   context.CancelFunc
	record  boot.Record
	told    string    // the shutdown event of a machine that is going down
	since   time.Time // when that was
	until   time.Time // and until when its mail is waited for
	ending  bool      // the agent is being ended
	already bool      // a run before this one told that the machine goes down, just now
	lost    bool      // there is no key: nothing can be said of boots
	ours    bool      // the record at StateDir may be replaced: what it told is told
}

// Open reads which boot this is. Nothing is written yet: the old record is what
// the verdict is made of. Mails about going down that were not sent in time are
// marked late.
func (m *Machine) Open(now time.Time) {
	m.open, m.whole = make(chan struct{}), make(chan struct{})
	m.loginReloaded, m.unitsReloaded = make(chan struct{}, 1), make(chan struct{}, 1)
	m.rush, m.hurry = context.WithCancel(context.Background())
	m.login = &systemd.Login{Bus: m.Bus, Log: m.Log}
	m.units = &systemd.UnitWatch{Bus: m.Bus, Log: m.Log}
	m.record = boot.Record{Version: m.Version, Kernel: kernel(m.Proc), Began: now, Alive: now}
	var err error
	if m.record.Key, m.record.BootID, err = boot.ReadKey(m.Proc); err != nil {
		m.lost = true
		m.Log.Error("this boot has no name, so boots and shutdowns are not told", "err", err)
	}
	m.adopt()
	// What is damaged is said when it is judged.
	if r, err := boot.ReadRecord(m.recordPath()); err == nil && r.Key == m.record.Key {
		m.record.Shutdowns = r.Shutdowns
		m.already = r.How == boot.WentDown && now.Sub(r.Ended).Abs() < justNow
	}
	m.late()
}

// justNow is how long ago another process may have told of a shutdown for a
// command to leave it at that.
const justNow = 2 * time.Minute

// AlreadyDown says whether another process told just now that the machine goes
// down.
func (m *Machine) AlreadyDown() bool { return m.already }

// Leave gives the record up: a command that did the agent's work is done.
func (m *Machine) Leave(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.record.How == boot.Running {
		m.record.How, m.record.Ended = boot.Commanded, now
		m.save()
	}
}

// adopt takes the name of this boot from the mark, in a container: there the
// agent's sandbox shows it the boot id of the host, and the mark's unit has
// none.
func (m *Machine) adopt() {
	if _, err := os.Stat(filepath.Join(m.Root, "run/systemd/container")); err != nil {
		return
	}
	mark, err := boot.ReadMark(m.Mark)
	if err != nil || mark == nil || !m.record.Key.SameStart(mark.Current.Key) {
		return // Run says what is wrong with it
	}
	m.record.Key, m.record.BootID = mark.Current.Key, mark.Current.BootID
}

// lateNote is what a mail about going down says that goes after the boot.
const lateNote = "Sent late: the machine went down before this mail could be sent."

// late says so in the mails about going down that were not sent in time.
func (m *Machine) late() {
	for _, w := range m.Spool.Waiting() {
		ev := w.Item.Event
		if ev == nil || w.Item.Silence != nil || ev.Type != tocsin.Shutdown || ev.Note != "" || ev.Incident == boot.Cycle(m.record.Key) {
			continue
		}
		noted, item := *ev, *w.Item
		noted.Note, item.Event = lateNote, &noted
		if err := m.Spool.Amend(item); err != nil {
			m.Log.Warn("late mail not marked as late", "event", ev.ID, "err", err)
		}
	}
}

// Reloaded says that Config returns another configuration now.
func (m *Machine) Reloaded() {
	for _, reloaded := range []chan<- struct{}{m.loginReloaded, m.unitsReloaded} {
		select {
		case reloaded <- struct{}{}:
		default: // somebody will look anyway
		}
	}
}

// Missing lists what the agent cannot be told by, for its status.
func (m *Machine) Missing() []string {
	var missing []string
	if _, ok := m.hook(notify.HookShutdown); ok {
		if text := m.login.Missing(); text != "" {
			missing = append(missing, "early notice of shutdowns: "+text)
		}
	}
	if _, ok := m.hook(notify.HookUnit); ok {
		if text := m.units.Missing(); text != "" {
			missing = append(missing, "failures of units: "+text)
		}
	}
	return missing
}

func (m *Machine) hook(label string) (*config.Hook, bool) {
	h, ok := m.Config().Hooks[label]
	return h, ok
}

func (m *Machine) host() string { return m.Config().Agent.Host }

func (m *Machine) recordPath() string { return filepath.Join(m.StateDir, "agent.json") }

// save keeps the record. The caller holds mu.
func (m *Machine) save() {
	if m.lost || !m.ours {
		return
	}
	if err := m.record.Save(m.recordPath()); err != nil {
		m.Log.Error("record of this boot not saved", "err", err)
	}
}

// emit makes an event durable, and says whether it is. It tries until it is, no
// time is left, or ctx ends; it is sent from memory meanwhile.
func (m *Machine) emit(ctx context.Context, ev tocsin.Event, hold time.Duration) bool {
	hasty, cancel := m.hasty(ctx)
	defer cancel()
	for failed := false; ; {
		_, err := m.Desk.EmitHeld(ev, hold)
		if err == nil {
			return true
		}
		if !failed {
			failed = true
			m.Log.Error("event not durable, sent from memory and tried again", "event", ev.ID, "rule", ev.RuleID(), "err", err)
		}
		select {
		case <-time.After(emitRetry):
		case <-hasty.Done():
			return false // in memory it has its chance
		}
	}
}

// program runs the program of a hook for an event that is held, for at most
// limit, and lets the mail go with what it printed. A program never costs the
// mail: an event that is held goes by itself.
func (m *Machine) program(ctx context.Context, ev tocsin.Event, h *config.Hook, limit time.Duration) {
	if len(h.Exec) > 0 {
		m.programs.Lock()
		result := program.Program{
			Args: h.Exec, Timeout: min(limit, h.Timeout), Cage: m.Cage, User: h.User, Group: h.Group, Limits: h.Limits,
		}.Run(ctx, &ev)
		m.programs.Unlock()
		if result.Err != nil {
			m.Log.Warn("program of a hook failed", "program", h.Exec[0], "event", ev.ID, "err", result.Err)
		}
		ev.Description = strings.TrimRight(ev.Description, "\n") + "\n\n" + h.Exec[0] + ": " + result.String()
	}
	if err := m.Desk.Complete(ev); err != nil {
		m.Log.Error("event not completed, its mail goes without what the program printed", "event", ev.ID, "err", err)
	}
}

// hold is how long an event waits for the program of its hook.
func hold(h *config.Hook, limit time.Duration) time.Duration {
	if len(h.Exec) == 0 {
		return 0
	}
	return min(limit, h.Timeout)
}

// Rush says that there is no time left.
func (m *Machine) Rush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hurry()
}

// hasty is ctx, ended also when there is no time left.
func (m *Machine) hasty(ctx context.Context) (context.Context, context.CancelFunc) {
	m.mu.Lock()
	rush := m.rush
	m.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(rush, cancel)
	return ctx, func() { stop(); cancel() }
}
