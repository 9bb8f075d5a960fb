package engine

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tocsin"
	"tocsin/internal/durable"
)

// stateVersion is the version of the state file. A file of a later one is
// refused with a durable.ErrNewer, not overwritten.
const stateVersion = 1

// maxState bounds what is read of it: a thousand checks take 2 MB.
const maxState = 64 << 20

// State is what survives a restart.
type State struct {
	path  string
	Epoch string
	Rules map[string]RuleState
	// Checks is by the id of the check; one that is not in it is as new.
	Checks map[string]CheckState
	// Read is when the checks with a timed schedule were read last, by kind and
	// name. It is saved at an orderly stop: after another one a minute that has
	// been read is read again if it is still that minute.
	Read map[string]time.Time
	// Boot names the boot in which it was saved; empty when nobody knows.
	Boot string
}

type stateFile struct {
	Version int                   `json:"version"`
	Epoch   string                `json:"epoch"`
	Saved   time.Time             `json:"saved"`
	Rules   map[string]RuleState  `json:"rules"`
	Checks  map[string]CheckState `json:"checks,omitempty"`
	Read    map[string]time.Time  `json:"read,omitempty"`
	Boot    string                `json:"boot,omitempty"`
}

// OpenState reads the state at path, or begins a new one, with an epoch of its
// own. A damaged file is moved aside to path.damaged and damaged says why: an
// unchanged failure is then told once more.
func OpenState(path string, now time.Time) (s *State, damaged, err error) {
	data, err := durable.ReadFile(path, maxState)
	foreign := errors.Is(err, durable.ErrForeign)
	if err != nil && !foreign && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("open state: %w", err)
	}
	if err == nil || foreign {
		var f stateFile
		bad := err
		if !foreign {
			bad = json.Unmarshal(data, &f)
		}
		switch v := durable.Version(data); {
		case v > stateVersion: // whatever else is in it
			return nil, nil, fmt.Errorf("open state %s: %w", path, durable.Newer(v, stateVersion))
		case bad == nil && f.Epoch != "":
			if f.Rules == nil {
				f.Rules = make(map[string]RuleState)
			}
			s = &State{path: path, Epoch: f.Epoch, Rules: f.Rules, Checks: f.Checks, Read: f.Read, Boot: f.Boot}
			return s, nil, nil
		case bad == nil:
			bad = errors.New("no epoch")
		}
		damaged = fmt.Errorf("open state %s: %w", path, bad)
		if err := durable.Rename(durable.Move{From: path, To: path + ".damaged"}); err != nil {
			return nil, damaged, err
		}
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	s = &State{path: path, Epoch: hex.EncodeToString(b[:]), Rules: make(map[string]RuleState)}
	// The epoch is durable before the first event that carries it.
	return s, damaged, s.Save(now)
}

// RollForward takes in events that were spooled after the state was saved.
func (s *State) RollForward(events []tocsin.Event) int {
	rolled := 0
	for _, ev := range events {
		m := ev.Mark
		if m == nil || m.Epoch != s.Epoch || m.Transition <= s.Rules[ev.RuleID()].Transition {
			continue
		}
		before := s.Rules[ev.RuleID()]
		acked, told := before.Acked, ev.At
		if !m.Failed || m.Incident != before.Incident {
			acked = Acked{}
		}
		if !m.Told.IsZero() {
			told = m.Told
		}
		acted := before.Acted
		if m.Runs && ev.Action == string(Exec) {
			acted = ev.At
		}
		s.Rules[ev.RuleID()] = RuleState{
			Failed: m.Failed, Since: m.Since, Incident: m.Incident, Transition: m.Transition,
			Reminders: m.Reminders, Escalated: m.Escalated, Notified: m.Notified, Terms: m.Terms, Told: told, Seen: m.Seen, Flap: m.Flap, Acted: acted, Acked: acked,
			Runs: m.Runs, Owed: m.Owed,
		}
		if id := CheckID(ev.Kind, ev.Check); m.Unmonitored != "" {
			s.take(transition{check: id, checkState: CheckState{Unmonitored: ev.At, Why: m.Unmonitored, Own: true, Unseen: true}})
		}
		rolled++
	}
	return rolled
}

// Correct has times that are later than now count as now: they were written while
// the clock was wrong, and a reminder would wait until they come. How long ago an
// action was nobody knows then, and it counts. It is for a clock that is known to be
// right: one that is behind, as at the boot of a machine without a battery, would put
// all that is true into its own past.
func (s *State) Correct(now time.Time) {
	for id, r := range s.Rules {
		for _, at := range []*time.Time{&r.Since, &r.Told, &r.Flap.Since, &r.Acked.At, &r.Held.Since, &r.Held.Over, &r.Acted} {
			*at = past(*at, now)
		}
		s.Rules[id] = r
	}
	for id, c := range s.Checks {
		c.Unmonitored = past(c.Unmonitored, now)
		for i, at := range c.Actions {
			c.Actions[i] = past(at, now)
		}
		s.Checks[id] = c
	}
}

// past is a time, or now when that is earlier.
func past(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// take takes in the state that a transition leads to.
func (s *State) take(t transition) {
	switch {
	case t.more != nil:
		if state := s.Rules[t.rule]; state.Incident == t.more.incident {
			state.Notified = notified{names: state.Notified}.and(t.more.names).names
			s.Rules[t.rule] = state
		}
	case t.check == "":
		if t.event == nil { // whoever decides does not know who was told
			t.state.Notified = s.Rules[t.rule].Notified
		}
		s.Rules[t.rule] = t.state
	case t.checkState.isZero():
		delete(s.Checks, t.check)
	default:
		if s.Checks == nil {
			s.Checks = make(map[string]CheckState)
		}
		s.Checks[t.check] = t.checkState
	}
}

// Save makes the state durable.
func (s *State) Save(now time.Time) error {
	data, err := json.Marshal(stateFile{stateVersion, s.Epoch, now, s.Rules, s.Checks, s.Read, s.Boot})
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	if err := durable.WriteFile(s.path, data); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}
