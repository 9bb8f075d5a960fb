package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tocsin/internal/engine"
)

// checkRef is a check that an attribute refers to.
type checkRef struct {
	kind, name string
	at         hcl.Range
}

func (r checkRef) id() string { return engine.CheckID(r.kind, r.name) }

// checkRefs reads an attribute that lists checks, such as
// [process.nginx, filesystem.root]. All check blocks have been found by then.
func (s *scope) checkRefs(name string) []checkRef {
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	exprs, diags := hcl.ExprList(attr.Expr)
	switch {
	case diags.HasErrors():
		hint := ""
		if _, diags := hcl.AbsTraversalForExpr(attr.Expr); !diags.HasErrors() {
			hint = fmt.Sprintf(" Put it in brackets: %s = [%s].", name, s.source.text[attr.Expr.Range().Start.Byte:attr.Expr.Range().End.Byte])
		}
		s.fail(attr.Expr.Range(), "Wrong type", "%q takes a list of checks, such as [process.nginx, filesystem.root].%s", name, hint)
		return nil
	case len(exprs) == 0:
		s.fail(attr.Expr.Range(), "Empty list", "%q needs at least one check, such as [process.nginx].", name)
		return nil
	case len(exprs) > maxRefs:
		s.fail(attr.Expr.Range(), "List too long", "%q lists at most %d checks.", name, maxRefs)
		return nil
	}
	var refs []checkRef
	for _, expr := range exprs {
		ref, ok := s.checkRef(name, expr)
		if ok && slices.ContainsFunc(refs, func(r checkRef) bool { return r.id() == ref.id() }) {
			s.fail(ref.at, "Named twice", "%s is already in this list.", spell(ref.kind, ref.name))
		} else if ok {
			refs = append(refs, ref)
		}
	}
	return refs
}

// checkRef finds the check that an expression refers to.
func (s *scope) checkRef(name string, expr hcl.Expression) (ref checkRef, ok bool) {
	kind, label, isCheck := checkReference(expr)
	ref = checkRef{kind, label, expr.Range()}
	names := s.loader.kindNames()
	switch _, known := s.loader.findKind(kind); {
	case !isCheck:
		hint := ""
		if text, isText := expr.(*hclsyntax.TemplateExpr); isText && text.IsStringLiteral() {
			hint = " Write the reference without quotes."
		}
		s.fail(ref.at, "Not a check", "%q refers to a check as KIND.NAME, or KIND[\"NAME\"] where the name is more than letters, digits, \"_\" and \"-\".%s", name, hint)
		return ref, false
	case !known:
		s.fail(ref.at, "Unknown kind", "There is no check kind %q.%s A check is written KIND.NAME, such as process.db.", kind, didYouMean(kind, names))
		return ref, false
	}
	if _, defined := s.loader.defined[[2]string{kind, label}]; !defined {
		s.fail(ref.at, "Unknown check", "There is no check %q %q%s", kind, label, s.loader.definedOf(kind, label))
		return ref, false
	}
	return ref, true
}

// checkReference takes KIND.NAME or KIND["NAME"] apart.
func checkReference(expr hcl.Expression) (kind, name string, ok bool) {
	traversal, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || len(traversal) != 2 {
		return "", "", false
	}
	name = stepName(traversal[1])
	return traversal.RootName(), name, name != ""
}
