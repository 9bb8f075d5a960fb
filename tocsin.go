// Package tocsin holds the nouns that every part shares. A Reading comes out
// of a check, an Event out of a rule, a Message out of a template; each part
// takes one of them and hands the next one on, always in that direction.
package tocsin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Reading is the metrics of one check at one time.
type Reading struct {
	At time.Time
	// Values holds every metric that could be read, by its dotted name. A
	// metric that is absent has no value now: a rate before its second
	// sample, the memory of a process that is not there. That is no error.
	Values Values
	// Errors says of a metric that should have been readable why it was not.
	Errors map[string]error
}

// EventType says what kind of transition an Event is.
type EventType string

// EventTypes lists the types of events.
func EventTypes() []EventType {
	return []EventType{Failed, Recovered, Changed, Reminder, Escalation, Action, Boot, Shutdown, Instance, Test}
}

// The types of events. Failed and recovered bracket an incident.
const (
	Failed    EventType = "failed"
	Recovered EventType = "recovered"
	Changed   EventType = "changed"
	Reminder  EventType = "reminder"
	// Escalation tells somebody else of a failure that lasts.
	Escalation EventType = "escalation"
	Action     EventType = "action"   // something was done about a failure, or could not be
	Boot       EventType = "boot"     // the machine came up
	Shutdown   EventType = "shutdown" // the machine is going down
	Instance   EventType = "instance" // the agent itself started, stopped or reloaded
	Test       EventType = "test"     // asked for by a person
)

// TellsFailure says whether an event tells its readers that something has
// failed: they want to hear when it no longer does.
func (t EventType) TellsFailure() bool { return t == Failed || t == Reminder || t == Escalation }

// Event is one transition of one rule. It is written to the spool as JSON and
// everything a mail says is derived from it, so that a mail rendered twice is
// the same mail.
type Event struct {
	// ID is unique for ever: 32 hex digits, derived from the state's epoch,
	// the rule and the transition number.
	ID   string    `json:"id"`
	Type EventType `json:"type"`
	// Name is $EVENT in Monit's words, such as "Resource limit matched".
	Name  string `json:"name"`
	Host  string `json:"host"`
	Kind  string `json:"kind"`
	Check string `json:"check"` // $SERVICE
	Rule  string `json:"rule"`
	// Groups and Labels are those of the check, for routes and readers; nil for
	// none. They are never changed in place.
	Groups []string          `json:"groups,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`

	Severity    Severity `json:"severity"`
	Description string   `json:"description"`
	Metric      string   `json:"metric,omitempty"` // the rule's first one
	Value       string   `json:"value,omitempty"`  // of that metric, with its unit
	Action      string   `json:"action"`           // $ACTION, "alert" when only mail is sent

	At time.Time `json:"at"`
	// Since is when the incident began, for failed, recovered and reminder.
	Since time.Time `json:"since"`
	// Incident is shared by all events from failed to recovered. Its mails
	// form one thread.
	Incident string `json:"incident,omitempty"`
	// Count numbers the reminders of an incident, and its escalations, from 1.
	Count int `json:"count,omitempty"`
	// Step names the escalation that an event of that type is about.
	Step string `json:"step,omitempty"`
	// Note is something the reader must know about the mail itself, such as
	// that it was sent from memory because the disk is full.
	Note string `json:"note,omitempty"`
	// Dependants is how the checks are that depend on this one, those first that
	// fail; nil when there are none. At most 50.
	Dependants []Dependant `json:"dependants,omitempty"`
	// MoreDependants is how many there are that Dependants leaves out.
	MoreDependants int `json:"more_dependants,omitempty"`
	// Mark is what the rule's state becomes with this event. The spool is the
	// write-ahead log of that state.
	Mark *Mark `json:"mark,omitempty"`
}

