package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// condition is a rule's expression, checked at load.
type condition struct {
	expr hclsyntax.Expression
	kind *checks.Kind
	// metrics are those that the expression reads now; windows are its calls
	// of window functions. Neither names a metric that the kind does not have.
	metrics []*checks.Metric
	windows []windowCall
	// references are the metrics of other checks.
	references []reference
	parts      []part // its text, for Explain; nil where quick is there
	// constants are the units that it uses.
	constants map[string]cty.Value
	// respelled says that its tree is not what its text says.
	respelled bool
	// functions are the pure ones that it calls.
	functions map[string]function.Function
	// code is the text of the expression, in one line where quick is there.
	code []byte
	// quick is the condition without HCL; nil when it is not that simple.
	quick quick
}

var _ engine.Condition = (*condition)(nil)

// Eval evaluates the condition on a view. A metric without data makes an
// unknown value, and HCL's operators are three-valued: unknown || true is
// true. What cannot be computed, such as 0/0, is Unknown.
func (c *condition) Eval(v engine.View) (truth engine.Truth) {
	if c.quick != nil {
		return c.quick(v)
	}
	defer func() {
		// math/big panics on what has no result, such as Inf - Inf.
		if recover() != nil {
			truth = engine.Unknown
		}
	}()
	result, diags := c.expr.Value(c.context(v))
	switch {
	case diags.HasErrors(), !result.IsKnown(), result.IsNull(), result.Type() != cty.Bool:
		return engine.Unknown
	case result.True():
		return engine.True
	default:
		return engine.False
	}
}

// context holds only what the expression uses.
func (c *condition) context(v engine.View) *hcl.EvalContext {
	values := map[string]cty.Value{}
	for _, m := range c.metrics {
		values[m.Name] = metricValue(m, v.Reading.Values.Of(m.Name))
	}
	ctx := &hcl.EvalContext{Variables: objects(values), Functions: c.functions}
	maps.Copy(ctx.Variables, c.constants)
	for _, r := range c.references {
		ctx.Variables[r.variable] = metricValue(r.metric, v.Referred(r.check))
	}
	if len(c.windows) > 0 {
		ctx.Functions = maps.Clone(c.functions)
		maps.Copy(ctx.Functions, windowFunctions(c.windows, v))
	}
	return ctx
}

func metricType(m *checks.Metric) cty.Type {
	switch m.Unit {
	case checks.Truth:
		return cty.Bool
	case checks.Word:
		return cty.String
	default:
		return cty.Number
	}
}

// metricValue is what was read, or an unknown value of the metric's type.
func metricValue(m *checks.Metric, v tocsin.Value) cty.Value {
	switch want := metricType(m); {
	case v.Kind() == tocsin.NumberValue && want == cty.Number:
		return cty.NumberFloatVal(v.Float()) // a Value is never NaN
	case v.Kind() == tocsin.BoolValue && want == cty.Bool:
		return cty.BoolVal(v.Truth())
	case v.Kind() == tocsin.TextValue && want == cty.String:
		return cty.StringVal(v.String())
	default:
		return cty.UnknownVal(want).RefineNotNull()
	}
}

// objects turns dotted names into nested objects: "cpu.percent" becomes the
// attribute percent of the variable cpu.
func objects(values map[string]cty.Value) map[string]cty.Value {
	out := map[string]cty.Value{}
	groups := map[string]map[string]cty.Value{}
	for name, value := range values {
		group, rest, nested := strings.Cut(name, ".")
		if !nested {
			out[name] = value
			continue
		}
		if groups[group] == nil {
			groups[group] = map[string]cty.Value{}
		}
		groups[group][rest] = value
	}
	for group, members := range groups {
		out[group] = cty.ObjectVal(objects(members))
	}
	return out
}

// subject is the check that a rule is of.
type subject struct {
	kind     *checks.Kind
	name     string
	interval time.Duration
}

