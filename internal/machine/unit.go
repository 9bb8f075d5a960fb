package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/durable"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// The bounds of what is said about a failed unit, and of units.json.
const (
	unitLines    = 10
	unitPatience = 400 * time.Millisecond
	unitLook     = 50 * time.Millisecond
	maxFailed    = 1000
	maxUnitsFile = 1 << 20
)

// failure is a failed unit that somebody was told of.
type failure struct {
	Invocation string    `json:"invocation"`
	Since      time.Time `json:"since"`
	Incident   string    `json:"incident"`
	// Notified names the notifiers that were told: they hear of the end. Nil is
	// not known.
	Notified []string `json:"notified,omitzero"`
	// Terms are those in which they were told.
	Terms []tocsin.Terms `json:"terms,omitempty"`
}

// failures are the failed units that somebody was told of, in units.json: so
// that a recovery is told also after a restart of the agent, and a failure not
// twice.
type failures map[string]failure

func (m *Machine) failuresPath() string { return filepath.Join(m.StateDir, "units.json") }

func readFailures(path string) (failures, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return failures{}, nil
	}
	if err != nil {
		return failures{}, fmt.Errorf("read failed units: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	known := failures{}
	if err := json.NewDecoder(io.LimitReader(f, maxUnitsFile)).Decode(&known); err != nil || known == nil {
		return failures{}, fmt.Errorf("read failed units: %s is damaged: %w", path, err)
	}
	return known, nil
}

// watchUnits tells which units fail and recover, until ctx ends.
func (m *Machine) watchUnits(ctx context.Context) {
	var wg sync.WaitGroup // of the programs and of what waits for the disk
	defer wg.Wait()
	known, err := readFailures(m.failuresPath())
	if err != nil {
		m.Log.Error("failed units are told once more", "err", err)
	}
	m.units.Known = make(map[string]string, len(known))
	for unit, f := range known {
		m.units.Known[unit] = f.Invocation
	}
	m.units.Watch(ctx, func(e systemd.UnitEvent) {
		if m.goingDown() {
			return // services that are stopped fail now and then
		}
		known.forget(m.units.Failed(), e.Unit)
		if m.unit(ctx, &wg, known, e) {
			if err := m.saveFailures(known); err != nil {
				m.Log.Error("failed units not saved", "err", err)
			}
		}
	})
}

func (m *Machine) goingDown() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told != "" || m.ending
}

func (m *Machine) saveFailures(known failures) error {
	data, err := json.MarshalIndent(known, "", "\t")
	if err != nil {
		return fmt.Errorf("write failed units: %w", err)
	}
	return durable.WriteFile(m.failuresPath(), append(data, '\n'))
}

// forget leaves out what is failed no more, without a word: somebody reset it.
func (f failures) forget(failed map[string]string, but string) {
	maps.DeleteFunc(f, func(unit string, _ failure) bool {
		_, still := failed[unit]
		return !still && unit != but
	})
}

// unit tells of one unit and says whether known has changed. What takes time
// is done in wg: the next failure must not wait for a program or a disk.
func (m *Machine) unit(ctx context.Context, wg *sync.WaitGroup, known failures, e systemd.UnitEvent) bool {
	h, ok := m.hook(notify.HookUnit)
	if !ok || !h.Wants(e.Unit) {
		return false
	}
	old, failed := known[e.Unit]
	if e.Failed == failed && (!failed || old.Invocation == e.InvocationID) {
		return false
	}
	if e.Failed && len(known) >= maxFailed {
		m.Log.Error("too many failed units, this one is not told", "unit", e.Unit)
		return false
	}
	var ev tocsin.Event
	if e.Failed {
		ev = UnitFailed(m.host(), e, UnitLines(ctx, m.Journal, e))
		m.Log.Warn("unit failed", "event", ev.ID, "type", string(ev.Type), "unit", e.Unit, "description", headline(ev))
	} else {
		ev = UnitRecovered(m.host(), e.Unit, old.Incident, old.Since, e.At)
		if old.Notified != nil {
			ev.Mark = &tocsin.Mark{Notified: old.Notified, Terms: old.Terms}
		}
		m.Log.Info("unit recovered", "event", ev.ID, "type", string(ev.Type), "unit", e.Unit)
	}
	ev.Severity = h.Severity
	// Durable before the next event is looked at, where the disk takes it.
	told, err := m.Desk.EmitHeld(ev, hold(h, h.Timeout))
	durable := err == nil
	wg.Go(func() {
		if durable || m.emit(ctx, ev, hold(h, h.Timeout)) {
			if len(h.Exec) > 0 {
				m.program(ctx, ev, h, h.Timeout)
			}
		}
	})
	switch {
	case !e.Failed:
		delete(known, e.Unit)
	case e.InvocationID == "": // a unit that is gone already has no recovery, and its next failure no other name
		return false
	default:
		terms := old.Terms
		if !slices.Contains(terms, ev.Terms()) {
			terms = append(slices.Clip(terms), ev.Terms())
		}
		known[e.Unit] = failure{Invocation: e.InvocationID, Since: e.At, Incident: ev.Incident, Notified: union(old.Notified, told), Terms: terms}
	}
	return true
}

