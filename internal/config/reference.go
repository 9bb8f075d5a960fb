package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin/checks"
	"tocsin/internal/engine"
)

// reference is a metric of another check in a condition:
// filesystem.root.space.percent. HCL sees it as one variable, so that no name
// of a check, whatever it looks like, meets a metric of this check.
type reference struct {
	variable string
	check    engine.Ref
	metric   *checks.Metric
}

// noReference stands for a reference that was a problem.
const noReference = "no reference"

// maxReferences bounds the references of a condition.
const maxReferences = 100

// references finds the metrics of other checks in a condition and puts their
// variables in their place. A metric of the check itself wins over a reference
// that is spelled alike, and what refers to the check itself becomes its metric.
func (s *scope) references(c *condition, of subject) bool {
	ok := true
	_ = hclsyntax.VisitAll(c.expr, func(node hclsyntax.Node) hcl.Diagnostics {
		expr, isTraversal := node.(*hclsyntax.ScopeTraversalExpr)
		if !isTraversal || isOwn(of.kind, expr.Traversal) {
			return nil
		}
		kind, isKind := s.loader.findKind(expr.Traversal.RootName())
		if !isKind {
			return nil
		}
		at := expr.Traversal.SourceRange()
		name, metric, good := s.refer(kind, expr.Traversal)
		if !good {
			ok, expr.Traversal = false, spelled([]string{noReference}, at)
			return nil
		}
		if kind.Name == of.kind.Name && name == of.name {
			expr.Traversal, c.respelled = spelled(strings.Split(metric.Name, "."), at), true
			return nil
		}
		if s.loader.several[[2]string{kind.Name, name}] {
			s.fail(at, "Several checks", "%s stands for a check for each of its %s, so nobody knows which one is meant. Give that one a check of its own, and refer to it: check %q \"NAME\" { path = … }", blockName("check", []string{kind.Name, name}), kind.Several.Attribute, kind.Name)
			ok, expr.Traversal = false, spelled([]string{noReference}, at)
			return nil
		}
		r := reference{"check " + kind.Name + "." + name + "." + metric.Name, engine.Ref{Check: engine.CheckID(kind.Name, name), Metric: metric.Name}, metric}
		if !slices.ContainsFunc(c.references, func(o reference) bool { return o.variable == r.variable }) {
			c.references = append(c.references, r)
		}
		expr.Traversal = spelled([]string{r.variable}, at)
		return nil
	})
	if len(c.references) > maxReferences {
		s.fail(c.expr.Range(), "Too many references", "A condition refers to at most %d metrics of other checks.", maxReferences)
		return false
	}
	return ok
}

// isOwn says whether a traversal spells a metric of the check itself.
func isOwn(kind *checks.Kind, traversal hcl.Traversal) bool {
	_, own := findMetric(kind, dotted(traversal))
	return own
}

// spelled is a traversal that stands where another one stood.
func spelled(parts []string, at hcl.Range) hcl.Traversal {
	traversal := hcl.Traversal{hcl.TraverseRoot{Name: parts[0], SrcRange: at}}
	for _, part := range parts[1:] {
		traversal = append(traversal, hcl.TraverseAttr{Name: part, SrcRange: at})
	}
	return traversal
}

// refer takes KIND.NAME.METRIC or KIND["NAME"].METRIC apart.
func (s *scope) refer(kind *checks.Kind, traversal hcl.Traversal) (name string, m *checks.Metric, ok bool) {
	at := traversal.SourceRange()
	if len(traversal) > 1 {
		name = stepName(traversal[1])
	}
	if name == "" {
		s.fail(at, "Not a metric", "%q is a kind of checks. A metric of another check is written %s.NAME.METRIC, or %s[\"NAME\"].METRIC where the name is more than letters, digits, \"_\" and \"-\".", kind.Name, kind.Name, kind.Name)
		return "", m, false
	}
	if _, defined := s.loader.defined[[2]string{kind.Name, name}]; !defined {
		s.fail(at, "Unknown check", "There is no check %q %q%s", kind.Name, name, s.loader.definedOf(kind.Name, name))
		return "", m, false
	}
	if len(traversal) == 2 {
		s.fail(at, "Not a metric", "%s is a check. Name one of its metrics, such as %s.%s.", spell(kind.Name, name), spell(kind.Name, name), exampleMetric(kind))
		return "", m, false
	}
	metric := dotted(slices.Concat(hcl.Traversal{hcl.TraverseRoot{Name: stepName(traversal[2])}}, traversal[3:]))
	m, ok = findMetric(kind, metric)
	if !ok {
		s.unknownMetric(kind, metric, at)
	}
	return name, m, ok
}

// stepName is the name that a step spells, as .NAME or ["NAME"].
func stepName(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString()
		}
	}
	return ""
}

// misspelledKind is the kind that the begin of a name with three parts may mean.
func (l *loader) misspelledKind(name string) string {
	first, rest, _ := strings.Cut(strings.NewReplacer("[", ".", "]", "").Replace(name), ".")
	if !strings.Contains(rest, ".") {
		return ""
	}
	return suggest(first, l.kindNames())
}

// spell is how a condition names a check.
func spell(kind, name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return kind + "." + name
	}
	return kind + "[\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(name)) + "\"]"
}

// definedOf says which checks of a kind there are.
func (l *loader) definedOf(kind, name string) string {
	var names, written []string
	for id := range l.defined {
		if id[0] == kind {
			names = append(names, id[1])
		}
	}
	slices.Sort(names)
	for _, n := range names {
		written = append(written, spell(kind, n))
	}
	if len(names) == 0 {
		return ", nor any other of this kind."
	}
	hint := ""
	if likely := suggest(name, names); likely != "" {
		hint = " Did you mean " + spell(kind, likely) + "?"
	}
	return "." + hint + " There is " + list(written, "and") + "."
}

// reference finds one by the variable that stands for it.
func (c *condition) reference(variable string) (reference, bool) {
	i := slices.IndexFunc(c.references, func(r reference) bool { return r.variable == variable })
	if i < 0 {
		return reference{}, false
	}
	return c.references[i], true
}

// refs are what the condition refers to; c may be nil.
func (c *condition) refs() []engine.Ref {
	if c == nil {
		return nil
	}
	var refs []engine.Ref
	for _, r := range c.references {
		refs = append(refs, r.check)
	}
	return refs
}

// block is the check of a reference as its block has it.
func (r reference) block() string {
	kind, name, _ := strings.Cut(r.check.Check, ".")
	return strings.Join(quoted([]string{kind, name}), " ")
}

// refer adds what the rules of all checks refer to, to what is read of those.
func (l *loader) refer(drafts []draft) {
	byID := make(map[string]*draft, len(drafts))
	for i := range drafts {
		byID[drafts[i].check.ID()] = &drafts[i]
	}
	for i := range drafts {
		for _, r := range drafts[i].check.Rules {
			for _, ref := range r.Refs {
				if d := byID[ref.Check]; d != nil {
					d.spec.Metrics[ref.Metric] = true
					d.referred = append(d.referred, ref.Metric)
				}
			}
		}
	}
	for i := range drafts {
		d := &drafts[i]
		slices.Sort(d.referred)
		d.referred = slices.Compact(d.referred)
	}
}
