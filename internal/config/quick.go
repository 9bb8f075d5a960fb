package config

import (
	"cmp"
	"math"
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// quick is a condition without HCL: comparisons of metrics with constants and
// with each other, put together with &&, || and !. Most are no more than that,
// and HCL's objects and big numbers cost a fifth of a reading. It says what the
// expression says, exactly; FuzzQuick holds the two together.
type quick func(v engine.View) engine.Truth

// quickly compiles an expression of a kind's metrics; nil when it is more.
func quickly(expr hclsyntax.Expression, kind *checks.Kind) quick {
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return quickly(e.Expression, kind)
	case *hclsyntax.ScopeTraversalExpr:
		if m, ok := quickMetric(e, kind); ok && metricType(m) == cty.Bool {
			return func(v engine.View) engine.Truth { return truthOf(v.Reading.Values.Of(m.Name)) }
		}
	case *hclsyntax.UnaryOpExpr:
		if inner := quickly(e.Val, kind); inner != nil && e.Op == hclsyntax.OpLogicalNot {
			return func(v engine.View) engine.Truth { return not(inner(v)) }
		}
	case *hclsyntax.BinaryOpExpr:
		switch e.Op {
		case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
			return quickPair(e, kind)
		default:
			return quickComparison(e, kind)
		}
	}
	return nil
}

// quickPair compiles && and ||.
func quickPair(e *hclsyntax.BinaryOpExpr, kind *checks.Kind) quick {
	left, right := quickly(e.LHS, kind), quickly(e.RHS, kind)
	if left == nil || right == nil {
		return nil
	}
	// Either side alone decides with this, whatever the other one is.
	decides := engine.False
	if e.Op == hclsyntax.OpLogicalOr {
		decides = engine.True
	}
	return func(v engine.View) engine.Truth {
		a := left(v)
		if a == decides {
			return a
		}
		b := right(v)
		if a == engine.Unknown && b != decides {
			return engine.Unknown
		}
		return b
	}
}

func truthOf(v tocsin.Value) engine.Truth {
	switch {
	case v.Kind() != tocsin.BoolValue:
		return engine.Unknown
	case v.Truth():
		return engine.True
	default:
		return engine.False
	}
}

func not(t engine.Truth) engine.Truth {
	switch t {
	case engine.True:
		return engine.False
	case engine.False:
		return engine.True
	default:
		return engine.Unknown
	}
}

// side is one side of a comparison: a metric, or a constant.
type side struct {
	metric string
	near   float64 // the constant, to the nearest
	off    int     // -1 when the constant is less than near, 1 when it is more
	same   bool    // and yet HCL calls the two equal: it compares shortest decimals
}

// quickComparison compiles a comparison of a metric with a constant or with
// another metric. Metrics are asked for equality with a constant only.
func quickComparison(e *hclsyntax.BinaryOpExpr, kind *checks.Kind) quick {
	left, okLeft := quickSide(e.LHS, kind)
	right, okRight := quickSide(e.RHS, kind)
	holds, atTie := outcome(e.Op)
	if !okLeft || !okRight || holds == nil || left.metric == "" && right.metric == "" || atTie && left.metric != "" && right.metric != "" {
		return nil
	}
	tie := left.off - right.off
	if atTie && (left.same || right.same) {
		tie = 0
	}
	return func(v engine.View) engine.Truth {
		a, okA := left.value(v)
		b, okB := right.value(v)
		if !okA || !okB {
			return engine.Unknown
		}
		order := tie
		if a != b {
			order = cmp.Compare(a, b)
		}
		if holds(order) {
			return engine.True
		}
		return engine.False
	}
}

// outcome says of which orders (as of cmp.Compare) an operation is true, nil
// for one that compares nothing, and whether it asks for equality.
func outcome(op *hclsyntax.Operation) (holds func(order int) bool, equality bool) {
	switch op {
	case hclsyntax.OpGreaterThan:
		return func(order int) bool { return order > 0 }, false
	case hclsyntax.OpGreaterThanOrEqual:
		return func(order int) bool { return order >= 0 }, true
	case hclsyntax.OpLessThan:
		return func(order int) bool { return order < 0 }, false
	case hclsyntax.OpLessThanOrEqual:
		return func(order int) bool { return order <= 0 }, true
	case hclsyntax.OpEqual:
		return func(order int) bool { return order == 0 }, true
	case hclsyntax.OpNotEqual:
		return func(order int) bool { return order != 0 }, true
	default:
		return nil, false
	}
}

// value is the number of a side; false when there is no data.
func (s side) value(v engine.View) (float64, bool) {
	if s.metric == "" {
		return s.near, true
	}
	value := v.Reading.Values.Of(s.metric)
	return value.Float(), value.Kind() == tocsin.NumberValue
}

// quickSide compiles a side: a metric that is a number, or what HCL makes of an
// expression without one.
func quickSide(expr hclsyntax.Expression, kind *checks.Kind) (side, bool) {
	if m, ok := quickMetric(expr, kind); ok {
		return side{metric: m.Name}, metricType(m) == cty.Number
	}
	v, diags := safeValue(expr, &hcl.EvalContext{Variables: units()})
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.Number {
		return side{}, false
	}
	exact := v.AsBigFloat()
	near, _ := exact.Float64()
	back := big.NewFloat(near)
	out := side{near: near, off: exact.Cmp(back)}
	// Of a constant that is a float64 nobody asks, and the decimals take long.
	out.same = out.off != 0 && exact.Text('f', -1) == back.Text('f', -1)
	return out, !math.IsInf(near, 0)
}

func quickMetric(expr hclsyntax.Expression, kind *checks.Kind) (*checks.Metric, bool) {
	traversal, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		return nil, false
	}
	return findMetric(kind, dotted(traversal.Traversal))
}
