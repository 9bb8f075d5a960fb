package config

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// laterKinds are kinds of checks that a coming version will have.
func laterKinds() []string {
	return []string{"service", "http", "tcp", "ping", "dns", "certificate", "command"}
}

// checks decodes the check blocks.
func (l *loader) checks(blocks []found) {
	l.defined, l.several = map[[2]string]hcl.Range{}, map[[2]string]bool{}
	var unique []found
	for _, f := range blocks {
		if !l.labels(f.block, "KIND", "NAME") {
			continue
		}
		id := [2]string{f.block.Labels[0], f.block.Labels[1]}
		if first, ok := l.defined[id]; ok {
			l.problems.add(problem(f.block.DefRange(), "Name used twice", "%s is already defined at %s.", blockName("check", id[:]), place(first)))
			continue
		}
		l.defined[id] = f.block.DefRange()
		if kind, ok := l.findKind(id[0]); ok && kind.Several != nil {
			l.several[id] = f.block.Body.Attributes[kind.Several.Attribute] != nil
		}
		unique = append(unique, f)
	}
	// All names are known now, so that a rule may refer to a later check.
	l.needed = neededBy(unique)
	var drafts []draft
	for _, f := range unique {
		if kind, ok := l.kind(f); ok {
			drafts = append(drafts, l.check(f, kind))
		}
	}
	l.refer(drafts)
	l.loops(drafts)
	l.config.Checks, l.config.written = make([]engine.Check, 0, len(drafts)), make([]written, 0, len(drafts))
	for i := range drafts {
		l.finish(&drafts[i])
	}
}

// draft is a check that is decoded but for what the rules of others refer to.
type draft struct {
	scope *scope
	check engine.Check
	kind  *checks.Kind
	spec  checks.Spec
	rules []ruleText
	// sound says that its own attributes have no problem, ruled that it has
	// rules, if only bad ones.
	sound, ruled bool
	actions      *actions
	needs        []dependency
	referred     []string // metrics that rules of others refer to, sorted
}

// findKind is the kind of that name; false when there is none.
func (l *loader) findKind(name string) (*checks.Kind, bool) {
	kind, ok := l.kinds[name]
	if ok || !slices.Contains(l.kindNames(), name) {
		return kind, ok
	}
	found, ok := checks.Find(name)
	l.kinds[name] = &found
	return &found, ok
}

// kindNames are the names of all kinds, which are asked for once.
func (l *loader) kindNames() []string {
	if len(l.allKinds) == 0 {
		for _, k := range checks.Kinds() {
			l.allKinds = append(l.allKinds, k.Name)
		}
	}
	return l.allKinds
}

// kind finds the kind of a check by its first label.
func (l *loader) kind(f found) (*checks.Kind, bool) {
	name, at := f.block.Labels[0], f.block.LabelRanges[0]
	kind, ok := l.findKind(name)
	if ok {
		return kind, true
	}
	if slices.Contains(laterKinds(), name) {
		l.problems.add(problem(at, notYet, "Check kind %q is not in this version of Tocsin.", name))
		return kind, false
	}
	names := l.kindNames()
	l.problems.add(problem(at, "Unknown kind", "There is no check kind %q.%s There is %s.", name, didYouMean(name, names), list(quoted(names), "and")))
	return kind, false
}

