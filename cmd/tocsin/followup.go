package main

import (
	"context"
	"slices"
	"time"

	"tocsin"
	"tocsin/internal/engine"
	"tocsin/notify"
)

// followUp tells every rule what the routes make of a failure of it that lasts.
func followUp(host string, all []engine.Check, router *notify.Router) {
	for i := range all {
		c := &all[i]
		data := engine.DataRule(c)
		c.FollowUp = followsFrom(host, c, &data, router)
		follows := make([]func(time.Time) engine.FollowUp, len(c.Rules))
		some := false
		for j := range c.Rules {
			follows[j] = followsFrom(host, c, &c.Rules[j], router)
			some = some || follows[j] != nil || c.Rules[j].FollowUp != nil
		}
		if !some {
			continue
		}
		c.Rules = slices.Clone(c.Rules) // the engine reads those of a configuration in force
		for j := range c.Rules {
			c.Rules[j].FollowUp = follows[j]
		}
	}
}

// followsFrom asks the router about a failure of one rule.
func followsFrom(host string, c *engine.Check, r *engine.Rule, router *notify.Router) func(time.Time) engine.FollowUp {
	says := router.FollowUp(&tocsin.Event{
		Type: tocsin.Failed, Name: r.Failed, Host: host, Kind: c.Kind, Check: c.Name, Rule: r.Name,
		Severity: r.Severity, Groups: c.Groups, Labels: c.Labels, Metric: r.Metric,
	})
	if says == nil {
		return nil
	}
	return func(now time.Time) engine.FollowUp {
		said := says(now)
		f := engine.FollowUp{Reminder: said.Reminder}
		for _, e := range said.Escalations {
			f.Escalations = append(f.Escalations, engine.Escalation{ID: e.Step(), After: e.After})
		}
		return f
	}
}

// fellBack has those who were told of a failure in another's place hear of its
// end too.
func (a *agent) fellBack(ev *tocsin.Event, notifiers []string) {
	if ev.Type.TellsFailure() && ev.Incident != "" {
		a.engine.Notified(ev.RuleID(), ev.Incident, notifiers)
	}
}

// renewLimit is how long a mail waits for what the engine knows of dependants. The
// last mails of an agent that stops go without.
const renewLimit = time.Second

// renew has the failures of a mail say how the checks are now that depend on
// theirs.
func (a *agent) renew(failures []*tocsin.Event) {
	ctx, cancel := context.WithTimeout(a.courierCtx, renewLimit)
	defer cancel()
	a.engine.Renew(ctx, failures)
}
