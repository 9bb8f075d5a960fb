package config

import (
	"slices"
	"time"

	"tocsin/internal/engine"
	"tocsin/internal/schedule"
	"tocsin/notify/silence"
)

// The bounds of a maintenance.
const (
	leastMaintenance = time.Minute
	maxMaintenance   = 7 * day
)

// maintenance decodes one maintenance block. All checks are known by then.
func (l *loader) maintenance(f found) {
	s := l.scope(f.source, f.block)
	m := silence.Maintenance{Name: f.block.Labels[0], Reason: s.text("reason").text}
	m.Schedule = schedule.Schedule{Zone: s.zone(l.config.Agent.Zone), Every: s.lines("every")}
	if s.body.Attributes["every"] == nil {
		s.fail(s.header, "Missing attribute", "%s needs \"every\", the minutes in which it begins, for instance: every = \"0 2 * * sun\"", s.name)
	}
	var hasEnd bool
	d := s.body.Attributes["duration"]
	length, at := s.duration("duration", -1)
	switch {
	case d == nil:
		s.fail(s.header, "Missing attribute", "%s needs \"duration\", for instance: duration = \"2h\"", s.name)
	case length < 0:
	case length < leastMaintenance || length > maxMaintenance:
		s.fail(at, "Invalid duration", "A maintenance lasts from %s to %s.", durationText(leastMaintenance), durationText(maxMaintenance))
	default:
		m.Duration, hasEnd = length, true
	}
	if gap := m.Schedule.Gap(); hasEnd && m.Schedule.Timed() && gap > 0 && gap <= m.Duration {
		s.fail(at, "Never ends", "It begins again after %s, so with %s it never ends, and nobody is ever told of anything. Make it shorter, or begin it less often.", durationText(gap), durationText(m.Duration))
	}
	for _, ref := range s.checkRefs("checks") {
		m.Names = append(m.Names, ref.id())
	}
	m.Kinds = s.kindRefs("kinds")
	m.Groups = s.groups()
	for _, g := range m.Groups {
		if !slices.ContainsFunc(l.config.Checks, func(c engine.Check) bool { return slices.Contains(c.Groups, g) }) {
			s.fail(s.body.Attributes["groups"].Expr.Range(), "Unknown group", "No check is in a group %q.", g)
		}
	}
	m.All = s.body.Attributes["checks"] == nil && s.body.Attributes["kinds"] == nil && s.body.Attributes["groups"] == nil
	s.done()
	l.config.Maintenances = append(l.config.Maintenances, m)
}

// kindRefs reads a list of kinds of checks.
func (s *scope) kindRefs(name string) []string {
	var kinds []string
	values := s.texts(name)
	if attr := s.body.Attributes[name]; attr != nil && isEmptyList(attr.Expr) {
		s.fail(attr.Expr.Range(), "Empty list", "%q needs at least one kind, such as [\"filesystem\"].", name)
	}
	for _, v := range values {
		_, known := s.loader.findKind(v.text)
		switch {
		case v.unknown:
		case !known:
			s.fail(v.at, "Unknown kind", "There is no check kind %s.%s There is %s.", v.shown(), didYouMean(v.text, s.loader.kindNames()), list(quoted(s.loader.kindNames()), "and"))
		case slices.Contains(kinds, v.text):
			s.fail(v.at, "Named twice", "%s is already in this list.", v.shown())
		default:
			kinds = append(kinds, v.text)
		}
	}
	return kinds
}