// condition compiles the condition of a rule; nil when it is a problem.
func (s *scope) condition(name string, of subject) *condition {
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	if diags := plain(attr.Expr); diags.HasErrors() {
		s.loader.problems.add(diags...)
		return nil
	}
	ownRemainder(attr.Expr)
	c := &condition{expr: attr.Expr, kind: of.kind, constants: map[string]cty.Value{}, functions: calledFunctions(attr.Expr)}
	okReferences := s.references(c, of)
	okNames := s.metricNames(c)
	okWindows := s.windowCalls(c, of.interval)
	if !okReferences || !okNames || !okWindows {
		return nil
	}
	if len(c.metrics) == 0 && len(c.windows) == 0 && len(c.references) == 0 {
		s.fail(attr.Expr.Range(), "Condition without a metric", "This is always the same. A condition compares a metric of the check with a limit, such as: %s", exampleOf(of.kind))
		return nil
	}
	if !s.typed(c) || !s.vocabulary(c) {
		return nil
	}
	r := c.expr.Range()
	code := s.source.text[r.Start.Byte:r.End.Byte]
	c.parts, c.code = partsOf(code, r.Start.Byte, c), slices.Clone(code)
	if !c.respelled {
		c.quick = quickly(c.expr, of.kind)
	}
	return c
}

// settle drops what only the loading of a quick condition needs: HCL's tree and
// the pieces were half of what a thousand checks kept in memory.
func (c *condition) settle() {
	if c.quick != nil {
		c.code = []byte(c.text())
		c.expr, c.parts, c.constants, c.functions = nil, nil, nil, nil
	}
}

// exampleOf is a condition that the kind can have.
func exampleOf(kind *checks.Kind) string {
	for _, m := range kind.Metrics {
		switch m.Name {
		case "cpu.percent", "space.percent":
			if kind.Name != "process" {
				return m.Name + " > 90"
			}
		case "exists":
			if kind.Name == "process" {
				return "!exists"
			}
		}
	}
	return exampleMetric(kind) + " > 90"
}

// typed evaluates the condition on unknown values of the right types, which
// finds everything that would go wrong on real ones.
func (s *scope) typed(c *condition) bool {
	unknown := s.loader.unknown(c.kind)
	ctx := unknown
	if len(c.references) > 0 {
		ctx = unknown.NewChild()
		ctx.Variables = make(map[string]cty.Value, len(c.references))
	}
	for _, r := range c.references {
		ctx.Variables[r.variable] = cty.UnknownVal(metricType(r.metric)).RefineNotNull()
	}
	v, diags := safeValue(c.expr, ctx)
	s.addValueProblems(diags, c.expr, unknown.Functions)
	if diags.HasErrors() || !s.isBool(c.expr, v) || !s.numbers(c.expr, ctx) {
		return false
	}
	if v.IsKnown() {
		s.fail(c.expr.Range(), "Condition that never changes", "This is %t whatever the metrics are. Is a text compared with a number, or one side always fulfilled?", v.True())
		return false
	}
	return true
}

// unknown is what a condition of a kind may use, with a value for each metric
// that is of its type and not known. All conditions of a kind share it.
func (l *loader) unknown(kind *checks.Kind) *hcl.EvalContext {
	if ctx := l.unknowns[kind.Name]; ctx != nil {
		return ctx
	}
	values := make(map[string]cty.Value, len(kind.Metrics))
	for i := range kind.Metrics {
		m := &kind.Metrics[i]
		values[m.Name] = cty.UnknownVal(metricType(m)).RefineNotNull()
	}
	ctx := &hcl.EvalContext{Variables: objects(values), Functions: functions()}
	maps.Copy(ctx.Variables, units())
	for _, name := range windowNames() {
		ctx.Functions[name] = windowFunction(name, func(int, []cty.Value) cty.Value {
			return cty.UnknownVal(resultType(name)).RefineNotNull()
		})
	}
	l.unknowns[kind.Name] = ctx
	return ctx
}

