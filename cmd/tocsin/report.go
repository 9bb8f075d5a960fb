package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/control"
	"tocsin/internal/engine"
)

// What one question about events is answered with at most: the newest.
const (
	maxEvents     = 10000
	maxEventBytes = 16 << 20 // as JSON
)

// report is what the agent knows of the checks with the names, or of all.
func (a *agent) report(ctx context.Context, names []string) (control.Status, error) {
	all, err := a.engine.Status(ctx)
	if err != nil {
		return control.Status{}, err
	}
	now := time.Now()
	cfg := a.config.Load()
	s := control.Status{
		API: control.APIVersion, Version: version(), Host: cfg.Agent.Host, Started: a.started, Now: now,
		Missing: joined(unmailed(cfg), a.machine.Missing(), cfg.Lacking(), a.refused()), Checks: []control.Check{},
		Heartbeats: a.heartbeats(),
		Silences:   a.silences().Silences,
		Mail:       control.Mail{Waiting: len(a.store.spool.Waiting()) + len(a.store.spool.Letters()), Servers: []control.Server{}},
	}
	for _, account := range a.courier.Accounts() {
		server := control.Server{Name: account.Name}
		if account.Pause.Until.After(now) {
			server.PausedUntil, server.Reason = account.Pause.Until, account.Pause.Reason
		}
		s.Mail.Servers = append(s.Mail.Servers, server)
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c engine.CheckStatus) bool { return named(c, name) }) {
			var there []called
			for _, c := range all {
				there = append(there, called{c.Kind, c.Name})
			}
			return control.Status{}, unknownCheck(name, there)
		}
	}
	kinds := make(map[string]map[string]checks.Unit)
	for _, c := range all {
		if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return named(c, name) }) {
			continue
		}
		if kinds[c.Kind] == nil {
			kinds[c.Kind] = units(c.Kind)
		}
		state := checkState(c, kinds[c.Kind])
		if spell, silenced := a.store.silences.Of(c.Kind, c.Name, c.Groups, now); silenced {
			state.Silenced = spell.Until
		}
		s.Checks = append(s.Checks, state)
	}
	return s, nil
}

