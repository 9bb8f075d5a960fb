package control

import (
	"time"

	"tocsin"
)

// APIVersion is the version of the requests and of what is answered. What is
// added later changes nothing that is there.
const APIVersion = 1

// Status is what the agent knows.
type Status struct {
	API     int       `json:"api"`
	Version string    `json:"version"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`
	// Missing says what the agent cannot do here, such as hear of shutdowns.
	Missing []string `json:"missing"`
	Mail    Mail     `json:"mail"`
	// Heartbeats are in the order of the rule files.
	Heartbeats []Heartbeat `json:"heartbeats"`
	// Silences are those in force.
	Silences []Silence `json:"silences"`
	Checks   []Check   `json:"checks"`
}

// Mail is how the mail is doing.
type Mail struct {
	// Waiting counts mails and events that are not delivered yet.
	Waiting int      `json:"waiting"`
	Servers []Server `json:"servers"`
}

// Server is a mail server.
type Server struct {
	Name string `json:"name"`
	// PausedUntil is set while it is left alone, for Reason.
	PausedUntil time.Time `json:"paused_until,omitzero"`
	Reason      string    `json:"reason,omitempty"`
}

// Heartbeat is a heartbeat block.
type Heartbeat struct {
	Name string `json:"name"`
	// Sent is when its service took the last one.
	Sent time.Time `json:"sent,omitzero"`
	// FailingSince is set while it does not reach its service, for Reason.
	FailingSince time.Time `json:"failing_since,omitzero"`
	Reason       string    `json:"reason,omitempty"`
	// Held says why none is sent: the agent is not well.
	Held string `json:"held,omitempty"`
}

// State is the state of a check or a rule.
type State string

// The states. A check has the worst of its rules.
const (
	// OK: nothing is wrong.
	OK State = "ok"
	// Failed: a rule has failed.
	Failed State = "failed"
	// Held: a rule has failed, and is told with what the check depends on, which
	// has failed, too.
	Held State = "held"
	// Pending: the condition holds, not yet for long enough.
	Pending State = "pending"
	// NoData: it cannot be read, or something of it.
	NoData State = "no data"
	// Unread: no reading was made yet, or not all that a rate or a window needs.
	Unread State = "not read yet"
	// Unmonitored: it is not read, because somebody or a rule said so. Of a
	// check only. Its severity is more than info when the agent gave up.
	Unmonitored State = "unmonitored"
)

// Check is one check.
type Check struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Groups and Labels are those of the rule file.
	Groups []string          `json:"groups,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	// DependsOn are the checks without which this one cannot be fine, as
	// KIND.NAME.
	DependsOn []string        `json:"depends_on,omitempty"`
	State     State           `json:"state"`
	Severity  tocsin.Severity `json:"severity"` // of the worst rule that has failed
	// Since is when the worst state began, where that is known.
	Since time.Time `json:"since,omitzero"`
	Read  time.Time `json:"read,omitzero"`
	Next  time.Time `json:"next,omitzero"`
	// Silenced is until when nobody is told of it.
	Silenced time.Time `json:"silenced,omitzero"`
	// What says in one line what is to be known.
	What   string            `json:"what"`
	Values []Value           `json:"values"`
	Errors map[string]string `json:"errors,omitempty"`
	Error  string            `json:"error,omitempty"`
	Rules  []Rule            `json:"rules"`
}

// Value is one metric of the last reading.
type Value struct {
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	Value  any    `json:"value"` // a number, a truth or a text
	Text   string `json:"text"`  // with its unit
}

// Rule is one rule of a check.
type Rule struct {
	Name     string          `json:"name"`
	Severity tocsin.Severity `json:"severity"`
	State    State           `json:"state"`
	// Since is when the incident began, or since when the condition holds.
	Since       time.Time `json:"since,omitzero"`
	Incident    string    `json:"incident,omitempty"`
	Description string    `json:"description,omitempty"`
	// Cause is the rule behind which a failure is held, as KIND.CHECK/RULE.
	Cause string `json:"cause,omitempty"`
	// Acked is when somebody said that they look after it, AckedBy who and
	// AckReason what they said.
	Acked     time.Time `json:"acked,omitzero"`
	AckedBy   string    `json:"acked_by,omitempty"`
	AckReason string    `json:"ack_reason,omitempty"`
}

// Events is what happened, the oldest first.
type Events struct {
	API    int            `json:"api"`
	Events []tocsin.Event `json:"events"`
}