// Dependant is how a check is that depends on another one.
type Dependant struct {
	Kind  string         `json:"kind"`
	Check string         `json:"check"`
	State DependantState `json:"state"`
	// Rule is the worst that fails, Name its $EVENT and Since when it began;
	// empty when none does.
	Rule  string    `json:"rule,omitempty"`
	Name  string    `json:"name,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Until is when it was over, with DependantOver.
	Until time.Time `json:"until,omitzero"`
}

// DependantState is the state of a dependant.
type DependantState string

// The states of dependants.
const (
	DependantFine   DependantState = "not failed"
	DependantUnread DependantState = "not read since" // nobody knows how it is since the incident began
	DependantHeld   DependantState = "held"           // it fails, and nobody is told
	DependantFailed DependantState = "failed"         // it has events of its own
	DependantOver   DependantState = "recovered"      // it was held, and nobody was told
	DependantIdle   DependantState = "not monitored"
)

// Mark is the state of a rule after a transition, as an event carries it.
type Mark struct {
	Epoch      string    `json:"epoch"`
	Transition uint64    `json:"transition"` // counts the events of a rule, from 1
	Failed     bool      `json:"failed"`
	Since      time.Time `json:"since"`
	Incident   string    `json:"incident"`
	Reminders  int       `json:"reminders"`
	// Told is when the event was from which reminders count, in an escalation and
	// in what was done; of other events it is At.
	Told time.Time `json:"told,omitzero"`
	// Escalated names the escalations that were made in the incident.
	Escalated []string `json:"escalated,omitempty"`
	// Notified names the notifiers that were told of the incident, this event's
	// own among them once it is in the spool. Nil is not known, empty is none.
	Notified []string `json:"notified,omitzero"`
	// Terms are those in which the incident was told, each once. They decide who
	// wants its end: the rule may be another one by then, or none. Nil is not known.
	Terms []Terms `json:"terms,omitempty"`
	// Seen is what a rule about changes saw last, by metric.
	Seen map[string]string `json:"seen,omitempty"`
	Flap Flap              `json:"flap,omitzero"`
	// Runs says that the rule's program runs, or is about to, and Owed that
	// something is still to be done.
	Runs bool `json:"runs,omitempty"`
	Owed bool `json:"owed,omitempty"`
	// Unmonitored says why the check is no longer read, when this event ends
	// that.
	Unmonitored string `json:"unmonitored,omitempty"`
}

// Terms are what the filters of people go by, beside the type of an event.
type Terms struct {
	Severity Severity `json:"severity"`
	Name     string   `json:"name"`
	Metric   string   `json:"metric,omitempty"`
}

// Terms are those of the event itself.
func (e *Event) Terms() Terms { return Terms{e.Severity, e.Name, e.Metric} }

// Flap counts the failures of a rule that flaps. The zero Flap is one that has
// not failed.
type Flap struct {
	// Level is how often the delay of a recovery was doubled.
	Level int `json:"level,omitempty"`
	// Failures counts them since Since, told or not.
	Failures int       `json:"failures,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// OfRule says whether a rule of the rule file made the event, or one of its checks,
// and not the machine: those alone have a mark with an epoch.
func (e *Event) OfRule() bool { return e.Mark != nil && e.Mark.Epoch != "" }

// RuleID names the rule for the whole agent: KIND.CHECK/RULE.
func (e *Event) RuleID() string { return RuleID(e.Kind, e.Check, e.Rule) }

// RuleID names a rule for the whole agent: KIND.CHECK/RULE.
func RuleID(kind, check, rule string) string { return kind + "." + check + "/" + rule }

// GoesBy says whether a person means a check: by its name, with its kind before
// it or not, or by that of the check of the rule file which stands for it and
// others.
func GoesBy(kind, check, name string) bool {
	name = strings.TrimPrefix(name, kind+".")
	return check == name || strings.HasPrefix(check, name+":/") || strings.HasPrefix(check, name+`:"/`)
}

// Identify makes an id of 32 hex digits that depends on nothing but its parts:
// what is told twice gets the same id, and is told once.
func Identify(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:16])
}

// Message is a rendered mail, ready for the wire.
type Message struct {
	// ID is the Message-ID without its angle brackets (RFC 5322 3.6.4).
	ID string
	// Data is the whole message with CRLF line ends, no line over 998
	// octets, ASCII headers (RFC 5322 2.1.1).
	Data []byte
}

// Severity orders events by how much they matter. The zero value is Info.
type Severity uint8

// The severities.
const (
	Info Severity = iota
	Warning
	Critical
)

var severityNames = [...]string{"info", "warning", "critical"}

// String is the severity's word in rule files and mails.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// ParseSeverity is the inverse of String.
func ParseSeverity(word string) (Severity, error) {
	for i, name := range severityNames {
		if name == word {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("parse severity: %q is none of info, warning, critical", word)
}

// MarshalText writes the severity's word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's word.
func (s *Severity) UnmarshalText(text []byte) error {
	parsed, err := ParseSeverity(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
