package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"tocsin"
	"tocsin/templates"
)

// dataRule is the rule that every check has of itself: that it can be read.
const dataRule = "data"

// action is $ACTION while nothing but a mail follows from a failure.
const action = "alert"

// transition is an event of a rule on its way to the spool, and the state that
// the rule has with it.
type transition struct {
	rule  string        // its id
	event *tocsin.Event // nil when the state alone is to be saved
	state RuleState
	// check is the id of a check whose state is to be saved, in place of a
	// rule's.
	check      string
	checkState CheckState
	// saved is told once when the event and the state are on disk, or why they
	// are not as yet; nil when nobody waits. It has room for that.
	saved chan<- error
	// more is who else was told of the incident, in place of a state.
	more *notified
}

// raise makes the event of a transition and the state that follows from it. It
// is pure: a crash before the state was saved makes the same event again.
func raise(host, epoch string, c *Check, r *Rule, s RuleState, kind tocsin.EventType, description, value string, now time.Time) transition {
	s.Transition++
	if repeats(kind) {
		s.Told = now
	}
	switch kind {
	case tocsin.Failed:
		s.Failed, s.Reminders, s.Escalated, s.Acked, s.Held = true, 0, nil, Acked{}, Held{}
		s.Since = now
		if !s.pending.IsZero() {
			s.Since = s.pending // it began before For was over
		}
		s.Incident = identify(epoch, c, r, s.Transition, "incident")
		s.clearing = time.Time{}
	case tocsin.Recovered:
		s.Failed, s.Acked = false, Acked{}
		s.hits, s.pending, s.clearing = nil, time.Time{}, time.Time{}
	case tocsin.Reminder:
		s.Reminders++
	}
	ev := tocsin.Event{
		ID:   identify(epoch, c, r, s.Transition, "event"),
		Type: kind, Name: r.Failed, Host: host, Kind: c.Kind, Check: c.Name, Rule: r.Name, Groups: c.Groups, Labels: c.Labels, Metric: r.Metric,
		Severity: r.Severity, Description: description, Value: value, Action: action,
		At: now, Since: s.Since, Incident: s.Incident, Count: s.Reminders,
		Mark: &tocsin.Mark{
			Epoch: epoch, Transition: s.Transition, Failed: s.Failed, Since: s.Since,
			Incident: s.Incident, Reminders: s.Reminders, Escalated: s.Escalated, Seen: s.Seen, Flap: s.Flap, Runs: s.Runs, Owed: s.Owed,
		},
	}
	switch kind {
	case tocsin.Recovered:
		ev.Name = r.Recovered
	case tocsin.Escalation:
		ev.Count = len(s.Escalated)
		if ev.Count > 0 {
			ev.Step = s.Escalated[ev.Count-1]
		}
	}
	if !repeats(kind) {
		ev.Mark.Told = s.Told
	}
	if r.Message != "" {
		ev.Description = templates.Expand(r.Message, ev)
	}
	ev.Description += flapped(r, s, now)
	s.Terms = inTerms(s.Terms, &ev)
	ev.Mark.Terms = s.Terms
	return transition{rule: ev.RuleID(), event: &ev, state: s}
}

// repeats says that an event of a type tells who is reminded how things are, so that
// reminders count from it: an escalation has other readers, and what was done every
// two seconds says nothing of the failure that lasts.
func repeats(kind tocsin.EventType) bool { return kind != tocsin.Escalation && kind != tocsin.Action }

// identify derives an id that no other transition ever has: the epoch is born
// with the state file, and within it a rule counts its transitions.
func identify(epoch string, c *Check, r *Rule, n uint64, what string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s", epoch, tocsin.RuleID(c.Kind, c.Name, r.Name), n, what))
	return hex.EncodeToString(sum[:16])
}

// DataRule is the built-in rule of a check. It fails with the second bad
// reading in a row: one is often the weather.
func DataRule(c *Check) Rule {
	return Rule{
		Name: dataRule, Severity: tocsin.Warning, For: c.Interval / 2, FollowUp: c.FollowUp,
		Failed: "Data access error", Recovered: "Data access succeeded",
	}
}

// dataRules are those of checks that differ in nothing but their name: a
// thousand of them have a handful.
type dataRules map[time.Duration]*Rule

// of is the built-in rule of a check, which nobody may change.
func (all dataRules) of(c *Check) *Rule {
	if r := all[c.Interval]; r != nil && c.FollowUp == nil {
		return r
	}
	r := DataRule(c)
	if c.FollowUp == nil {
		all[c.Interval] = &r
	}
	return &r
}
