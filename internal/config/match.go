package config

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin"
	"tocsin/notify"
)

// The members of "event" in the condition of a route that are no texts.
const (
	groupsField = "groups"
	labelsField = "labels"
)

// eventFields are the members of "event" in the condition of a route that are
// texts.
func eventFields(e *tocsin.Event) map[string]string {
	return map[string]string{
		"severity": e.Severity.String(), "kind": e.Kind, "check": e.Check, "rule": e.Rule,
		"type": string(e.Type), "name": e.Name, "host": e.Host, "metric": e.Metric,
	}
}

func eventNames() []string {
	return []string{"severity", "kind", "check", "rule", "type", "name", "host", "metric"}
}

// match is the condition of a route.
type match struct {
	expr   hclsyntax.Expression
	labels []string // that it asks for
}

var _ notify.Match = match{}

// Match evaluates the condition. What goes wrong takes the route: a mail too
// many is better than one that is missing.
func (m match) Match(e *tocsin.Event) (taken bool) {
	taken = true
	defer func() {
		if recover() != nil {
			taken = true
		}
	}()
	fields := map[string]cty.Value{}
	for name, text := range eventFields(e) {
		fields[name] = cty.StringVal(text)
	}
	fields[groupsField] = cty.ListValEmpty(cty.String)
	if len(e.Groups) > 0 {
		groups := make([]cty.Value, 0, len(e.Groups))
		for _, g := range e.Groups {
			groups = append(groups, cty.StringVal(g))
		}
		fields[groupsField] = cty.ListVal(groups)
	}
	labels := map[string]cty.Value{}
	for _, name := range m.labels {
		labels[name] = cty.StringVal(e.Labels[name]) // "" when there is none
	}
	fields[labelsField] = cty.ObjectVal(labels)
	v, diags := m.expr.Value(m.context(fields))
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.Bool {
		return true
	}
	return v.True()
}

func (m match) context(fields map[string]cty.Value) *hcl.EvalContext {
	variables := constants()
	variables["event"] = cty.ObjectVal(fields)
	return &hcl.EvalContext{Variables: variables, Functions: functions()}
}

// match compiles the condition of a route; nil when it has none.
func (s *scope) match(name string) notify.Match {
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	if diags := plain(attr.Expr); diags.HasErrors() {
		s.loader.problems.add(diags...)
		return nil
	}
	ownRemainder(attr.Expr)
	m := match{expr: attr.Expr}
	uses, ok := s.eventTraversals(&m)
	if !ok {
		return nil
	}
	if !uses {
		s.fail(attr.Expr.Range(), "Condition without an event", "The condition of a route says something of the event, such as: event.severity == \"critical\". A route for every event has no \"when\".")
		return nil
	}
	fields := map[string]cty.Value{groupsField: cty.UnknownVal(cty.List(cty.String))}
	for _, field := range eventNames() {
		fields[field] = cty.UnknownVal(cty.String)
	}
	labels := map[string]cty.Value{}
	for _, label := range m.labels {
		labels[label] = cty.UnknownVal(cty.String)
	}
	fields[labelsField] = cty.ObjectVal(labels)
	v, diags := attr.Expr.Value(m.context(fields))
	s.addValueProblems(diags, attr.Expr, functions())
	if diags.HasErrors() || !s.isBool(attr.Expr, v) {
		return nil
	}
	s.comparisons(attr.Expr)
	return m
}

// steps are the names of a traversal after its root, of event.labels["team"]
// too; false when one is none.
func steps(traversal hcl.Traversal) (names []string, ok bool) {
	for _, step := range traversal[1:] {
		switch step := step.(type) {
		case hcl.TraverseAttr:
			names = append(names, step.Name)
		case hcl.TraverseIndex:
			if step.Key.Type() != cty.String || !step.Key.IsKnown() || step.Key.IsNull() {
				return nil, false
			}
			names = append(names, step.Key.AsString())
		default:
			return nil, false
		}
	}
	return names, true
}

