package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// scope is one block that is being decoded. It remembers which attributes and
// blocks were asked for: those are what is allowed.
type scope struct {
	loader *loader
	source *source
	name   string // as problems name the block: `check "process" "nginx"`
	body   *hclsyntax.Body
	header hcl.Range
	// later names what a coming version will know, as "attribute restart".
	later      []string
	attributes []string
	blocks     []string
	absent     string // why a value from outside is not there, where that is no error
	refused    string // why a function did not bring in a value
}

func (l *loader) scope(s *source, block *hclsyntax.Block) *scope {
	return &scope{
		loader: l, source: s, body: block.Body,
		name:   blockName(block.Type, block.Labels),
		header: block.DefRange(),
	}
}

// setting is the value of an attribute, with where it stands.
type setting struct {
	text string
	set  bool
	// unknown is for a value that is not here now, which validate puts up
	// with.
	unknown   bool
	sensitive bool
	at        hcl.Range
}

// shown is the value as a problem may show it.
func (v setting) shown() string {
	if v.sensitive {
		return "This value"
	}
	return fmt.Sprintf("%q", v.text)
}

func (s *scope) fail(at hcl.Range, summary, detail string, args ...any) {
	s.loader.problems.add(problem(at, summary, detail, args...))
}

func (s *scope) warn(at hcl.Range, summary, detail string, args ...any) {
	s.loader.problems.add(warning(at, summary, detail, args...))
}

// path makes a path absolute or relative to where the program runs; in the
// file it is relative to the file.
func (s *scope) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.source.dir, path)
}

// attr is an attribute of the block, nil when it is not set.
func (s *scope) attr(name string) *hclsyntax.Attribute {
	s.attributes = append(s.attributes, name)
	return s.body.Attributes[name]
}

// value evaluates an expression and converts it. False means that there is no
// value, either because it is null or because it is a problem.
func (s *scope) value(name string, expr hclsyntax.Expression, want cty.Type) (v cty.Value, marked, ok bool) {
	if diags := plain(expr); diags.HasErrors() {
		s.loader.problems.add(diags...)
		return cty.NilVal, false, false
	}
	s.absent, s.refused = "", ""
	var funcs map[string]function.Function
	if !literal(expr) {
		funcs = functions()
		maps.Copy(funcs, s.sourceFunctions(isSecretAttribute(name)))
		funcs["hostname"] = hostnameFunction(s.loader.opt.Host)
	}
	v, diags := expr.Value(&hcl.EvalContext{Variables: units(), Functions: funcs})
	s.addValueProblems(diags, expr, funcs)
	if s.absent != "" {
		s.warn(expr.Range(), "Value is not here", "%s A running agent will need it.", s.absent)
	}
	if diags.HasErrors() {
		return cty.NilVal, false, false
	}
	v, marks := v.UnmarkDeep()
	marked = len(marks) > 0
	v, err := convert.Convert(v, want)
	switch {
	case err != nil:
		s.fail(expr.Range(), "Wrong type", "%q takes %s.%s", name, typeWord(want), listHint(name, want, expr))
		return cty.NilVal, marked, false
	case v.IsNull():
		return cty.NilVal, marked, false
	}
	return v, marked, true
}

// literal says whether an expression is a plain text, number or truth, as most
// are: it calls nothing.
func literal(expr hclsyntax.Expression) bool {
	switch e := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return e.IsStringLiteral()
	default:
		return false
	}
}

func listHint(name string, want cty.Type, expr hclsyntax.Expression) string {
	text, isText := expr.(*hclsyntax.TemplateExpr)
	if !isText || !want.IsListType() {
		return ""
	}
	words := commandWords(name, text)
	switch len(words) {
	case 0:
		return fmt.Sprintf(" Put it in brackets: %s = [\"…\"].", name)
	case 1:
		return fmt.Sprintf(" Put it in brackets: %s = [%s].", name, words[0])
	default:
		return fmt.Sprintf(" It is run without a shell, so each word is a text of its own: %s = [%s].", name, strings.Join(words, ", "))
	}
}

func typeWord(t cty.Type) string {
	switch t {
	case cty.String:
		return "a text"
	case cty.Number:
		return "a number"
	case cty.Bool:
		return "true or false"
	default:
		return "a list of texts"
	}
}

