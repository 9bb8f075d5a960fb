package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin"
	"tocsin/notify"
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
		s.done()
		if s.body.Attributes["when"] == nil && !r.Continue {
			all = f.block.DefRange().Ptr()
		}
		l.config.Routes = append(l.config.Routes, r)
	}
}

// eventFields are the members of "event" in the condition of a route.
func eventFields(e *tocsin.Event) map[string]string {
	return map[string]string{
		"severity": e.Severity.String(), "kind": e.Kind, "check": e.Check, "rule": e.Rule,
		"type": string(e.Type), "name": e.Name, "host": e.Host,
	}
}

func eventNames() []string {
	return []string{"severity", "kind", "check", "rule", "type", "name", "host"}
}

// match is the condition of a route.
type match struct{ expr hclsyntax.Expression }

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
	variables := constants()
	variables["event"] = cty.ObjectVal(fields)
	v, diags := m.expr.Value(&hcl.EvalContext{Variables: variables, Functions: functions()})
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.Bool {
		return true
	}
	return v.True()
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
	uses, ok := s.eventTraversals(attr.Expr)
	if !ok {
		return nil
	}
	if !uses {
		s.fail(attr.Expr.Range(), "Condition without an event", "The condition of a route says something of the event, such as: event.severity == \"critical\". A route for every event has no \"when\".")
		return nil
	}
	fields := map[string]cty.Value{}
	for _, field := range eventNames() {
		fields[field] = cty.UnknownVal(cty.String)
	}
	variables := constants()
	variables["event"] = cty.ObjectVal(fields)
	v, diags := attr.Expr.Value(&hcl.EvalContext{Variables: variables, Functions: functions()})
	s.addValueProblems(diags, attr.Expr, functions())
	if diags.HasErrors() || !s.isBool(attr.Expr, v) {
		return nil
	}
	s.comparisons(attr.Expr)
	return match{attr.Expr}
}

// eventTraversals checks every name of a route's condition.
func (s *scope) eventTraversals(expr hclsyntax.Expression) (uses, ok bool) {
	ok = true
	for _, traversal := range expr.Variables() {
		name := dotted(traversal)
		field := ""
		if len(traversal) == 2 {
			if step, isAttr := traversal[1].(hcl.TraverseAttr); isAttr {
				field = step.Name
			}
		}
		_, isConstant := constants()[name]
		switch {
		case traversal.RootName() == "event" && slices.Contains(eventNames(), field):
			uses = true
		case isConstant:
		default:
			var names []string
			for _, n := range eventNames() {
				names = append(names, "event."+n)
			}
			s.fail(traversal.SourceRange(), "Unknown name", "There is no %q in the condition of a route.%s It may use %s.", name, didYouMean(name, append(names, eventNames()...)), list(names, "and"))
			ok = false
		}
	}
	return uses, ok
}

// comparisons finds a comparison of an event's severity or type with a word
// that it never is.
func (s *scope) comparisons(expr hclsyntax.Expression) {
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		op, ok := node.(*hclsyntax.BinaryOpExpr)
		if !ok || (op.Op != hclsyntax.OpEqual && op.Op != hclsyntax.OpNotEqual) {
			return nil
		}
		s.comparison(op.LHS, op.RHS)
		s.comparison(op.RHS, op.LHS)
		return nil
	})
}

func (s *scope) comparison(field, word hclsyntax.Expression) {
	traversal, diags := hcl.AbsTraversalForExpr(field)
	if diags.HasErrors() {
		return
	}
	var words []string
	switch dotted(traversal) {
	case "event.severity":
		words = []string{tocsin.Info.String(), tocsin.Warning.String(), tocsin.Critical.String()}
	case "event.type":
		for _, t := range tocsin.EventTypes() {
			words = append(words, string(t))
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
