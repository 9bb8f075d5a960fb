package config

import (
	"slices"
	"strings"

	"tocsin/internal/engine"
)

// ofChanges makes a rule about changes of one whose condition asks for some. A
// change is told once and is over: nothing of it lasts, clears or repeats.
func (s *scope) ofChanges(r *engine.Rule, when *condition) {
	if when == nil || len(when.changes()) == 0 {
		return
	}
	r.Changes = when.changes()
	for _, name := range []string{"for", "clear", "clear_for", "delay", "times", "within", "reminder", "evidence"} {
		if attr := s.body.Attributes[name]; attr != nil {
			s.fail(attr.NameRange, "Not used", "A change is told once and is over, so a rule with changed() has no %q.", name)
		}
	}
	if name, ok := strings.CutSuffix(r.Failed, " failed"); ok && s.body.Attributes["event"] == nil {
		r.Failed = name + " changed" // Monit's words
	} else if r.Failed == resourceFailed {
		r.Failed = "Changed"
	}
}

// change puts a change into words: "from 4711 to 4712".
func (w windowCall) change(v engine.View) string {
	now := format(w.metric.Unit, v.Reading.Values.Of(w.metric.Name))
	before, seen := v.Seen[w.metric.Name]
	if !seen || v.Changed(w.metric.Name) != engine.True {
		return now
	}
	return "from " + oneLine(before) + " to " + now
}

// changes names the metrics whose changes a condition asks for.
func (c *condition) changes() []string {
	var names []string
	for _, w := range c.windows {
		if w.name == changedName && !slices.Contains(names, w.metric.Name) {
			names = append(names, w.metric.Name)
		}
	}
	return names
}
