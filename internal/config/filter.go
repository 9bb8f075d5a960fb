package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"tocsin/notify"
	"tocsin/templates"
)

// filter reads only and not.
func (s *scope) filter() notify.Filter {
	f := notify.Filter{Only: s.filterWords("only"), Not: s.filterWords("not")}
	for _, word := range f.Only {
		if slices.Contains(f.Not, word) {
			s.fail(s.body.Attributes["not"].Expr.Range(), "Wanted and refused", "%q is in \"only\" and in \"not\".", word)
		}
	}
	return f
}

func (s *scope) filterWords(name string) []string {
	values := s.texts(name)
	if attr := s.body.Attributes[name]; attr != nil && isEmptyList(attr.Expr) {
		s.fail(attr.Expr.Range(), "Empty list", "%q needs at least one word, such as [\"critical\"].", name)
	}
	all := notify.FilterWords()
	var out []string
	for _, v := range values {
		switch {
		case v.unknown:
		case !slices.Contains(all, v.text):
			s.fail(v.at, "Unknown word", "%s is no word for events.%s There is %s.", v.shown(), didYouMean(v.text, all), list(quoted(all), "and"))
		case slices.Contains(out, v.text):
			s.fail(v.at, "Named twice", "%s is already in this list.", v.shown())
		default:
			out = append(out, v.text)
		}
	}
	return out
}

// recipientFilters reads the recipient blocks of a mail block, by address.
func (s *scope) recipientFilters(m *notify.Mail) {
	seen := map[string]hcl.Range{}
	known := map[string]bool{}
	for _, mailbox := range slices.Concat(m.To, m.Cc, m.Bcc) {
		_, address, _ := templates.Address(mailbox) // checked when it was read
		known[strings.ToLower(address)] = true
	}
	for _, block := range items(s.body) {
		if block.Type != "recipient" || !s.loader.labels(block, "ADDRESS") {
			continue
		}
		inner := s.loader.scope(s.source, block)
		address := strings.ToLower(block.Labels[0])
		f := inner.filter()
		inner.done()
		switch first, twice := seen[address]; {
		case twice:
			inner.fail(inner.header, "Name used twice", "This address has a block already, at %s.", place(first))
			continue
		case !known[address]:
			inner.fail(block.LabelRanges[0], "Not a recipient", "%s has no recipient %q. Name it in \"to\", \"cc\" or \"bcc\" too; the block says which events it gets.", s.name, block.Labels[0])
			continue
		case len(f.Only)+len(f.Not) == 0:
			inner.fail(inner.header, "Empty block", "The block says which events the address gets: only = [\"critical\"], or not = [\"instance\"].")
			continue
		}
		seen[address] = inner.header
		if m.Filters == nil {
			m.Filters = map[string]notify.Filter{}
		}
		m.Filters[address] = f
	}
}
