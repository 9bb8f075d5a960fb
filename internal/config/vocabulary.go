package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin/checks"
)

// vocabulary refuses to compare a metric with a text that it never is: such a
// rule never alerts, or always, and nobody would notice before the day.
func (s *scope) vocabulary(c *condition) bool {
	ok := true
	_ = hclsyntax.VisitAll(c.expr, func(node hclsyntax.Node) hcl.Diagnostics {
		e, isBinary := node.(*hclsyntax.BinaryOpExpr)
		if !isBinary || e.Op != hclsyntax.OpEqual && e.Op != hclsyntax.OpNotEqual {
			return nil
		}
		for _, sides := range [][2]hclsyntax.Expression{{e.LHS, e.RHS}, {e.RHS, e.LHS}} {
			if m := c.metricOf(sides[0]); m != nil && !s.known(m, sides[0], sides[1], e.Op == hclsyntax.OpEqual) {
				ok = false
			}
		}
		return nil
	})
	return ok
}

// metricOf is the metric that an expression is and nothing else, nil when it is
// not.
func (c *condition) metricOf(expr hclsyntax.Expression) *checks.Metric {
	traversal, ok := bare(expr).(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		return nil
	}
	name := dotted(traversal.Traversal)
	if r, refers := c.reference(name); refers {
		return r.metric
	}
	if m, found := findMetric(c.kind, name); found {
		return m
	}
	return nil
}

func bare(expr hclsyntax.Expression) hclsyntax.Expression {
	for {
		inner, ok := expr.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return expr
		}
		expr = inner.Expression
	}
}

// known says whether a metric can be what it is compared with, as far as that is
// a constant.
func (s *scope) known(m *checks.Metric, metric, word hclsyntax.Expression, equal bool) bool {
	if len(word.Variables()) > 0 {
		return true
	}
	v, diags := safeValue(word, &hcl.EvalContext{Functions: pureFunctions()})
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String || !m.Words.Never(v.AsString()) {
		return true
	}
	summary := "Never true"
	if !equal {
		summary = "Never false"
	}
	text, is, near := v.AsString(), m.Words.Like, ""
	if all := m.Words.All(); all != nil {
		is, near = list(quoted(all), "or"), didYouMean(text, all)
	} else if likely := m.Words.Near(text); likely != "" {
		near = didYouMean(likely, []string{likely})
	}
	s.fail(word.Range(), summary, "%s is never %q; it is %s.%s", oneLine(s.source.at(bare(metric).Range())), text, is, near)
	return false
}