// check decodes one check block.
func (l *loader) check(f found, kind *checks.Kind) draft {
	s := l.scope(f.source, f.block)
	c := engine.Check{Kind: kind.Name, Name: f.block.Labels[1]}
	c.Events = l.config.Agent.Events
	interval := l.config.Agent.Interval
	if l.config.added && kind.Name == selfKind {
		interval = max(interval, selfInterval)
	}
	c.Interval, c.Timeout = s.cycle(interval, l.config.Agent.Timeout)
	s.timetable(&c)
	c.Groups, c.Labels = s.groups(), s.labels(l.config.Agent.Labels)
	c.OnReboot = s.onReboot(l.config.Agent.OnReboot)
	needs := s.dependencies(c.Kind, c.Name)
	for _, d := range needs {
		c.DependsOn = append(c.DependsOn, d.id)
	}
	actions := s.actions(&c, kind)
	actions.needed = l.needed[c.ID()]
	before := l.problems.Len()
	spec := checks.Spec{Name: c.Name, Attributes: s.kindAttributes(kind), Metrics: map[string]bool{}}
	sound := l.problems.Len() == before
	if c.Exists {
		spec.Metrics[existsMetric] = true
	}
	actions.unit(kind, spec)
	if kind.Grouped {
		c.Pass = kind.Name + " " + durationText(c.Interval)
		if c.Schedule.Timed() {
			c.Pass = kind.Name + " timed" // the minute brings them together
		}
	}
	var texts []ruleText
	seen := map[string]hcl.Range{}
	for _, block := range items(s.body) {
		if block.Type != "rule" || !l.labels(block, "NAME") {
			continue
		}
		if first, ok := seen[block.Labels[0]]; ok {
			s.fail(block.DefRange(), "Name used twice", "%s already has a rule of this name at %s.", s.name, place(first))
			continue
		}
		seen[block.Labels[0]] = block.DefRange()
		rs := l.scope(f.source, block)
		rule, used, text := rs.rule(block.Labels[0], subject{kind, c.Name, c.Interval})
		actions.allow(rs, &rule, kind)
		for _, one := range used {
			one.note(spec.Metrics, &c)
		}
		c.Rules, texts = append(c.Rules, rule), append(texts, text)
		actions.rules = append(actions.rules, text.Exec)
	}
	s.done("rule")
	ruled := len(seen) > 0 || slices.ContainsFunc(f.block.Body.Blocks, isRule)
	return draft{scope: s, needs: needs, actions: actions, check: c, kind: kind, spec: spec, rules: texts, sound: sound, ruled: ruled}
}

// finish looks at a check as a whole and keeps it.
func (l *loader) finish(d *draft) {
	s := d.scope
	if !d.ruled && len(d.referred) == 0 {
		s.warn(s.header, "Check without a rule", "%s is read but alerts nobody. Add: rule \"NAME\" { when = %s }", s.name, exampleOf(d.kind))
		d.spec.Metrics = nil // all of them: they show in the status
	}
	if d.kind.Valid != nil && d.sound {
		if err := d.kind.Valid(d.spec); err != nil {
			s.fail(s.header, "Invalid check", "%s: %s.", s.name, err)
		}
	}
	d.check.Attributes, d.spec.Metrics = d.spec.Attributes, l.same(d.spec.Metrics)
	d.check.Quick = d.kind.Quick != nil && d.kind.Quick(d.spec)
	d.check.Rules = l.shared(d)
	d.check.Fingerprint = fingerprint(d.check, d.spec, d.rules, d.referred, d.actions)
	l.config.Checks = append(l.config.Checks, d.check)
	l.config.written = append(l.config.written, written{d.check.ID(), d.kind, d.check.DependsOn, &plan{d.check, d.spec, d.rules, d.referred, d.actions}})
}

// same is the set of metrics that an earlier check has too: a thousand checks
// ask for a handful of sets.
func (l *loader) same(metrics map[string]bool) map[string]bool {
	if metrics == nil {
		return nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(metrics)), " ")
	if l.wanted[names] == nil {
		l.wanted[names] = metrics
	}
	return l.wanted[names]
}