// text is the value of a text attribute.
func (s *scope) text(name string) setting {
	attr := s.attr(name)
	if attr == nil {
		return setting{at: s.header}
	}
	v, marked, ok := s.value(name, attr.Expr, cty.String)
	out := setting{at: attr.Expr.Range(), sensitive: marked || isSecretAttribute(name), set: ok}
	if ok && !v.IsKnown() {
		out.unknown = true
	} else if ok {
		out.text = v.AsString()
	}
	return out
}

// required is text for an attribute that must be there.
func (s *scope) required(name, example string) setting {
	v := s.text(name)
	if s.body.Attributes[name] == nil {
		s.fail(s.header, "Missing attribute", "%s needs %q, for instance: %s", s.name, name, example)
	} else if v.set && !v.unknown && strings.TrimSpace(v.text) == "" {
		s.fail(v.at, "Empty value", "%q must not be empty.", name)
		v.set = false
	}
	return v
}

// oneOf is text for an attribute with a fixed set of values; the first one is
// the default.
func (s *scope) oneOf(name string, values ...string) setting {
	v := s.text(name)
	if !v.set || v.unknown {
		v.text = values[0]
		return v
	}
	values = slices.DeleteFunc(values, func(word string) bool { return word == "" })
	if !slices.Contains(values, v.text) {
		s.fail(v.at, "Invalid value", "%s is no value of %q, which takes %s.%s", v.shown(), name, list(quoted(values), "or"), didYouMean(v.text, values))
		v.text = values[0]
	}
	return v
}

func quoted(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, fmt.Sprintf("%q", w))
	}
	return out
}

// duration is the value of a duration attribute, or its default.
func (s *scope) duration(name string, otherwise time.Duration) (time.Duration, hcl.Range) {
	v := s.text(name)
	if !v.set || v.unknown {
		return otherwise, v.at
	}
	d, err := ParseDuration(v.text)
	if err != nil {
		s.fail(v.at, "Invalid duration", "%s is %s", v.shown(), err.Error()+".")
		return otherwise, v.at
	}
	return d, v.at
}

// flag is the value of a bool attribute; false when it is not set.
func (s *scope) flag(name string) bool {
	attr := s.attr(name)
	if attr == nil {
		return false
	}
	v, _, ok := s.value(name, attr.Expr, cty.Bool)
	return ok && v.IsKnown() && v.True()
}

// flagOr is flag with another default.
func (s *scope) flagOr(name string, otherwise bool) bool {
	set := s.flag(name) // it is asked for in any case, so that it counts as allowed
	if s.body.Attributes[name] == nil {
		return otherwise
	}
	return set
}

// integer is the value of a whole number between least and most.
func (s *scope) integer(name string, least, most int) (n int, set bool, at hcl.Range) {
	attr := s.attr(name)
	if attr == nil {
		return 0, false, s.header
	}
	at = attr.Expr.Range()
	v, marked, ok := s.value(name, attr.Expr, cty.Number)
	if !ok || !v.IsKnown() {
		return 0, false, at
	}
	i, accuracy := v.AsBigFloat().Int64()
	if accuracy != 0 || i < int64(least) || i > int64(most) {
		shown := "This value"
		if !marked {
			shown = v.AsBigFloat().Text('g', 10)
		}
		s.fail(at, "Invalid number", "%s is not allowed: %q is a whole number from %d to %d.", shown, name, least, most)
		return 0, false, at
	}
	return int(i), true, at
}

// texts is the value of a list of texts, each with its own place.
func (s *scope) texts(name string) []setting {
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	tuple, ok := attr.Expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		return s.computedTexts(name, attr)
	}
	var out []setting
	for _, expr := range tuple.Exprs {
		v, marked, ok := s.value(name, expr, cty.String)
		item := setting{at: expr.Range(), sensitive: marked, set: ok}
		if ok && !v.IsKnown() {
			item.unknown = true
		} else if ok {
			item.text = v.AsString()
		}
		if ok {
			out = append(out, item)
		}
	}
	return out
}

func (s *scope) computedTexts(name string, attr *hclsyntax.Attribute) []setting {
	v, marked, ok := s.value(name, attr.Expr, cty.List(cty.String))
	if !ok || !v.IsWhollyKnown() {
		return nil
	}
	var out []setting
	for _, item := range v.AsValueSlice() {
		if !item.IsNull() {
			out = append(out, setting{text: item.AsString(), set: true, sensitive: marked, at: attr.Expr.Range()})
		}
	}
	return out
}

func upperFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
