package config

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"tocsin/internal/schedule"
	"tocsin/notify"
)

const (
	maxEscalations = 20
	maxEscalation  = 30 * day
)

// routes decodes the route blocks, in their order.
func (l *loader) routes(blocks []found) {
	var all *hcl.Range // the route that takes every event
	for _, f := range blocks {
		s := l.scope(f.source, f.block)
		l.labels(f.block)
		if all != nil {
			s.warn(s.header, "Route never reached", "The route at %s takes every event. Put it last, or let it go on: continue = true.", place(*all))
			all = nil
		}
		r := notify.Route{When: s.match("when"), Notify: s.refs("notify", "mail"), Continue: s.flag("continue")}
		if s.body.Attributes["notify"] == nil {
			s.fail(s.header, "Missing attribute", "A route needs \"notify\", for instance: notify = [mail.ops]")
		}
		r.Reminder, _ = s.duration("reminder", 0)
		r.Group, _ = s.duration("group", 0)
		if at := s.body.Attributes["group"]; at != nil && r.Group > day {
			s.fail(at.Expr.Range(), "Invalid duration", "A mail waits at most 1d for other events.")
		}
		r.During = s.during()
		r.Escalate = s.escalations()
		s.done("escalate")
		if s.body.Attributes["when"] == nil && !r.During.ByClock() && !r.Continue {
			all = f.block.DefRange().Ptr()
		}
		l.config.Routes = append(l.config.Routes, r)
	}
	if len(blocks) > 0 && !l.problems.HasErrors() {
		l.aroundTheClock(blocks[len(blocks)-1].block.DefRange())
	}
}

// during reads in which minutes a route takes events.
func (s *scope) during() schedule.Schedule {
	before := s.loader.problems.Len()
	out := schedule.Schedule{Zone: s.zone(s.loader.config.Agent.Zone), Every: s.lines("during"), Except: s.lines("not_during")}
	during, except := s.body.Attributes["during"], s.body.Attributes["not_during"]
	if zone := s.body.Attributes["time_zone"]; zone != nil && during == nil && except == nil {
		s.fail(zone.NameRange, "Not used", "\"time_zone\" is for \"during\" and \"not_during\", of which the route has none.")
	}
	for _, line := range slices.Concat(out.Every, out.Except) {
		minutes, rest, _ := strings.Cut(line.String(), " ")
		if strings.ContainsAny(minutes, "*-") {
			continue
		}
		at := s.header
		for _, attr := range []string{"during", "not_during"} {
			if a := s.body.Attributes[attr]; a != nil && strings.Contains(string(s.source.text[a.Expr.Range().Start.Byte:a.Expr.Range().End.Byte]), minutes) {
				at = a.Expr.Range()
				break
			}
		}
		hint := "For whole hours write \"* " + rest + "\"."
		if strings.HasPrefix(minutes, "@") {
			hint = "For whole hours write \"* 8-17 * * mon-fri\"."
		}
		s.fail(at, "Single minutes", "%q names single minutes, not the time between them. %s", line.String(), hint)
	}
	switch {
	case s.loader.problems.Len() != before:
		return schedule.Schedule{}
	case !out.Never():
	case during == nil:
		s.fail(except.Expr.Range(), "Never reached", "\"not_during\" names every minute there is, so the route takes nothing.")
	default:
		s.fail(during.Expr.Range(), "Never reached", "\"not_during\" names every minute of \"during\", so the route takes nothing.")
	}
	return out
}

// aroundTheClock warns of hours in which an event may go to nobody, by those of
// two weeks.
func (l *loader) aroundTheClock(at hcl.Range) {
	byClock, always := false, false
	for _, r := range l.config.Routes {
		byClock = byClock || r.During.ByClock()
		always = always || r.When == nil && !r.During.ByClock()
	}
	if !byClock || always {
		return
	}
	open := func(now time.Time) bool {
		return slices.ContainsFunc(l.config.Routes, func(r notify.Route) bool { return r.When == nil && r.During.Covers(now) })
	}
	zone := l.config.Agent.Zone
	if zone == nil {
		zone = time.Local
	}
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, zone) // a Monday
	for now := begin; now.Before(begin.AddDate(0, 0, 14)); now = now.Add(15 * time.Minute) {
		for _, moment := range []time.Time{now, now.Add(14 * time.Minute)} {
			if !open(moment) {
				l.problems.add(warning(at, "Hours without a route", "An event on a %s at %s goes to nobody when no \"when\" takes it. End with a route that has neither \"when\" nor \"during\".", moment.Format("Monday"), moment.Format("15:04")))
				return
			}
		}
	}
}

// escalations reads the escalate blocks of a route.
func (s *scope) escalations() []notify.Escalation {
	var out []notify.Escalation
	seen := map[string]hcl.Range{}
	for _, block := range items(s.body) {
		if block.Type != "escalate" {
			continue
		}
		if len(seen) == maxEscalations {
			s.fail(block.DefRange(), "Too many blocks", "A route has at most %d escalate blocks.", maxEscalations)
			break
		}
		inner := s.loader.scope(s.source, block)
		s.loader.labels(block)
		e := notify.Escalation{After: inner.after("escalate", 0, maxEscalation), Notify: inner.refs("notify", "mail")}
		if inner.body.Attributes["notify"] == nil {
			inner.fail(inner.header, "Missing attribute", "An escalate block needs \"notify\", for instance: notify = [mail.boss]")
		}
		inner.done()
		if first, twice := seen[e.Step()]; twice {
			inner.fail(inner.header, "Escalation twice", "The block at %s says the same.", place(first))
			continue
		}
		seen[e.Step()] = inner.header
		out = append(out, e)
	}
	return out
}

// after reads how long something lasts before others are told; without a default
// it must be there.
func (s *scope) after(what string, otherwise, most time.Duration) time.Duration {
	d, at := s.duration("after", otherwise)
	switch {
	case s.body.Attributes["after"] == nil && otherwise == 0:
		s.fail(s.header, "Missing attribute", "The block %s needs \"after\", for instance: after = \"30m\"", what)
	case s.body.Attributes["after"] != nil && d > most:
		s.fail(at, "Invalid duration", "\"after\" is at most %s here.", durationText(most))
	}
	return d
}
