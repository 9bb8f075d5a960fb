package notify

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"tocsin"
	"tocsin/notify/spool"
)

// alarmEvery is how often one cause is told.
const alarmEvery = time.Hour

// maxAlarms bounds how many causes are remembered.
const maxAlarms = 1000

// Alarms tells people what the agent itself could not do: mail that was given
// up, files that are damaged. Each cause is told once an hour. All methods are safe for concurrent use.
type Alarms struct {
	Desk *Desk
	Log  *slog.Logger
	Host func() string

	mu   sync.Mutex
	told map[string]time.Time
}

// Alarm is one of them.
type Alarm struct {
	Rule     string // what it is about: "badmail", "damage"
	Cause    string // what is told once an hour; empty is Rule
	Name     string // $EVENT
	Text     string
	Severity tocsin.Severity
}

// Raise tells an alarm.
func (a *Alarms) Raise(alarm Alarm, now time.Time) {
	if !a.due(alarm.Rule+"\n"+alarm.Cause, now) {
		return
	}
	ev := tocsin.Event{
		ID: tocsin.Identify("alarm", alarm.Rule, alarm.Cause, now.UTC().Format(time.RFC3339Nano)), Type: tocsin.Instance, Name: alarm.Name,
		Host: a.Host(), Kind: alarmKind, Check: alarmCheck, Rule: alarm.Rule, Severity: alarm.Severity,
		Description: alarm.Text, Action: "alert", At: now, Since: now,
	}
	a.Log.Warn("alarm", "event", ev.ID, "type", string(ev.Type), "rule", ev.RuleID(), "description", alarm.Text)
	if err := a.Desk.Emit(ev); err != nil {
		a.Log.Error("event not durable, sent from memory", "event", ev.ID, "err", err)
	}
}

// The agent's own rules are of a check of this name.
const (
	alarmKind  = "system"
	alarmCheck = "tocsin"
	ruleBad    = "badmail"
	ruleDamage = "damage"
)

func (a *Alarms) due(cause string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, known := a.told[cause]; known && now.Sub(last).Abs() < alarmEvery {
		return false
	}
	if a.told == nil || len(a.told) >= maxAlarms {
		a.told = make(map[string]time.Time)
	}
	a.told[cause] = now
	return true
}

// Refused tells that a mail was given up for somebody. One that was an alarm of
// this kind itself is only logged: its recipients are told by no mail.
func (a *Alarms) Refused(m spool.Mail, d spool.Delivery, now time.Time) {
	refused := d.Refused(m)
	if m.Alarm || len(refused) == 0 {
		return
	}
	severity := tocsin.Warning
	if m.Severity == tocsin.Critical {
		severity = tocsin.Critical
	}
	a.Raise(Alarm{
		Rule: ruleBad, Cause: refused[0], Name: "Mail given up", Severity: severity,
		Text: fmt.Sprintf("the mail %q was given up for %s: %s\nIt is kept: \"tocsin queue list --badmail\" shows it, \"tocsin queue requeue %.12s\" lets it go once more.",
			m.Subject, strings.Join(refused, ", "), d.Recipients[refused[0]].Reply, m.ID),
	}, now)
}

// Damaged tells that something the agent had kept was damaged.
func (a *Alarms) Damaged(what string, now time.Time) {
	a.Raise(Alarm{Rule: ruleDamage, Cause: what, Name: "Damaged file", Severity: tocsin.Warning, Text: what}, now)
}

// isAlarm says whether all events are alarms about mail that was given up.
func isAlarm(events []tocsin.Event) bool {
	for _, e := range events {
		if e.Kind != alarmKind || e.Check != alarmCheck || e.Rule != ruleBad {
			return false
		}
	}
	return len(events) > 0
}
