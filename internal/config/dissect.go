package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin"
	"tocsin/internal/engine"
	"tocsin/templates"
)

// maxPartsShown bounds into how many pieces a condition is taken apart.
const maxPartsShown = 100

// maxWhys bounds how many reasons a piece has for being without data.
const maxWhys = 5

var _ engine.Dissecter = (*condition)(nil)

// dissection is a condition that is being taken apart.
type dissection struct {
	*condition
	view  engine.View
	eval  *hcl.EvalContext
	begin int // where the code begins, of what the ranges are of
	left  int // how many pieces there may still be
}

// Dissect takes the condition apart at &&, || and !, with the values of a view.
func (c *condition) Dissect(v engine.View) (whole engine.Part) {
	parsed, ok := c.parsed()
	if !ok {
		return engine.Part{Text: cutLine(string(c.code), maxDescription), Says: c.Eval(v)}
	}
	d := &dissection{condition: parsed, view: v, begin: parsed.expr.Range().Start.Byte, left: maxPartsShown}
	d.eval = d.context(v)
	whole = d.part(d.expr)
	whole.Says = c.Eval(v)
	return whole
}

// parsed is the condition with its tree and its pieces, which one that is
// evaluated without them gets back. Its text has been through the guard.
func (c *condition) parsed() (*condition, bool) {
	if c.expr != nil {
		return c, true
	}
	expr, diags := hclsyntax.ParseExpression(c.code, "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, false
	}
	ownRemainder(expr)
	whole := *c
	whole.expr, whole.constants, whole.quick = expr, units(), nil
	whole.parts = partsOf(c.code, 0, &whole)
	return &whole, true
}

// part takes an expression apart.
func (d *dissection) part(expr hclsyntax.Expression) engine.Part {
	p := engine.Part{Text: d.shownText(expr), Says: d.says(expr)}
	switch e := inner(expr).(type) {
	case *hclsyntax.BinaryOpExpr:
		if e.Op == hclsyntax.OpLogicalAnd || e.Op == hclsyntax.OpLogicalOr {
			p.Join = map[bool]string{true: "&&", false: "||"}[e.Op == hclsyntax.OpLogicalAnd]
			for _, operand := range operands(e) {
				if d.left--; d.left < 0 {
					break
				}
				p.Parts = append(p.Parts, d.part(operand))
			}
			return p
		}
	case *hclsyntax.UnaryOpExpr:
		if within := inner(e.Val); e.Op == hclsyntax.OpLogicalNot && composed(within) {
			d.left--
			p.Join, p.Parts = "!", []engine.Part{d.part(within)}
			return p
		}
	}
	if p.Says == engine.Unknown {
		p.Why = d.why(expr)
	}
	return p
}

// inner is an expression without the brackets around it.
func inner(expr hclsyntax.Expression) hclsyntax.Expression {
	for {
		e, ok := expr.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return expr
		}
		expr = e.Expression
	}
}

// composed says whether an expression is put together with && or ||.
func composed(expr hclsyntax.Expression) bool {
	e, ok := expr.(*hclsyntax.BinaryOpExpr)
	return ok && (e.Op == hclsyntax.OpLogicalAnd || e.Op == hclsyntax.OpLogicalOr)
}

// operands are those of a chain of one operation, from left to right.
func operands(e *hclsyntax.BinaryOpExpr) []hclsyntax.Expression {
	var all []hclsyntax.Expression
	for {
		all = append(all, e.RHS)
		left, ok := inner(e.LHS).(*hclsyntax.BinaryOpExpr)
		if !ok || left.Op != e.Op {
			all = append(all, e.LHS)
			slices.Reverse(all)
			return all
		}
		e = left
	}
}

// says evaluates an expression.
func (d *dissection) says(expr hclsyntax.Expression) engine.Truth {
	v, diags := safeValue(expr, d.eval)
	switch {
	case diags.HasErrors(), !v.IsKnown(), v.IsNull(), v.Type() != cty.Bool:
		return engine.Unknown
	case v.True():
		return engine.True
	default:
		return engine.False
	}
}

// piece is an expression as a condition of its own, for its text.
func (d *dissection) piece(expr hclsyntax.Expression) *condition {
	c, r := *d.condition, expr.Range()
	c.expr, c.windows = expr, nil
	for _, w := range d.windows {
		if r.Start.Byte <= w.at.Start.Byte && w.at.End.Byte <= r.End.Byte {
			c.windows = append(c.windows, w)
		}
	}
	return &c
}

// shownText is an expression with its values.
func (d *dissection) shownText(expr hclsyntax.Expression) string {
	r, c := expr.Range(), d.piece(expr)
	text, _ := d.filled(partsOf(d.code[r.Start.Byte-d.begin:r.End.Byte-d.begin], r.Start.Byte, c), d.view)
	return cutLine(text, maxDescription)
}

// why says why an expression has no data.
func (d *dissection) why(expr hclsyntax.Expression) string {
	r, c := expr.Range(), d.piece(expr)
	var whys []string
	for _, p := range partsOf(d.code[r.Start.Byte-d.begin:r.End.Byte-d.begin], r.Start.Byte, c) {
		if text := d.whyPart(p); text != "" && !slices.Contains(whys, text) {
			whys = append(whys, text)
		}
	}
	if more := len(whys) - maxWhys; more > 0 {
		whys = append(whys[:maxWhys], fmt.Sprintf("and %d more", more))
	}
	if len(whys) == 0 {
		return "it cannot be computed"
	}
	return strings.Join(whys, "; ")
}

func (d *dissection) whyPart(p part) string {
	none := func(name string) string {
		if err := d.view.Reading.Errors[name]; err != nil {
			return fmt.Sprintf("%s: %v", name, err)
		}
		return name + " has no value"
	}
	switch {
	case p.metric != nil && d.view.Reading.Values.Of(p.metric.Name).Kind() == tocsin.NoValue:
		return none(p.metric.Name)
	case p.refers != nil && d.view.Referred(p.refers.check).Kind() == tocsin.NoValue:
		return fmt.Sprintf("check %s has no fresh value of %s", p.refers.check.Check, p.refers.check.Metric)
	case p.call == nil || p.call.value(d.view, d.target(p.call, d.view)).Kind() != tocsin.NoValue:
		return ""
	}
	switch metric := p.call.metric.Name; {
	case d.view.Reading.Values.Of(metric).Kind() == tocsin.NoValue:
		return none(metric)
	case p.call.name == changedName:
		return metric + " was not seen before"
	default:
		return fmt.Sprintf("the window of %s holds %s of %s", templates.Span(p.call.window.Length), templates.Span(d.view.History.Covered(p.call.window, d.view.Now)), metric)
	}
}
