package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tocsin/notify/transport"
)

const maxDomains = 1000

// domains reads route_domains = { "example.com" = mailserver.lan }.
func (s *scope) domains() transport.Table {
	const name = "route_domains"
	attr := s.attr(name)
	if attr == nil {
		return nil
	}
	object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		s.fail(attr.Expr.Range(), "Wrong type", "%q takes domains and mail servers: route_domains = { \"example.com\" = mailserver.NAME }", name)
		return nil
	}
	if len(object.Items) > maxDomains {
		s.fail(attr.Expr.Range(), "Too many domains", "%q has %d domains; it may have %d.", name, len(object.Items), maxDomains)
		return nil
	}
	out := transport.Table{}
	for _, item := range object.Items {
		at := item.KeyExpr.Range()
		key, _, okKey := s.value(name, item.KeyExpr, cty.String)
		if !okKey || !key.IsKnown() {
			continue
		}
		domain := transport.Domain(key.AsString())
		switch {
		case strings.Contains(key.AsString(), "@"):
			s.fail(at, "Invalid domain", "%q is an address. Mail is routed by the domain alone: %q", key.AsString(), domain)
		case !isHostName(strings.TrimPrefix(domain, ".")) && !isLiteral(domain):
			s.fail(at, "Invalid domain", "%q is no domain. \"example.com\" is that domain alone, \".example.com\" every domain below it.", key.AsString())
		case out[domain] != nil:
			s.fail(at, "Named twice", "The domain %s already has a route.", domain)
		default:
			out[domain] = s.way(name, item.ValueExpr)
			s.loader.routed = append(s.loader.routed, listed{s, out[domain], item.ValueExpr.Range()})
		}
	}
	return out
}

// listed is a list of mail servers with where it stands.
type listed struct {
	scope   *scope
	servers []string
	at      hcl.Range
}

// ways looks at the routes once the mail servers are known.
func (l *loader) ways() {
	for _, way := range l.routed {
		way.scope.directLast(way.servers, way.at)
	}
}

// way is one mail server, or several in brackets.
func (s *scope) way(name string, expr hclsyntax.Expression) []string {
	if _, isList := expr.(*hclsyntax.TupleConsExpr); isList {
		return s.refList(name, "mailserver", expr)
	}
	label, ok := s.resolve(name, "mailserver", expr)
	if !ok {
		return nil
	}
	return []string{label}
}

// isLiteral says whether a domain is an address in brackets (RFC 5321 4.1.3).
func isLiteral(domain string) bool {
	_, ok := transport.Literal(domain)
	return ok
}
