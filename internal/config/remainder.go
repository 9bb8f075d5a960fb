package config

import (
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// remainder is % where it can be computed, and unknown else. HCL's own says that
// x % 0 is x, and that what an infinite number leaves is infinite. It is made
// once, as units.
var remainder = sync.OnceValue(func() *hclsyntax.Operation {
	number := func(name string) function.Parameter {
		return function.Parameter{Name: name, Type: cty.Number, AllowDynamicType: true}
	}
	return &hclsyntax.Operation{Type: cty.Number, Impl: function.New(&function.Spec{
		Params: []function.Parameter{number("a"), number("b")},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			a, b := args[0].AsBigFloat(), args[1].AsBigFloat()
			if a.IsInf() || b.IsInf() || b.Sign() == 0 {
				return cty.UnknownVal(cty.Number).RefineNotNull(), nil
			}
			return args[0].Modulo(args[1]), nil
		},
	})}
})

// ownRemainder gives a condition that %. Whoever parses a condition does it
// before anything evaluates it or makes it quick.
func ownRemainder(expr hclsyntax.Expression) {
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if e, ok := node.(*hclsyntax.BinaryOpExpr); ok && e.Op == hclsyntax.OpModulo {
			e.Op = remainder()
		}
		return nil
	})
}
