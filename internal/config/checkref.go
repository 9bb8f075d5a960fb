package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

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
		s.fail(attr.Expr.Range(), "Wrong type", "%q takes a list of checks, such as [process.nginx, filesystem.root].", name)
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

// checkRef takes KIND.NAME or KIND["NAME"] apart and finds the check.
func (s *scope) checkRef(name string, expr hcl.Expression) (ref checkRef, ok bool) {
	at := expr.Range()
	traversal, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		hint := ""
		if v, d := expr.Value(nil); !d.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type().FriendlyName() == "string" {
			hint = " Write it without quotes."
		}
		s.fail(at, "Not a check", "%q lists checks as KIND.NAME, such as process.nginx, or KIND[\"NAME\"] where the name is more than letters, digits, \"_\" and \"-\".%s", name, hint)
		return ref, false
	}
	ref = checkRef{kind: traversal.RootName(), at: at}
	if _, isKind := s.loader.findKind(ref.kind); !isKind {
		s.fail(at, "Unknown kind", "There is no check kind %q.%s There is %s.", ref.kind, didYouMean(ref.kind, s.loader.kindNames()), list(quoted(s.loader.kindNames()), "and"))
		return ref, false
	}
	if len(traversal) == 2 {
		ref.name = stepName(traversal[1])
	}
	if ref.name == "" {
		s.fail(at, "Not a check", "A check is named KIND.NAME, or KIND[\"NAME\"] where the name is more than letters, digits, \"_\" and \"-\".")
		return ref, false
	}
	if _, defined := s.loader.defined[[2]string{ref.kind, ref.name}]; !defined {
		s.fail(at, "Unknown check", "There is no check %q %q%s", ref.kind, ref.name, s.loader.definedOf(ref.kind, ref.name))
		return ref, false
	}
	return ref, true
}