// UnitLines are the last lines of a unit's run, none if the journal cannot be
// read. It may be a moment behind the bus: what the service manager says of the
// end is waited for.
func UnitLines(ctx context.Context, journal systemd.Journal, e systemd.UnitEvent) []string {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	over := time.After(unitPatience)
	for {
		lines, err := journal.Unit(ctx, e.Unit, e.InvocationID, unitLines)
		if err != nil {
			return nil
		}
		if ended(lines) && (e.ExitCode == "" || spoke(lines)) {
			return texts(lines)
		}
		select {
		case <-time.After(unitLook):
		case <-over:
			return texts(lines)
		case <-ctx.Done():
			return texts(lines)
		}
	}
}

// ended says whether the service manager has told the end of a unit.
func ended(lines []systemd.JournalLine) bool {
	return slices.ContainsFunc(lines, func(l systemd.JournalLine) bool { return l.UnitResult != "" })
}

// spoke says whether a unit said something itself. What it printed takes
// another way into the journal than what the manager says, and may come later.
func spoke(lines []systemd.JournalLine) bool {
	return slices.ContainsFunc(lines, func(l systemd.JournalLine) bool { return l.Identifier != "systemd" })
}

// UnitFailed is the event that a unit failed. Its id depends on the unit and
// its run alone: whoever notices it, it is told once. Lines are the last ones
// of its journal.
func UnitFailed(host string, e systemd.UnitEvent, lines []string) tocsin.Event {
	ev := unitEvent(host, e.Unit, tocsin.Failed, e.At)
	run := e.InvocationID
	if run == "" { // not every unit has runs: when it failed tells them apart
		run = e.At.UTC().Format(time.RFC3339)
	}
	ev.ID, ev.Incident, ev.Since = tocsin.Identify("unit", "failed", e.Unit, run), tocsin.Identify("unit", "incident", e.Unit, run), e.At
	ev.Name = "Unit failed"
	var b strings.Builder
	b.WriteString("failed")
	if e.Result != "" && e.Result != "success" {
		b.WriteString(" with result " + e.Result)
	}
	switch e.ExitCode {
	case "exited":
		fmt.Fprintf(&b, ", exit status %d", e.ExitStatus)
	case "killed", "dumped":
		fmt.Fprintf(&b, ", %s by signal %d", e.ExitCode, e.ExitStatus)
	}
	switch e.Restarts {
	case 0:
	case 1:
		b.WriteString(", after one restart")
	default:
		fmt.Fprintf(&b, ", after %d restarts", e.Restarts)
	}
	if e.NotFound {
		b.WriteString("; systemd knows no unit of that name, or no more")
	}
	if e.Description != "" && e.Description != e.Unit {
		b.WriteString("\n" + e.Description)
	}
	if len(lines) > 0 {
		b.WriteString("\n\nLast lines:\n  " + strings.Join(lines, "\n  "))
	}
	ev.Description = b.String()
	return ev
}

// UnitRecovered is the event that a failed unit is active again.
func UnitRecovered(host, unit, incident string, since, now time.Time) tocsin.Event {
	ev := unitEvent(host, unit, tocsin.Recovered, now)
	ev.ID, ev.Incident, ev.Since = tocsin.Identify("unit", "recovered", unit, incident), incident, since
	ev.Name, ev.Description = "Unit recovered", "active again"
	return ev
}

func unitEvent(host, unit string, kind tocsin.EventType, at time.Time) tocsin.Event {
	return tocsin.Event{
		Type: kind, Host: host, Kind: notify.UnitKind, Check: unit, Rule: notify.UnitRule,
		Severity: tocsin.Warning, Action: "alert", At: at,
	}
}

// union is both lists, each name once; never nil.
func union(a, b []string) []string {
	all := append(append([]string{}, a...), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