// numbers refuses texts where numbers are needed. HCL makes numbers of texts,
// of unknown ones without a word, and no metric that is a text is a number.
func (s *scope) numbers(expr hclsyntax.Expression, ctx *hcl.EvalContext) bool {
	ok := true
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		e, isBinary := node.(*hclsyntax.BinaryOpExpr)
		if !isBinary || e.Op.Impl.Params()[0].Type != cty.Number {
			return nil
		}
		for _, operand := range []hclsyntax.Expression{e.LHS, e.RHS} {
			if computes(operand) {
				continue
			}
			if v, diags := safeValue(operand, ctx); !diags.HasErrors() && v.Type() == cty.String {
				ok = false
				s.fail(operand.Range(), "Invalid operand", "This is a text, and a number is needed. Texts are compared with == and !=, or with contains(), starts_with() and ends_with().")
			}
		}
		return nil
	})
	return ok
}

// computes says whether an expression is an operation, whose result is never a
// text: a chain of them is not evaluated once more for each.
func computes(expr hclsyntax.Expression) bool {
	for {
		switch e := expr.(type) {
		case *hclsyntax.ParenthesesExpr:
			expr = e.Expression
		case *hclsyntax.BinaryOpExpr, *hclsyntax.UnaryOpExpr:
			return true
		default:
			return false
		}
	}
}

// safeValue evaluates an expression; a panic, as of Inf - Inf, becomes a
// diagnostic.
func safeValue(expr hclsyntax.Expression, ctx *hcl.EvalContext) (v cty.Value, diags hcl.Diagnostics) {
	defer func() {
		if recover() != nil {
			v = cty.DynamicVal
			diags = append(diags, problem(expr.Range(), "No result", "This cannot be computed."))
		}
	}()
	return expr.Value(ctx)
}

func (s *scope) isBool(expr hclsyntax.Expression, v cty.Value) bool {
	if v.Type() == cty.Bool && (!v.IsKnown() || !v.IsNull()) {
		return true
	}
	what := "something else."
	switch v.Type() {
	case cty.Number:
		what = "a number. Compare it with a limit: … > 90"
	case cty.String:
		what = "a text. Compare it with another one: … == \"text\""
	}
	s.fail(expr.Range(), "Not a condition", "A condition is true or false; this is %s", what)
	return false
}

// metricNames checks every name of the expression and collects the metrics,
// in the order of the text.
func (s *scope) metricNames(c *condition) bool {
	ok, known := true, units()
	traversals := c.expr.Variables()
	slices.SortStableFunc(traversals, func(a, b hcl.Traversal) int {
		return a.SourceRange().Start.Byte - b.SourceRange().Start.Byte
	})
	windows := windowArguments(c.expr)
	for _, traversal := range traversals {
		name := dotted(traversal)
		if value, isConstant := known[name]; isConstant {
			c.constants[name] = value
			continue
		}
		if _, refers := c.reference(name); refers || name == noReference {
			continue
		}
		m, found := findMetric(c.kind, name)
		if !found {
			s.unknownMetric(c.kind, name, traversal.SourceRange())
			ok = false
			continue
		}
		if !windows[traversal.SourceRange().Start.Byte] && !slices.ContainsFunc(c.metrics, func(o *checks.Metric) bool { return o.Name == name }) {
			c.metrics = append(c.metrics, m)
		}
	}
	return ok
}

func findMetric(kind *checks.Kind, name string) (*checks.Metric, bool) {
	i := slices.IndexFunc(kind.Metrics, func(m checks.Metric) bool { return m.Name == name })
	if i < 0 {
		return nil, false
	}
	return &kind.Metrics[i], true
}

// dotted is the name that a traversal spells.
func dotted(traversal hcl.Traversal) string {
	var b strings.Builder
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String && step.Key.IsKnown() {
				b.WriteString("[" + step.Key.AsString() + "]")
			} else {
				b.WriteString("[…]")
			}
		default:
			b.WriteString("[…]")
		}
	}
	return b.String()
}

// calledFunctions are the pure functions that an expression calls.
func calledFunctions(expr hclsyntax.Expression) map[string]function.Function {
	all, called := pureFunctions(), map[string]function.Function{}
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if call, ok := node.(*hclsyntax.FunctionCallExpr); ok {
			if f, known := all[call.Name]; known {
				called[call.Name] = f
			}
		}
		return nil
	})
	return called
}

// noFunctions is for an expression that must be constant.
func noFunctions() map[string]function.Function { return map[string]function.Function{} }