// shared are the rules of a check, those of an earlier one where they say the
// same: of a thousand checks most have the rules of another, which are two
// thirds of what a check keeps in memory. Nobody changes them in place.
func (l *loader) shared(d *draft) []engine.Rule {
	for i := range d.check.Rules {
		if r := &d.check.Rules[i]; d.rules[i].Exec != nil || !isQuick(r.When) || r.Clear != nil && !isQuick(r.Clear) {
			return d.check.Rules
		}
	}
	// Texts and numbers, which cannot fail. A service that is only watched has
	// rules that do nothing.
	text, _ := json.Marshal(struct {
		Kind     string
		Interval time.Duration
		Rules    []ruleText
		Passive  bool
	}{d.kind.Name, d.check.Interval, d.rules, d.actions.Passive})
	if l.alike[string(text)] == nil {
		l.alike[string(text)] = d.check.Rules
	}
	return l.alike[string(text)]
}

// isQuick says that a condition is of nothing but its text and its kind.
func isQuick(c engine.Condition) bool {
	own, ok := c.(*condition)
	return ok && own.quick != nil
}

// kindAttributes reads the attributes that only this kind has, as texts.
func (s *scope) kindAttributes(kind *checks.Kind) tocsin.Attributes {
	var out tocsin.Attributes
	var given []string
	for _, a := range kind.Attributes {
		attr := s.attr(a.Name)
		if attr == nil {
			if a.Required {
				s.fail(s.header, "Missing attribute", "%s needs %q: %s.", s.name, a.Name, strings.TrimSuffix(a.Doc, "."))
			}
			continue
		}
		given = append(given, a.Name)
		if _, isList := attr.Expr.(*hclsyntax.TupleConsExpr); isList && a.List {
			if text := s.kindList(a, attr); text != "" {
				out = append(out, tocsin.Attribute{Name: a.Name, Value: text})
			}
			continue
		}
		v, marked, ok := s.value(a.Name, attr.Expr, cty.String)
		if !ok || !v.IsKnown() {
			continue
		}
		text := v.AsString()
		if s.kindValid(a, setting{text: text, sensitive: marked, at: attr.Expr.Range()}) {
			out = append(out, tocsin.Attribute{Name: a.Name, Value: text})
		}
	}
	s.exactlyOne(kind, given)
	return out
}

// kindValid asks an attribute what it says of a text.
func (s *scope) kindValid(a checks.Attribute, v setting) bool {
	if a.Valid == nil {
		return true
	}
	err := a.Valid(v.text)
	if err == nil {
		return true
	}
	detail := err.Error()
	if v.sensitive {
		detail = "the value is not valid"
	}
	s.fail(v.at, "Invalid value", "%q: %s.", a.Name, strings.TrimSuffix(detail, "."))
	return false
}

// maxParts bounds the list of an attribute.
const maxParts = 100

// kindList reads an attribute that is a list: its parts, a line each; empty when
// none is good.
func (s *scope) kindList(a checks.Attribute, attr *hclsyntax.Attribute) string {
	all := s.texts(a.Name)
	switch tuple, _ := attr.Expr.(*hclsyntax.TupleConsExpr); {
	case len(tuple.Exprs) == 0:
		s.fail(attr.Expr.Range(), "Empty list", "%q needs at least one text.", a.Name)
		return ""
	case len(tuple.Exprs) > maxParts:
		s.fail(attr.Expr.Range(), "List too long", "%q lists at most %d texts.", a.Name, maxParts)
		return ""
	}
	var parts []string
	for _, v := range all {
		if !v.unknown && s.kindValid(a, v) {
			parts = append(parts, v.text)
		}
	}
	return strings.Join(parts, "\n")
}

func (s *scope) exactlyOne(kind *checks.Kind, given []string) {
	if len(kind.OneOf) == 0 {
		return
	}
	var set []string
	for _, name := range kind.OneOf {
		if slices.Contains(given, name) {
			set = append(set, name)
		}
	}
	switch {
	case len(set) == 0:
		s.fail(s.header, "Missing attribute", "%s needs exactly one of %s.", s.name, list(kind.OneOf, "and"))
	case len(set) > 1:
		s.fail(s.body.Attributes[set[1]].NameRange, "Too many attributes", "%s takes exactly one of %s; it has %s.", s.name, list(kind.OneOf, "and"), list(set, "and"))
	}
}
