package config

import (
	"maps"
	"slices"
	"strings"

	"tocsin/notify/pickup"
)

const maxAliases = 1000

// aliases decodes the aliases blocks; there is at most one. Each attribute is a
// local name, its value a list of addresses and other local names.
func (l *loader) aliases(blocks []found) pickup.Aliases {
	if len(blocks) == 0 {
		return nil
	}
	l.single(blocks, "aliases")
	s := l.scope(blocks[0].source, blocks[0].block)
	l.labels(blocks[0].block)
	out := pickup.Aliases{}
	names := slices.Sorted(maps.Keys(s.body.Attributes))
	if len(names) > maxAliases {
		s.fail(s.header, "Too many aliases", "%s has %d names; it may have %d.", s.name, len(names), maxAliases)
		return nil
	}
	for _, name := range names {
		values, attr := s.texts(name), s.body.Attributes[name]
		if len(values) > maxRecipients || isEmptyList(attr.Expr) {
			s.fail(attr.Expr.Range(), "Invalid list", "An alias is 1 to %d addresses or local names, such as [\"ops@example.com\"].", maxRecipients)
			continue
		}
		for _, v := range values {
			if v.unknown {
				continue
			}
			if err := pickup.CheckAddress(v.text); err != nil {
				s.fail(v.at, "Invalid address", "%s is neither an address such as \"ops@example.com\" nor a local name such as \"root\".", v.shown())
				continue
			}
			out[strings.ToLower(name)] = append(out[strings.ToLower(name)], v.text)
		}
	}
	s.done()
	if way := out.Loop(); way != nil {
		at := s.header
		for name, attr := range s.body.Attributes {
			if strings.EqualFold(name, way[0]) {
				at = attr.NameRange
			}
		}
		s.fail(at, "Alias in a circle", "%s leads back to itself. An alias ends at an address.", strings.Join(way, " → "))
	}
	return out
}
