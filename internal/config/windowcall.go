package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// windowCall is one call of a window function.
type windowCall struct {
	name   string
	metric *checks.Metric
	window engine.Window
	at     hcl.Range
	target hclsyntax.Expression // of time_to
	share  float64              // of quantile_over, 0 to 1
}

// windowNames are the functions that look back at a metric.
func windowNames() []string {
	return []string{"avg_over", "max_over", "min_over", "sum_over", "rate", "delta", timeTo, quantileOver, changedName}
}

// The functions with three arguments.
const (
	timeTo       = "time_to"
	quantileOver = "quantile_over"
)

// changedName is the function that compares with what its rule saw last. It has
// no window and takes any metric.
const changedName = "changed"

// resultType is the type of a window function's result.
func resultType(name string) cty.Type {
	if name == changedName {
		return cty.Bool
	}
	return cty.Number
}

// form is how a window function is written.
func form(name string) string {
	switch name {
	case timeTo:
		return `time_to(METRIC, TARGET, "6h")`
	case quantileOver:
		return `quantile_over(METRIC, 0.95, "5m")`
	case changedName:
		return `changed(METRIC)`
	}
	return name + `(METRIC, "5m")`
}

// unit is the unit of a call's result.
func (w windowCall) unit() checks.Unit {
	switch w.name {
	case timeTo:
		return checks.Seconds
	case "rate":
		return checks.PerSecond
	case changedName:
		return w.metric.Unit
	default:
		if w.metric.Unit == checks.Truth {
			return checks.Count
		}
		return w.metric.Unit
	}
}

// value computes the call on a view. No data is an unknown value.
func (w windowCall) value(v engine.View, target float64) tocsin.Value {
	if w.name == changedName {
		switch v.Changed(w.metric.Name) {
		case engine.True:
			return tocsin.Bool(true)
		case engine.False:
			return tocsin.Bool(false)
		default:
			return tocsin.Value{}
		}
	}
	f, ok := w.compute(v, target)
	if !ok || math.IsNaN(f) {
		return tocsin.Value{}
	}
	return tocsin.Number(f)
}

func (w windowCall) compute(v engine.View, target float64) (float64, bool) {
	if w.name == quantileOver {
		return v.History.Quantile(w.window, w.share, v.Now)
	}
	compute := map[string]engine.WindowFunc{
		"avg_over": engine.Avg, "max_over": engine.Max, "min_over": engine.Min, "sum_over": engine.Sum,
		"rate": engine.Rate, "delta": engine.Delta, timeTo: engine.TimeTo(target, w.window.Length),
	}[w.name]
	return compute(v.History.Window(w.window, v.Now))
}

// windowFunction makes the HCL function of a window function. The metric
// comes as an expression, not as its value.
func windowFunction(name string, impl func(at int, args []cty.Value) cty.Value) function.Function {
	parameters := []function.Parameter{{Name: "metric", Type: customdecode.ExpressionClosureType}}
	switch name {
	case timeTo:
		parameters = append(parameters, function.Parameter{Name: "target", Type: cty.Number})
	case quantileOver:
		parameters = append(parameters, function.Parameter{Name: "share", Type: cty.Number})
	}
	if name != changedName {
		parameters = append(parameters, function.Parameter{Name: "window", Type: cty.String})
	}
	return function.New(&function.Spec{
		Params: parameters,
		Type:   function.StaticReturnType(resultType(name)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			metric := customdecode.ExpressionClosureFromVal(args[0]).Expression
			return impl(metric.Range().Start.Byte, args), nil
		},
	})
}

