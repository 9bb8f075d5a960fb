package config

import (
	"math"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// values are what a metric may be: of the right type, of a wrong one, none.
func values() []tocsin.Value {
	return []tocsin.Value{
		{},
		tocsin.Number(0), tocsin.Number(0.1), tocsin.Number(math.Nextafter(0.1, 1)),
		tocsin.Number(90), tocsin.Number(math.Inf(1)), tocsin.Bool(true), tocsin.Text("90"),
	}
}

// both evaluates an expression of a process check quickly and by HCL, on every
// combination of values of three metrics; false when it is not a quick one.
func both(t *testing.T, text string) bool {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return false
	}
	ownRemainder(expr)
	found, _ := checks.Find("process")
	kind := &found
	fast := quickly(expr, kind)
	if fast == nil {
		return false
	}
	c := &condition{expr: expr, kind: kind, constants: constants(), functions: functions()}
	for _, name := range []string{"exists", "memory.rss", "memory.vms"} {
		m, _ := findMetric(kind, name)
		c.metrics = append(c.metrics, m)
	}
	compiled := *c
	compiled.parts, compiled.quick = partsOf([]byte(text), 0, c), fast
	compiled.settle()
	for _, exists := range []tocsin.Value{{}, tocsin.Bool(true), tocsin.Bool(false)} {
		for _, rss := range values() {
			for _, vms := range values() {
				v := engine.View{Reading: tocsin.Reading{Values: tocsin.ValuesOf(map[string]tocsin.Value{"exists": exists, "memory.rss": rss, "memory.vms": vms})}}
				if got, want := fast(v), c.Eval(v); got != want {
					t.Fatalf("%s with exists %v, rss %v, vms %v: quickly %v, by HCL %v", text, exists, rss, vms, got, want)
				}
				if p := compiled.Dissect(v); !sound(p) || p.Says != fast(v) {
					t.Fatalf("%s with exists %v, rss %v, vms %v: taken apart %+v, as a whole %v", text, exists, rss, vms, p, fast(v))
				}
			}
		}
	}
	return true
}

// sound says whether what a condition says follows from what its parts say.
func sound(p engine.Part) bool {
	if len(p.Parts) == 0 {
		return p.Join == "" && (p.Says == engine.Unknown) == (p.Why != "")
	}
	decides, says := engine.False, engine.True
	if p.Join == "||" {
		decides, says = engine.True, engine.False
	}
	for _, part := range p.Parts {
		switch {
		case !sound(part):
			return false
		case p.Join == "!":
			says = not(part.Says)
		case part.Says == decides:
			says = decides
		case part.Says == engine.Unknown && says != decides:
			says = engine.Unknown
		}
	}
	return p.Says == says
}

func TestQuick(t *testing.T) {
	for _, text := range []string{
		"!exists", "exists", "!(exists)", "!!exists", "memory.rss > 90", "90 <= memory.rss", "memory.rss < 5 * GiB", "memory.rss == 90", "memory.rss == 0.1", "memory.rss != 0.1", "memory.rss == 0.1000000000000000000000001", "memory.rss <= 0.1000000000000000000000001", "0 != memory.rss",
		"memory.rss >= 0.1", "memory.rss > 0.1", "memory.rss <= 0.1", "0.1 < memory.rss", "memory.rss > memory.vms",
		"exists && memory.rss > 90", "!exists || memory.rss > 90 && memory.vms > 0.1", "(exists || memory.rss < 0) && !(memory.vms == 90)", "memory.rss > -1", "memory.rss > 95 % 10 && exists", "memory.rss == -95 % 10",
	} {
		if !both(t, text) {
			t.Errorf("%s is not evaluated quickly", text)
		}
	}
	for _, text := range []string{"memory.rss + 1 > 90", "memory.rss > 1e400", "memory.rss > 5 % 0", "memory.rss > 5 % (1/0) || exists", "memory.rss % 2 > 0", "memory.rss != memory.vms", "state == \"zombie\"", "exists == true", "max(memory.rss, 1) > 1", "exists ? true : false", "avg_over(memory.rss, \"5m\") > 1", "1"} {
		if both(t, text) {
			t.Errorf("%s is evaluated quickly, and is more than that knows", text)
		}
	}
}

// FuzzQuick looks for a condition of which the two say something else.
func FuzzQuick(f *testing.F) {
	for _, text := range []string{"!exists || memory.rss > 5 * MiB", "memory.rss == 90 && exists", "!(memory.vms != memory.rss)", "90 >= memory.rss || (1/0 > memory.rss)", "exists || memory.rss > 95 % (5 - 5)", "memory.vms % memory.rss < 5 % 3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 200 {
			both(t, text)
		}
	})
}
