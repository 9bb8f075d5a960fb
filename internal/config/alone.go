package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// alone finds what is wrong with the files that can be parsed where another one
// cannot. What that one has is not known: no problem is told that a block of it
// could end, such as a name that nothing has.
func (p *Problems) alone(sources []*source, opt Options) {
	sound := slices.DeleteFunc(slices.Clone(sources), func(s *source) bool { return s.broken || s.body == nil })
	if len(sound) == 0 || len(sound) == len(sources) {
		return
	}
	q := newProblems()
	q.sources = p.sources
	newLoader(opt, q).load(sound)
	p.secrets = append(p.secrets, q.secrets...)
	for _, d := range q.diags {
		if d.Severity == hcl.DiagError && slices.Contains(ownMistakes(), d.Summary) {
			p.add(d)
		}
	}
}

// ownMistakes are the problems that are of the text of one block alone, by their
// summaries. What depends on an agent block, such as the least length of a
// window, is not among them.
func ownMistakes() []string {
	return []string{
		"Attributes exclude each other", "Condition that never changes", "Condition without a metric", "Empty block", "Empty list", "Empty value",
		"Invalid address", "Invalid check", "Invalid domain", "Invalid duration", "Invalid fingerprint", "Invalid header", "Invalid host name", "Invalid label",
		"Invalid list", "Invalid name", "Invalid number", "Invalid operand", "Invalid pattern", "Invalid schedule", "Invalid subject", "Invalid URL",
		"Invalid value", "Limit above the provider's", "List too long", "Login missing", "Login not used", "Missing attribute", "Name used twice", "Never false", "Never true",
		"Not a condition", "Not a number", "Not an absolute path", "Not encrypted", "Password missing", "Password without encryption",
		"Text too long", "Too many attributes", "Unknown attribute", "Unknown block", "Unknown evidence", "Unknown field", "Unknown hook", "Unknown kind",
		"Unknown metric", "Unknown provider", "Unknown variable", "Unknown word", "Username missing", "Wrong arguments", "Wrong number of labels", "Wrong type",
	}
}