// windowFunctions are the functions of a condition at run time. A call is
// known by where its metric stands.
func windowFunctions(calls []windowCall, v engine.View) map[string]function.Function {
	out := map[string]function.Function{}
	for _, name := range windowNames() {
		out[name] = windowFunction(name, func(at int, args []cty.Value) cty.Value {
			i := slices.IndexFunc(calls, func(w windowCall) bool { return w.at.Start.Byte <= at && at < w.at.End.Byte })
			if i < 0 {
				return cty.UnknownVal(resultType(name))
			}
			target := 0.0
			if name == timeTo {
				target, _ = args[1].AsBigFloat().Float64()
			}
			switch value := calls[i].value(v, target); value.Kind() {
			case tocsin.NumberValue:
				return cty.NumberFloatVal(value.Float()) // infinities compare as such
			case tocsin.BoolValue:
				return cty.BoolVal(value.Truth())
			default:
				return cty.UnknownVal(resultType(name))
			}
		})
	}
	return out
}

// windowArguments finds where the metrics stand that window functions get.
func windowArguments(expr hclsyntax.Expression) map[int]bool {
	found := map[int]bool{}
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if call, ok := node.(*hclsyntax.FunctionCallExpr); ok && slices.Contains(windowNames(), call.Name) && len(call.Args) > 0 {
			found[call.Args[0].Range().Start.Byte] = true
		}
		return nil
	})
	return found
}

// windowCalls checks every call of a window function and collects them.
func (s *scope) windowCalls(c *condition, interval time.Duration) bool {
	ok := true
	_ = hclsyntax.VisitAll(c.expr, func(node hclsyntax.Node) hcl.Diagnostics {
		call, isCall := node.(*hclsyntax.FunctionCallExpr)
		if !isCall || !slices.Contains(windowNames(), call.Name) {
			return nil
		}
		w, good := s.windowCall(c, call, interval)
		ok = ok && good
		if good {
			c.windows = append(c.windows, w)
		}
		return nil
	})
	slices.SortFunc(c.windows, func(a, b windowCall) int { return a.at.Start.Byte - b.at.Start.Byte })
	return ok
}

func (s *scope) windowCall(c *condition, call *hclsyntax.FunctionCallExpr, interval time.Duration) (windowCall, bool) {
	kind, w := c.kind, windowCall{name: call.Name, at: call.Range()}
	want := len(strings.Split(form(call.Name), ","))
	if len(call.Args) != want || call.ExpandFinal {
		s.fail(call.Range(), "Wrong arguments", "The function is written %s.", form(call.Name))
		return w, false
	}
	traversal, diags := hcl.AbsTraversalForExpr(call.Args[0])
	if diags.HasErrors() {
		s.fail(call.Args[0].Range(), "Not a metric", "%s looks back at a metric, so its first argument is the name of one, such as %s; compute with the result.", call.Name, exampleMetric(kind))
		return w, false
	}
	if r, refers := c.reference(dotted(traversal)); refers {
		s.fail(call.Args[0].Range(), "Metric of another check", "%s looks back at metrics of its own check only. Put the rule into check %s, or ask for the metric itself.", call.Name, r.block())
		return w, false
	}
	metric, found := findMetric(kind, dotted(traversal))
	if !found { // already reported
		return w, false
	}
	w.metric = metric
	if call.Name == changedName {
		return w, true
	}
	if metric.Unit == checks.Word || metric.Unit == checks.Truth && want == 3 {
		s.fail(call.Args[0].Range(), "Not a number", "%s needs a metric that is a number; %s is %s.", call.Name, metric.Name, unitWord(metric))
		return w, false
	}
	switch call.Name {
	case timeTo:
		w.target = call.Args[1]
	case quantileOver:
		if !s.share(&w, call.Args[1]) {
			return w, false
		}
	}
	return w, s.windowLength(&w, call.Args[want-1], interval)
}

func exampleMetric(kind *checks.Kind) string {
	for _, m := range kind.Metrics {
		if strings.HasSuffix(m.Name, ".percent") && m.Name != "inodes.percent" {
			return m.Name
		}
	}
	for _, m := range kind.Metrics {
		if m.Unit != checks.Word && m.Unit != checks.Truth {
			return m.Name
		}
	}
	return "METRIC"
}