// eventTraversals checks every name of a route's condition and collects the
// labels.
func (s *scope) eventTraversals(m *match) (uses, ok bool) {
	ok = true
	for _, traversal := range m.expr.Variables() {
		name := dotted(traversal)
		path, plain := steps(traversal)
		_, isConstant := constants()[name]
		switch {
		case isConstant:
			continue
		case traversal.RootName() != "event" || !plain:
		case len(path) == 1 && (path[0] == groupsField || slices.Contains(eventNames(), path[0])):
			uses = true
			continue
		case len(path) == 2 && path[0] == labelsField:
			uses = true
			m.labels = append(m.labels, path[1])
			s.loader.asked = append(s.loader.asked, asked{"label", path[1], traversal.SourceRange()})
			continue
		case len(path) == 1 && path[0] == labelsField:
			s.fail(traversal.SourceRange(), "Which label?", "A condition asks for one label by its name, such as event.labels.team == \"db\". One that a check does not have is \"\".")
			ok = false
			continue
		}
		ok = false
		s.fail(traversal.SourceRange(), "Unknown name", "There is no %q in the condition of a route.%s It may use %s.", name, didYouMean(name, append(allNames(), eventNames()...)), list(allNames(), "and"))
	}
	return uses, ok
}

// allNames are what the condition of a route may use.
func allNames() []string {
	var names []string
	for _, n := range eventNames() {
		names = append(names, "event."+n)
	}
	return append(names, "event."+groupsField, "event."+labelsField+".NAME")
}

// asked is a group or a label that a route asks for.
type asked struct {
	what, name string
	at         hcl.Range
}

// answered warns of what routes ask for and no check has: it may be of a check
// of another host.
func (l *loader) answered() {
	groups, labels := map[string]bool{}, map[string]bool{}
	for _, c := range l.config.Checks {
		for _, g := range c.Groups {
			groups[g] = true
		}
		for label := range c.Labels {
			labels[label] = true
		}
	}
	for _, a := range l.asked {
		known := labels
		if a.what == "group" {
			known = groups
		}
		if !known[a.name] {
			names := slices.Sorted(maps.Keys(known))
			hint := ""
			if len(names) <= maxCandidates {
				hint = didYouMean(a.name, names)
			}
			l.problems.add(warning(a.at, "Of no check", "No check has the %s %q.%s", a.what, a.name, hint))
		}
	}
}

// comparisons finds a comparison of an event's severity, type or groups with
// what that never is.
func (s *scope) comparisons(expr hclsyntax.Expression) {
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		switch n := node.(type) {
		case *hclsyntax.FunctionCallExpr:
			s.membership(n)
		case *hclsyntax.BinaryOpExpr:
			if n.Op == hclsyntax.OpEqual || n.Op == hclsyntax.OpNotEqual {
				s.comparison(n.LHS, n.RHS)
				s.comparison(n.RHS, n.LHS)
			}
		}
		return nil
	})
}

// membership notes the group that contains(event.groups, "web") asks for.
func (s *scope) membership(call *hclsyntax.FunctionCallExpr) {
	if call.Name != "contains" || len(call.Args) != 2 {
		return
	}
	traversal, diags := hcl.AbsTraversalForExpr(call.Args[0])
	if diags.HasErrors() || dotted(traversal) != "event."+groupsField {
		return
	}
	v, diags := call.Args[1].Value(nil)
	if !diags.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		s.loader.asked = append(s.loader.asked, asked{"group", v.AsString(), call.Args[1].Range()})
	}
}

func (s *scope) comparison(field, word hclsyntax.Expression) {
	traversal, diags := hcl.AbsTraversalForExpr(field)
	if diags.HasErrors() {
		return
	}
	var words []string
	switch dotted(traversal) {
	case "event." + groupsField:
		s.fail(word.Range(), "Never true", "event.groups is a list. Ask whether a group is in it: contains(event.groups, \"web\")")
		return
	case "event.severity":
		words = []string{tocsin.Info.String(), tocsin.Warning.String(), tocsin.Critical.String()}
	case "event.type":
		for _, t := range tocsin.EventTypes() {
			if t != tocsin.Escalation { // its escalate block takes it alone
				words = append(words, string(t))
			}
		}
	default:
		return
	}
	v, diags := word.Value(nil)
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String || slices.Contains(words, v.AsString()) {
		return
	}
	s.fail(word.Range(), "Never true", "%s is never %q; it is %s.%s", dotted(traversal), v.AsString(), list(quoted(words), "or"), didYouMean(v.AsString(), words))
}