// joined is all lists in one, which is a list in JSON also when it is empty.
func joined(lists ...[]string) []string {
	all := []string{}
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func named(c engine.CheckStatus, name string) bool { return tocsin.GoesBy(c.Kind, c.Name, name) }

// meant are the ids of the checks that a person means by names. A name of none
// stays, for whoever takes it to refuse.
func meant(all []engine.Check, names []string) []string {
	var ids []string
	for _, name := range names {
		n := len(ids)
		for i := range all {
			if tocsin.GoesBy(all[i].Kind, all[i].Name, name) {
				ids = append(ids, all[i].ID())
			}
		}
		if len(ids) == n {
			ids = append(ids, name)
		}
	}
	return ids
}

// units are the units of a kind's metrics.
func units(kind string) map[string]checks.Unit {
	found, _ := checks.Find(kind)
	all := make(map[string]checks.Unit, len(found.Metrics))
	for _, m := range found.Metrics {
		all[m.Name] = m.Unit
	}
	return all
}

// checkState puts a check into the words of the socket.
func checkState(c engine.CheckStatus, units map[string]checks.Unit) control.Check {
	s := control.Check{Kind: c.Kind, Name: c.Name, Groups: c.Groups, Labels: c.Labels, DependsOn: c.DependsOn, Read: c.Read, Next: c.Next, Values: []control.Value{}, Rules: []control.Rule{}}
	if c.Err != nil {
		s.Error = c.Err.Error()
	}
	for metric, err := range c.Reading.Errors {
		if s.Errors == nil {
			s.Errors = make(map[string]string)
		}
		s.Errors[metric] = err.Error()
	}
	var shown []string
	for _, read := range c.Reading.Values.Sorted() {
		metric, v := read.Metric, read.Value
		text := checks.Format(units[metric], v)
		s.Values = append(s.Values, control.Value{Metric: metric, Unit: string(units[metric]), Value: plain(v), Text: text})
		shown = append(shown, metric+" "+text)
	}
	for i, r := range c.Rules {
		if rule := ruleState(r, c, i == 0); rule.State != control.OK || i > 0 {
			s.Rules = append(s.Rules, rule)
		}
	}
	s.State, s.What = control.OK, strings.Join(shown, ", ")
	if worst := slices.MaxFunc(append([]control.Rule{{State: control.OK}}, s.Rules...), worse); worst.State != control.OK {
		s.State, s.Severity, s.Since = worst.State, worst.Severity, worst.Since
		if worst.Description != "" {
			s.What = worst.Name + ": " + worst.Description
		}
		if worst.Cause != "" {
			s.What = "held behind " + worst.Cause + "; " + s.What
		}
	}
	switch {
	case !c.State.Unmonitored.IsZero():
		s.State, s.Severity, s.Since, s.What = control.Unmonitored, tocsin.Info, c.State.Unmonitored, c.State.Why
		for _, r := range s.Rules { // what the agent gave up is still wrong
			if c.State.Own && r.State == control.Failed {
				s.Severity = max(s.Severity, r.Severity)
			}
		}
	case c.Acting != "":
		s.What = string(c.Acting) + " is under way; " + s.What
	}
	return s
}

// ruleState puts a rule into the words of the socket. The rule about the data
// says that there is none. What needs more readings than there were, such as a
// rate, is not read yet.
func ruleState(r engine.RuleStatus, c engine.CheckStatus, data bool) control.Rule {
	s := control.Rule{Name: r.Name, Severity: r.Severity, State: control.OK, Description: r.Description, Acked: r.State.Acked.At, AckedBy: r.State.Acked.By, AckReason: r.State.Acked.Reason}
	switch {
	case r.State.Held.IsHeld():
		s.State, s.Since, s.Cause = control.Held, r.State.Held.Since, r.State.Held.Cause
	case data && (r.State.Failed || r.Says == engine.True):
		s.State, s.Since, s.Incident = control.NoData, cmp.Or(r.State.Since, r.Pending), r.State.Incident
	case r.State.Failed:
		s.State, s.Since, s.Incident = control.Failed, r.State.Since, r.State.Incident
	case data:
	case r.Says == engine.True:
		s.State, s.Since = control.Pending, r.Pending
	case r.Says == engine.Unknown && c.Err == nil && len(c.Reading.Errors) == 0 && !c.Warm:
		s.State = control.Unread
	case r.Says == engine.Unknown:
		s.State = control.NoData
	}
	return s
}

// worse is more than 0 when a matters more than b.
func worse(a, b control.Rule) int {
	rank := func(s control.State) int {
		return slices.Index([]control.State{control.OK, control.Unread, control.Pending, control.NoData, control.Held, control.Failed}, s)
	}
	if a.State == control.Failed && b.State == control.Failed {
		return cmp.Compare(a.Severity, b.Severity)
	}
	return cmp.Compare(rank(a.State), rank(b.State))
}

// happened is what the spool remembers since.
func (a *agent) happened(since time.Time) (control.Events, error) {
	all, err := a.store.spool.EventsSince(since)
	return eventsSince(all, since), err
}

// eventsSince are the newest of all events that are not older, in their order.
func eventsSince(all []tocsin.Event, since time.Time) control.Events {
	var events []tocsin.Event
	for _, e := range all {
		if !e.At.Before(since) {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(x, y tocsin.Event) int { return x.At.Compare(y.At) })
	first, size := len(events), 0
	for first > 0 && len(events)-first < maxEvents {
		data, err := json.Marshal(events[first-1])
		if size += len(data); err != nil || size > maxEventBytes {
			break
		}
		first--
	}
	return control.Events{API: control.APIVersion, Events: append([]tocsin.Event{}, events[first:]...)}
}
