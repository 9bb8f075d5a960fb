package config

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// TestAnOwnMetricWins: of a kind with metrics that are spelled like those of
// another check; the brackets name the other one.
func TestAnOwnMetricWins(t *testing.T) {
	own := &checks.Kind{Name: "system", Metrics: []checks.Metric{{Name: "process.count", Unit: checks.Count}, {Name: "process.nginx.exists", Unit: checks.Truth}}}
	text := `process.count > 5 && process.nginx.exists && !process["nginx"].exists && process.nginx.threads > 2`
	expr, diags := hclsyntax.ParseExpression([]byte(text), "a.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	l := &loader{problems: newProblems(), kinds: map[string]*checks.Kind{}, unknowns: map[string]*hcl.EvalContext{}, defined: map[[2]string]hcl.Range{{"process", "nginx"}: {}}}
	src := &source{name: "a.hcl", text: []byte(text)}
	s := &scope{loader: l, source: src, body: &hclsyntax.Body{Attributes: hclsyntax.Attributes{"when": {Name: "when", Expr: expr}}}}
	c := s.condition("when", subject{kind: own, name: "web"})
	if c == nil {
		t.Fatal(l.problems.Error())
	}
	var asked []engine.Ref
	v := engine.View{
		Reading: tocsin.Reading{Values: tocsin.ValuesOf(map[string]tocsin.Value{"process.count": tocsin.Number(6), "process.nginx.exists": tocsin.Bool(true)})},
		Other: func(r engine.Ref) tocsin.Value {
			asked = append(asked, r)
			if r.Metric == "exists" {
				return tocsin.Bool(false)
			}
			return tocsin.Number(3)
		},
	}
	if got := c.Eval(v); got != engine.True || len(asked) != 2 {
		t.Errorf("got %d with %v asked of others, want true with two", got, asked)
	}
}