// share reads which part of the readings quantile_over leaves below, which is
// a constant.
func (s *scope) share(w *windowCall, expr hclsyntax.Expression) bool {
	v, diags := expr.Value(&hcl.EvalContext{Functions: noFunctions()})
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.Number {
		s.fail(expr.Range(), "Not a share", "The share of %s is a number from 0 to 1, such as 0.95.", w.name)
		return false
	}
	f, _ := v.AsBigFloat().Float64()
	if f < 0 || f > 1 {
		hint := ""
		if f > 1 && f <= 100 {
			hint = fmt.Sprintf(" For %v %% write %v.", f, f/100)
		}
		s.fail(expr.Range(), "Not a share", "%v is not from 0 to 1, the share of the readings that are at most the result.%s", f, hint)
		return false
	}
	w.share = f
	return true
}

// windowLength reads the window, which is a constant.
func (s *scope) windowLength(w *windowCall, expr hclsyntax.Expression, interval time.Duration) bool {
	v, diags := expr.Value(&hcl.EvalContext{Functions: noFunctions()})
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		s.fail(expr.Range(), "Not a window", "The window of %s is a duration in quotes, such as \"5m\".", w.name)
		return false
	}
	d, err := ParseDuration(v.AsString())
	if err != nil {
		s.fail(expr.Range(), "Invalid duration", "%q is %s.", v.AsString(), err)
		return false
	}
	w.window = engine.Window{Metric: w.metric.Name, Length: d}
	least := 2 * interval
	if w.name == timeTo {
		least = 5 * interval // engine.TimeTo draws its line through five points
	}
	if d < least {
		s.fail(expr.Range(), "Window too short", "The check is read every %s, so a window of %s holds too few readings for %s; it needs %s or more.", durationText(interval), durationText(d), w.name, durationText(least))
		return false
	}
	return true
}

// unknownMetric says what the kind has instead.
func (s *scope) unknownMetric(kind *checks.Kind, name string, at hcl.Range) {
	var names, group []string
	prefix, _, _ := strings.Cut(name, ".")
	for _, m := range kind.Metrics {
		names = append(names, m.Name)
		if strings.HasPrefix(m.Name, prefix+".") {
			group = append(group, m.Name)
		}
	}
	listed := names
	if len(group) > 0 {
		listed = group
	}
	hint := didYouMean(name, names)
	switch {
	case strings.Contains(name, "-") && minusHint(kind, name):
		hint = fmt.Sprintf(" In HCL %q is one name, because names may hold \"-\"; to subtract, put blanks around it.", name)
	case s.loader.misspelledKind(name) != "":
		hint = fmt.Sprintf(" A metric of another check is written %s.NAME.METRIC.", s.loader.misspelledKind(name))
	case strings.Contains(name, "["):
		hint = " The name of a metric is written with dots, such as " + exampleMetric(kind) + "."
	case name == prefix && len(group) > 0:
		hint = fmt.Sprintf(" %q is a group of metrics.", name)
	case hint == "" && slices.Contains(eventNames(), strings.TrimPrefix(name, "event.")):
		hint = " \"event\" belongs into the condition of a route."
	}
	constants := "KiB, MiB, GiB, TiB, KB, MB, GB, TB, second, minute, hour and day"
	s.fail(at, "Unknown metric", "Check kind %q has no metric %q.%s It has %s. Units are %s.", kind.Name, name, hint, list(listed, "and"), constants)
}

// minusHint says whether the name would be metrics with a minus between them.
func minusHint(kind *checks.Kind, name string) bool {
	for part := range strings.SplitSeq(name, "-") {
		first, _, _ := strings.Cut(part, ".")
		if slices.ContainsFunc(kind.Metrics, func(m checks.Metric) bool {
			root, _, _ := strings.Cut(m.Name, ".")
			return root == first || strings.HasSuffix(m.Name, "."+part)
		}) {
			return true
		}
	}
	return false
}

func unitWord(m *checks.Metric) string {
	if m.Unit == checks.Word {
		return "a text"
	}
	return "true or false"
}
