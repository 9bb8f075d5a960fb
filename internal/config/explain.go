package config

import (
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// maxDescription bounds a description, in runes.
const maxDescription = 400

// part is a stretch of a condition's text. A metric or a call of a window
// function is followed by its value.
type part struct {
	text   string
	metric *checks.Metric
	refers *reference // to another check's metric
	call   *windowCall
}

// partsOf takes the text of a condition apart, without comments and with its
// line ends and blanks folded. code is the text, which begins at byte begin of
// what its ranges are of.
func partsOf(code []byte, begin int, c *condition) []part {
	r := c.expr.Range()
	type item struct {
		from, to int
		part     part
	}
	var items []item
	for i := range c.windows {
		w := &c.windows[i]
		items = append(items, item{w.at.Start.Byte, w.at.End.Byte, part{call: w}})
	}
	for _, traversal := range c.expr.Variables() {
		at := traversal.SourceRange()
		if r, refers := c.reference(dotted(traversal)); refers {
			items = append(items, item{at.Start.Byte, at.End.Byte, part{refers: &r}})
			continue
		}
		m, ok := findMetric(c.kind, dotted(traversal))
		within := slices.ContainsFunc(c.windows, func(w windowCall) bool {
			return w.at.Start.Byte <= at.Start.Byte && at.Start.Byte < w.at.End.Byte
		})
		if ok && !within {
			items = append(items, item{at.Start.Byte, at.End.Byte, part{metric: m}})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return a.from - b.from })
	var parts []part
	at := r.Start.Byte
	for _, it := range items {
		if it.from < at { // a window function within another one's target
			continue
		}
		if text := foldCode(code[at-begin : it.from-begin]); text != "" {
			parts = append(parts, part{text: text})
		}
		it.part.text = foldCode(code[it.from-begin : it.to-begin])
		parts = append(parts, it.part)
		at = it.to
	}
	if text := foldCode(code[at-begin : r.End.Byte-begin]); text != "" {
		parts = append(parts, part{text: text})
	}
	return parts
}

// foldCode writes a piece of an expression in one line, without comments.
func foldCode(code []byte) string {
	tokens, _ := hclsyntax.LexExpression(code, "", hcl.InitialPos)
	var b strings.Builder
	end := 0
	for _, token := range tokens {
		from, to := token.Range.Start.Byte, token.Range.End.Byte
		switch token.Type {
		case hclsyntax.TokenEOF:
			from = len(code)
		case hclsyntax.TokenComment, hclsyntax.TokenNewline:
			continue
		}
		if from > end {
			b.WriteByte(' ')
		}
		b.Write(code[from:max(to, from)])
		end = to
	}
	return b.String()
}

// explain describes a view in the words of the condition, with values, and
// returns the value of the first metric.
func (c *condition) explain(v engine.View, suffix string) (description, value string) {
	description = string(c.code)
	if whole, ok := c.parsed(); ok {
		description, value = whole.filled(whole.parts, v)
	}
	description += suffix
	if text := c.presence(v); text != "" {
		description = text
	}
	return cutLine(description, maxDescription), value
}

// filled are the parts with their values, and the first of these.
func (c *condition) filled(parts []part, v engine.View) (text, value string) {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
		shown, ok := c.shown(p, v)
		if !ok {
			continue
		}
		if shown == "" {
			shown = `""` // a text that is empty, which nobody would see
		}
		if value == "" {
			value = shown
		}
		b.WriteString(" " + shown)
	}
	return fold(b.String()), value
}

// shown is the value of a part, false for plain text.
func (c *condition) shown(p part, v engine.View) (string, bool) {
	switch {
	case p.metric != nil:
		return format(p.metric.Unit, v.Reading.Values.Of(p.metric.Name)), true
	case p.refers != nil:
		return format(p.refers.metric.Unit, v.Referred(p.refers.check)), true
	case p.call != nil && p.call.name == changedName:
		return p.call.change(v), true
	case p.call != nil:
		return format(p.call.unit(), p.call.value(v, c.target(p.call, v))), true
	default:
		return "", false
	}
}

func format(unit checks.Unit, v tocsin.Value) string {
	if v.Kind() == tocsin.NumberValue && math.IsInf(v.Float(), 1) && unit == checks.Seconds {
		return "never"
	}
	return checks.Format(unit, v)
}

// target evaluates the target of time_to.
func (c *condition) target(w *windowCall, v engine.View) (f float64) {
	if w.target == nil {
		return 0
	}
	result, diags := safeValue(w.target, c.context(v))
	if diags.HasErrors() || !result.IsKnown() || result.IsNull() || result.Type() != cty.Number {
		return math.NaN()
	}
	f, _ = result.AsBigFloat().Float64()
	return f
}

// presence describes a check whose object is not there, or there again: its
// other metrics say nothing then.
func (c *condition) presence(v engine.View) string {
	const exists = "exists"
	if c.kind.Absent == "" || !slices.ContainsFunc(c.metrics, func(m *checks.Metric) bool { return m.Name == exists }) {
		return ""
	}
	switch now := v.Reading.Values.Of(exists); {
	case now.Kind() != tocsin.BoolValue:
		return ""
	case !now.Truth() && len(c.references) == 0:
		return c.kind.Absent
	case len(c.metrics)+len(c.windows)+len(c.references) > 1:
		return ""
	default:
		present := strings.Replace(c.kind.Absent, " is not ", " is ", 1)
		return strings.Replace(present, " does not exist", " exists", 1)
	}
}
