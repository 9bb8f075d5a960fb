package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/act"
	"tocsin/internal/engine"
)

// dataRule is the engine's own rule, for readings that fail.
const dataRule = "data"

const (
	leastTimes = 2
	maxTimes   = 1000
	maxEvent   = 100 // bytes of $EVENT
	maxMessage = 4 << 10
)

// ruleText is what of a rule goes into the fingerprint of its check.
type ruleText struct {
	Name, When, Clear, Message, Failed, Recovered string
	Severity                                      tocsin.Severity
	For, ClearFor, Delay, Within, Reminder        time.Duration
	Times                                         int
	Evidence                                      []string `json:",omitempty"`
	Do                                            engine.Verb
	Exec                                          *act.Program
	Repeat                                        time.Duration
}

func isRule(block *hclsyntax.Block) bool { return block.Type == "rule" }

// rule decodes one rule block; used are its conditions.
func (s *scope) rule(name string, of subject) (r engine.Rule, used []*condition, text ruleText) {
	r.Name = name
	if name == dataRule || strings.ContainsRune(name, '/') {
		s.fail(s.header, "Invalid label", "A rule is not named %q: \"data\" is Tocsin's own rule for readings that fail, and \"/\" stands between check and rule.", name)
	}
	when, clear := s.condition("when", of), s.condition("clear", of)
	if s.body.Attributes["when"] == nil {
		s.fail(s.header, "Missing attribute", "%s needs a condition, for instance: when = %s", s.name, exampleOf(of.kind))
	}
	r.For, _ = s.duration("for", 0)
	r.ClearFor, _ = s.duration("clear_for", 0)
	s.delay(&r)
	r.Reminder, _ = s.duration("reminder", 0)
	s.flapping(&r, of.interval)
	r.Severity = s.severity()
	r.Message = s.message()
	exec := s.deed(&r)
	r.Failed, r.Recovered = s.event(when)
	r.Evidence = s.evidence(of)
	s.ofChanges(&r, when, clear)
	suffix := ""
	switch {
	case r.Times > 0:
		suffix = fmt.Sprintf(" %d times within %s", r.Times, durationText(r.Within))
	case r.For > 0:
		suffix = " for " + durationText(r.For)
	}
	s.done()
	for _, c := range []*condition{when, clear} {
		r.Refs = append(r.Refs, c.refs()...)
	}
	text = ruleText{
		Name: name, Message: r.Message, Failed: r.Failed, Recovered: r.Recovered, Severity: r.Severity,
		For: r.For, ClearFor: r.ClearFor, Delay: r.Delay, Within: r.Within, Reminder: r.Reminder, Times: r.Times,
		Evidence: r.Evidence,
		Do:       r.Do, Exec: exec, Repeat: r.Repeat,
	}
	if when != nil {
		r.When = when
		if m, ok := when.first(); ok {
			r.Metric = m.Name
		}
		r.Explain = func(v engine.View) (string, string) { return when.explain(v, suffix) }
		used, text.When = append(used, when), when.text()
	}
	if clear != nil {
		r.Clear = clear
		used, text.Clear = append(used, clear), clear.text()
	}
	r.Says = text.When + "\n" + text.Clear
	for _, c := range used {
		c.settle()
	}
	return r, used, text
}

// delay reads how long a recovery must last, to begin with.
func (s *scope) delay(r *engine.Rule) {
	delay, at := s.duration("delay", 0)
	switch {
	case delay > engine.MaxDelay:
		s.fail(at, "Invalid duration", "\"delay\" is at most %s, which it grows to.", durationText(engine.MaxDelay))
	case s.body.Attributes["delay"] != nil && s.body.Attributes["clear_for"] != nil:
		s.fail(at, "Attributes exclude each other", "\"delay\" is a \"clear_for\" that grows while the rule flaps. Use one of them.")
	default:
		r.Delay = delay
	}
}

// flapping reads times and within, which belong together.
func (s *scope) flapping(r *engine.Rule, interval time.Duration) {
	times, haveTimes, at := s.integer("times", leastTimes, maxTimes)
	within, withinAt := s.duration("within", 0)
	hasTimes, hasWithin := s.body.Attributes["times"] != nil, s.body.Attributes["within"] != nil
	switch {
	case hasTimes && !hasWithin:
		s.fail(at, "Missing attribute", "\"times\" needs \"within\", for instance: within = \"15m\"")
	case hasWithin && !hasTimes:
		s.fail(withinAt, "Missing attribute", "\"within\" needs \"times\", for instance: times = 3")
	case hasTimes && s.body.Attributes["for"] != nil:
		s.fail(at, "Attributes exclude each other", "\"for\" is a failure without a break, \"times\" and \"within\" count failures with breaks. Use one of them.")
	case haveTimes && within > 0 && within < time.Duration(times-1)*interval:
		s.fail(withinAt, "Window too short", "The check is read every %s, so %d readings need at least %s.", durationText(interval), times, durationText(time.Duration(times-1)*interval))
	case haveTimes && within > 0:
		r.Times, r.Within, r.Apart = times, within, interval/2
	}
}

func (s *scope) severity() tocsin.Severity {
	v := s.oneOf("severity", tocsin.Warning.String(), tocsin.Info.String(), tocsin.Critical.String())
	severity, err := tocsin.ParseSeverity(v.text)
	if err != nil { // oneOf has reported it
		return tocsin.Warning
	}
	return severity
}

func (s *scope) message() string {
	v := s.text("message")
	s.variables(v)
	if len(v.text) > maxMessage {
		s.fail(v.at, "Text too long", "A message has at most %d bytes.", maxMessage)
	}
	return v.text
}

// event reads $EVENT of the failure and finds that of the recovery.
func (s *scope) event(when *condition) (failed, recovered string) {
	v := s.text("event")
	if !v.set || v.unknown {
		if when == nil {
			return resourceFailed, resourceRecovered
		}
		return eventPair(when)
	}
	switch {
	case strings.TrimSpace(v.text) == "":
		s.fail(v.at, "Empty value", "\"event\" must not be empty.")
	case len(v.text) > maxEvent || v.text != oneLine(v.text):
		s.fail(v.at, "Invalid value", "\"event\" is one line of at most %d bytes.", maxEvent)
	}
	return v.text, recoveredName(v.text)
}

// note remembers what the condition reads and how far it looks back.
func (c *condition) note(metrics map[string]bool, check *engine.Check) {
	for _, m := range c.metrics {
		metrics[m.Name] = true
		noteNews(check, m)
	}
	for _, w := range c.windows {
		metrics[w.metric.Name] = true
		if w.name == changedName {
			noteNews(check, w.metric)
			continue
		}
		if !slices.Contains(check.Windows, w.window) {
			check.Windows = append(check.Windows, w.window)
		}
		if w.name == quantileOver && !slices.Contains(check.Picks, w.window) {
			check.Picks = append(check.Picks, w.window)
		}
	}
}

func noteNews(check *engine.Check, m *checks.Metric) {
	if one := (engine.News{Metric: m.Name, Text: m.Unit == checks.Word}); m.News && !slices.Contains(check.News, one) {
		check.News = append(check.News, one)
	}
}

// text is the condition as the file has it, on one line.
func (c *condition) text() string {
	var b strings.Builder
	for _, p := range c.parts {
		b.WriteString(p.text)
	}
	return fold(b.String())
}
