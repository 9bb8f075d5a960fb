package config

import (
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// The bounds of what a check is put under.
const (
	maxGroups     = 20
	maxLabels     = 20
	maxLabelBytes = 200
)

// groups reads groups = ["web", "frontend"], in the order of the file.
func (s *scope) groups() []string {
	values := s.texts("groups")
	attr := s.body.Attributes["groups"]
	switch {
	case attr == nil:
		return nil
	case isEmptyList(attr.Expr):
		s.fail(attr.Expr.Range(), "Empty list", "\"groups\" needs at least one name, such as [\"web\"].")
	case len(values) > maxGroups:
		s.fail(attr.Expr.Range(), "List too long", "\"groups\" lists at most %d names.", maxGroups)
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for _, v := range values {
		switch {
		case v.unknown:
		case !isWord(v.text):
			s.fail(v.at, "Invalid name", "%s is no name of a group: it is a word of at most 64 letters, digits, \"_\", \"-\" and \".\".", v.shown())
		case seen[v.text]:
			s.fail(v.at, "Named twice", "%s is already in this list.", v.shown())
		default:
			seen[v.text] = true
			out = append(out, v.text)
		}
	}
	return out
}

// labels reads labels = { team = "db" } and adds those of the agent that the
// block does not have otherwise.
func (s *scope) labels(otherwise map[string]string) map[string]string {
	attr := s.attr("labels")
	if attr == nil {
		return otherwise
	}
	object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		s.fail(attr.Expr.Range(), "Wrong type", "\"labels\" takes names and texts: labels = { team = \"db\" }")
		return otherwise
	}
	if len(object.Items) > maxLabels {
		s.fail(attr.Expr.Range(), "Too many labels", "\"labels\" has at most %d of them.", maxLabels)
		return otherwise
	}
	out := make(map[string]string, len(otherwise)+len(object.Items))
	maps.Copy(out, otherwise)
	seen := map[string]bool{}
	for _, item := range object.Items {
		key, okKey := s.labelText(item.KeyExpr)
		value, okValue := s.labelText(item.ValueExpr)
		if okKey && okValue && s.label(key, value, seen) {
			out[key.text] = value.text
		}
	}
	return out
}

// labelText is the name or the text of a label.
func (s *scope) labelText(expr hclsyntax.Expression) (v setting, ok bool) {
	value, marked, ok := s.value("labels", expr, cty.String)
	if !ok || !value.IsKnown() {
		return setting{}, false
	}
	return setting{text: value.AsString(), set: true, sensitive: marked, at: expr.Range()}, true
}

// label checks one label.
func (s *scope) label(key, value setting, seen map[string]bool) bool {
	switch {
	case key.sensitive || value.sensitive:
		s.fail(hcl.RangeBetween(key.at, value.at), "Secret in a label", "Labels are shown in mails and in the status.")
	case !hclsyntax.ValidIdentifier(key.text) || len(key.text) > 64:
		s.fail(key.at, "Invalid name", "%s is no name of a label: routes refer to it as event.labels.NAME, so it is made of letters, digits, \"_\" and \"-\".", key.shown())
	case seen[key.text]:
		s.fail(key.at, "Named twice", "The label %s is already set.", key.shown())
	case strings.TrimSpace(value.text) == "":
		s.fail(value.at, "Empty value", "A label that is not there is \"\" to every route. Leave it out.")
	case len(value.text) > maxLabelBytes || value.text != oneLine(value.text) || !utf8.ValidString(value.text):
		s.fail(value.at, "Invalid label", "The text of a label is one line of at most %d bytes.", maxLabelBytes)
	default:
		seen[key.text] = true
		return true
	}
	return false
}

// isWord says whether a text is a word that needs no quotes on a command line.
func isWord(text string) bool {
	return text != "" && len(text) <= 64 && text[0] != '-' && strings.IndexFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
