package main

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/control"
	"tocsin/internal/heartbeat"
	"tocsin/templates"
)

// well says why the agent is not well enough for a heartbeat: it decides, writes
// and mails.
func (a *agent) well(ctx context.Context, b heartbeat.Beat) error {
	health, err := a.engine.Health(ctx)
	mail := a.courier.Health(time.Now())
	switch {
	case err != nil:
		return fmt.Errorf("the agent does not answer itself: %w", err)
	case health.Unwritten > 0:
		return fmt.Errorf("%s cannot be written", amount(health.Unwritten, "event"))
	case health.Unsaved:
		return fmt.Errorf("the state of the rules cannot be saved")
	case mail.Failing > b.MailAge:
		return fmt.Errorf("every mail server fails, and mail has waited for %s", templates.Span(mail.Failing))
	case mail.CriticalAge > b.MailAge:
		return fmt.Errorf("a critical event has waited for %s to be mailed", templates.Span(mail.CriticalAge))
	}
	return nil
}

// line is the line of a heartbeat.
func (a *agent) line() string {
	return a.config.Load().Agent.Host + ": " + a.status(time.Now())
}

// heartbeats are their states in the words of the socket.
func (a *agent) heartbeats() []control.Heartbeat {
	all := []control.Heartbeat{}
	for _, s := range a.beats.States() {
		all = append(all, control.Heartbeat{Name: s.Name, Sent: s.Sent, FailingSince: s.Failing, Reason: s.Reason, Held: s.Held})
	}
	return all
}

// beatFailing is how long the heartbeat that fails longest has.
func (a *agent) beatFailing(now time.Time) time.Duration {
	longest := time.Duration(0)
	for _, s := range a.beats.States() {
		if !s.Failing.IsZero() {
			longest = max(longest, now.Sub(s.Failing))
		}
	}
	return longest
}
