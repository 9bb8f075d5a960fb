package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"tocsin/checks"
	"tocsin/internal/engine"
)

// ofChanges makes a rule about changes of one whose condition asks for some. A
// change is told once and is over: nothing of it lasts, clears or repeats.
func (s *scope) ofChanges(r *engine.Rule, when, clear *condition) {
	if clear != nil && len(when.changes()) == 0 && len(clear.changes()) > 0 {
		s.warn(s.body.Attributes["clear"].NameRange, "Never recovers", "A change is over at once, so that a failure does not end with one. Write what is so when all is well, or a rule of its own about the change.")
	}
	if when == nil || len(when.changes()) == 0 {
		return
	}
	r.Changes = when.changes()
	s.unchanged(when)
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
	if c == nil {
		return nil
	}
	var names []string
	for _, w := range c.windows {
		if w.name == changedName && !slices.Contains(names, w.metric.Name) {
			names = append(names, w.metric.Name)
		}
	}
	return names
}

// unchanged warns of a rule about changes that is true while nothing changes:
// what is meant to last would be told at every reading.
func (s *scope) unchanged(c *condition) {
	const why = "a rule with changed() makes an event at every reading in which its condition holds"
	ctx := s.loader.unknown(c.kind).NewChild()
	ctx.Functions = map[string]function.Function{
		changedName: windowFunction(changedName, func(int, []cty.Value) cty.Value { return cty.False }),
	}
	ctx.Variables = make(map[string]cty.Value, len(c.references))
	for _, r := range c.references {
		ctx.Variables[r.variable] = cty.UnknownVal(metricType(r.metric)).RefineNotNull()
	}
	negated, beside := false, false
	for _, piece := range c.still(c.expr, ctx) {
		call, changes := c.changeIn(piece.Range())
		switch {
		case changes && !negated:
			negated = true
			s.warn(piece.Range(), "Alert at every reading", "This is true as long as nothing changes, and %s. %s", why, c.standstill(call.metric))
		case !changes && !beside:
			beside = true
			s.warn(piece.Range(), "Alert at every reading", "This is true without a change, too, and %s. %s", why, s.twoRules(c, ctx))
		}
	}
}

// still lists the pieces of an expression that make it true while nothing
// changes; none when it is false then. A piece without changed() is as large as
// it can be, so that it makes sense on its own.
func (c *condition) still(expr hclsyntax.Expression, ctx *hcl.EvalContext) []hclsyntax.Expression {
	if _, changes := c.changeIn(expr.Range()); changes {
		switch e := inner(expr).(type) {
		case *hclsyntax.ConditionalExpr:
			switch v, diags := safeValue(e.Condition, ctx); {
			case diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.Bool:
				return append(c.still(e.TrueResult, ctx), c.still(e.FalseResult, ctx)...)
			case v.True():
				return c.still(e.TrueResult, ctx)
			default:
				return c.still(e.FalseResult, ctx)
			}
		case *hclsyntax.BinaryOpExpr:
			switch e.Op {
			case hclsyntax.OpLogicalOr:
				return append(c.still(e.LHS, ctx), c.still(e.RHS, ctx)...)
			case hclsyntax.OpLogicalAnd:
				return c.stillBoth(e, ctx)
			}
		}
	}
	if v, diags := safeValue(expr, ctx); !diags.HasErrors() && v.IsKnown() && v.RawEquals(cty.False) {
		return nil
	}
	return []hclsyntax.Expression{expr}
}

// stillBoth is still of an &&, of which the sides with changed() are to blame.
func (c *condition) stillBoth(e *hclsyntax.BinaryOpExpr, ctx *hcl.EvalContext) []hclsyntax.Expression {
	left, right := c.still(e.LHS, ctx), c.still(e.RHS, ctx)
	if left == nil || right == nil {
		return nil
	}
	if _, changes := c.changeIn(e.LHS.Range()); !changes {
		return right
	}
	if _, changes := c.changeIn(e.RHS.Range()); !changes {
		return left
	}
	return append(left, right...)
}

// changeIn is the first call of changed() within a place.
func (c *condition) changeIn(at hcl.Range) (windowCall, bool) {
	i := slices.IndexFunc(c.windows, func(w windowCall) bool {
		return w.name == changedName && at.Start.Byte <= w.at.Start.Byte && w.at.End.Byte <= at.End.Byte
	})
	if i < 0 {
		return windowCall{}, false
	}
	return c.windows[i], true
}

// standstill says how to ask whether a metric stands still.
func (c *condition) standstill(m *checks.Metric) string {
	age := "age"
	if moment, ok := strings.CutSuffix(m.Name, ".time"); ok {
		age = moment + ".age"
	}
	_, aged := findMetric(c.kind, age)
	switch {
	case aged && (m.Unit == checks.Word || m.News || age != "age"):
		return fmt.Sprintf("To hear once that it stands still, write: when = %s > 1 * hour", age)
	case m.Unit == checks.Word:
		return fmt.Sprintf("To hear once that it stays as it is, compare it, and say for how long: when = %s == \"TEXT\" with for = \"1h\"", m.Name)
	default:
		return fmt.Sprintf("To hear once that it stands still, write: when = min_over(%[1]s, \"1h\") == max_over(%[1]s, \"1h\")", m.Name)
	}
}

// twoRules says how a condition that asks for changes beside something else is
// written, as far as it is a chain of ||.
func (s *scope) twoRules(c *condition, ctx *hcl.EvalContext) string {
	e, ok := inner(c.expr).(*hclsyntax.BinaryOpExpr)
	if !ok || e.Op != hclsyntax.OpLogicalOr {
		return "Write two rules: one for the change, and one for this."
	}
	var changing, other []string
	for _, operand := range operands(e) {
		text := fold(s.source.at(operand.Range()))
		if c.still(operand, ctx) == nil {
			changing = append(changing, text)
		} else if _, changes := c.changeIn(operand.Range()); !changes {
			other = append(other, text)
		}
	}
	if changing == nil || other == nil {
		return "Write two rules: one for the change, and one for this."
	}
	return fmt.Sprintf("Write two rules: one with when = %s, and one with when = %s", cutLine(strings.Join(changing, " || "), maxDescription), cutLine(strings.Join(other, " || "), maxDescription))
}
