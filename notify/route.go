// Package notify takes events to people: routes say who hears of an event,
// and the courier delivers what the spool keeps, within each account's limits.
package notify

import (
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/schedule"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/templates"
)

// Mail is a notifier: a mail block of the rule file.
type Mail struct {
	Name string
	// From is the author (RFC 5322 3.6.2), "Name <addr>" or an address.
	From    string
	ReplyTo string
	// To, Cc and Bcc are mailboxes, "Name <addr>" or an address. Together
	// they are never empty.
	To, Cc, Bcc []string
	// Servers names the mail servers to try, in order; never empty.
	Servers  []string
	Template templates.Template
	Headers  []templates.Header
	// Style is how the mails are written: with HTML or without, and with
	// which subject.
	Style templates.Style
	// Filter is for all addresses; Filters has those of single ones, by the bare
	// address in lower case.
	Filter  Filter
	Filters map[string]Filter
	// Fallback says who hears of what this notifier cannot deliver.
	Fallback Fallback
}

// Fallback is who hears of an event that could not be delivered for a time. The
// zero Fallback is nobody.
type Fallback struct {
	After  time.Duration
	Notify []string // names of mail blocks
}

// Account is a mail server with its limits and its retry schedule.
type Account struct {
	smtp.Server
	Limit quota.Limit
	// Retry holds the waits between tries; the last one repeats. Nil means
	// the default schedule.
	Retry []time.Duration
}

// Match decides whether an event takes a route.
type Match interface {
	Match(*tocsin.Event) bool
}

// Route sends matching events to notifiers.
type Route struct {
	When Match // nil matches every event
	// During is when the route takes events; the zero Schedule is always.
	During   schedule.Schedule
	Notify   []string // names of mail blocks
	Reminder time.Duration
	// Group is how long an event waits for others, to go in one mail.
	Group    time.Duration
	Continue bool // later routes are tried as well
	// Escalate says who else hears of a failure that lasts.
	Escalate []Escalation
}

// Escalation tells notifiers of a failure that has lasted for After.
type Escalation struct {
	After  time.Duration
	Notify []string // names of mail blocks
}

// Step names the escalation in the events that it leads to: two that say the
// same are one.
func (e Escalation) Step() string { return e.After.String() + " " + strings.Join(e.Notify, " ") }

// FollowUp is what routes make of a failure that lasts.
type FollowUp struct {
	Reminder    time.Duration // 0 means never
	Escalations []Escalation
}
