package config

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// constants are the units that expressions are multiplied with. Sizes are in
// bytes, times in seconds. The caller owns the map.
func constants() map[string]cty.Value { return maps.Clone(units()) }

// units is made once: a rule file asks for it with every attribute.
var units = sync.OnceValue(func() map[string]cty.Value {
	return map[string]cty.Value{
		"KB": cty.NumberIntVal(1e3), "MB": cty.NumberIntVal(1e6), "GB": cty.NumberIntVal(1e9), "TB": cty.NumberIntVal(1e12),
		"KiB": cty.NumberIntVal(1 << 10), "MiB": cty.NumberIntVal(1 << 20), "GiB": cty.NumberIntVal(1 << 30), "TiB": cty.NumberIntVal(1 << 40),
		"second": cty.NumberIntVal(1), "minute": cty.NumberIntVal(60), "hour": cty.NumberIntVal(3600), "day": cty.NumberIntVal(86400),
	}
})

// functions are those that every expression may use. They are pure. The caller
// owns the map.
func functions() map[string]function.Function { return maps.Clone(pureFunctions()) }

// pureFunctions is made once, as units.
var pureFunctions = sync.OnceValue(func() map[string]function.Function {
	return map[string]function.Function{
		"abs":         stdlib.AbsoluteFunc,
		"ceil":        stdlib.CeilFunc,
		"floor":       stdlib.FloorFunc,
		"round":       roundFunction(),
		"min":         stdlib.MinFunc,
		"max":         stdlib.MaxFunc,
		"upper":       stdlib.UpperFunc,
		"lower":       stdlib.LowerFunc,
		"trim":        stdlib.TrimSpaceFunc,
		"length":      stdlib.StrlenFunc,
		"join":        stdlib.JoinFunc,
		"format":      formatFunction(),
		"contains":    containsFunction(),
		"starts_with": textTest(strings.HasPrefix),
		"ends_with":   textTest(strings.HasSuffix),
	}
})

// roundFunction rounds to the nearest whole number, halves away from zero.
func roundFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "number", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			f := args[0].AsBigFloat()
			if f.IsInf() {
				return args[0], nil
			}
			half := big.NewFloat(0.5)
			if f.Sign() < 0 {
				half.Neg(half)
			}
			whole, _ := new(big.Float).Add(f, half).Int(nil)
			return cty.NumberVal(new(big.Float).SetInt(whole)), nil
		},
	})
}

// formatFunction is format() without widths that fill the memory.
func formatFunction() function.Function {
	wide := regexp.MustCompile(`%[^a-zA-Z%]*(\*|[0-9]{4})`)
	return function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "format", Type: cty.String}},
		VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if wide.MatchString(args[0].AsString()) {
				return cty.NilVal, function.NewArgErrorf(0, "a width has at most three digits")
			}
			return stdlib.FormatFunc.Call(args)
		},
	})
}

func textTest(test func(text, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(test(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// containsFunction is contains(text, part), and contains(list, text).
func containsFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.DynamicPseudoType}, {Name: "part", Type: cty.String}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			if t.IsTupleType() || t.IsListType() {
				t = cty.List(cty.String)
			} else {
				t = cty.String
			}
			if _, err := convert.Convert(cty.UnknownVal(args[0].Type()), t); err != nil {
				return cty.NilType, function.NewArgErrorf(0, "a text or a list of texts required")
			}
			return cty.Bool, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if t := args[0].Type(); !t.IsTupleType() && !t.IsListType() {
				text, err := convert.Convert(args[0], cty.String)
				if err != nil {
					return cty.NilVal, function.NewArgError(0, err)
				}
				return cty.BoolVal(strings.Contains(text.AsString(), args[1].AsString())), nil
			}
			texts, err := convert.Convert(args[0], cty.List(cty.String))
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if !texts.IsWhollyKnown() {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(slices.ContainsFunc(texts.AsValueSlice(), func(v cty.Value) bool { return !v.IsNull() && v.AsString() == args[1].AsString() })), nil
		},
	})
}

// hostnameFunction is hostname(): the name of this machine.
func hostnameFunction(host func() string) function.Function {
	return function.New(&function.Spec{
		Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.StringVal(host()), nil },
	})
}

// plain refuses the parts of HCL that rule files have no use for and that can
// make much out of little: loops, splats and objects.
func plain(expr hclsyntax.Expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	walk := func(node hclsyntax.Node) hcl.Diagnostics {
		switch n := node.(type) {
		case *hclsyntax.ForExpr:
			diags = append(diags, problem(n.Range(), "No \"for\" expressions", "A rule file has no loops: list the values one by one."))
		case *hclsyntax.SplatExpr:
			diags = append(diags, problem(n.Range(), "No \"*\" expressions", "A rule file has no lists to take apart with [*]."))
		case *hclsyntax.TemplateJoinExpr:
			diags = append(diags, problem(n.Range(), "No template directives", "A text has no loops."))
		}
		return nil
	}
	// The walk itself reports nothing.
	_ = hclsyntax.VisitAll(expr, walk)
	return diags
}

func problem(at hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

func warning(at hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	d := problem(at, summary, detail, args...)
	d.Severity = hcl.DiagWarning
	return d
}
