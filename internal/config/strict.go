package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// notYet is the summary of what a later version will know.
const notYet = "Not in this version"

// done reports what the block holds and was not asked for.
func (s *scope) done(nested ...string) {
	s.blocks = nested
	for _, name := range slices.Sorted(maps.Keys(s.body.Attributes)) {
		if slices.Contains(s.attributes, name) {
			continue
		}
		attr := s.body.Attributes[name]
		if slices.Contains(s.later, name) {
			s.fail(attr.NameRange, notYet, "%s of %s is not in this version of Tocsin.", upperFirst(quotedAttribute(name)), s.name)
			continue
		}
		detail := fmt.Sprintf("%s has no attribute %q.%s", s.subject(), name, didYouMean(name, s.attributes))
		if slices.Contains(nested, name) {
			detail += fmt.Sprintf(" %q is a block: write %s { … } without \"=\".", name, name)
		}
		s.fail(attr.NameRange, "Unknown attribute", "%s", detail+s.allowed())
	}
	for _, block := range items(s.body) {
		if !slices.Contains(nested, block.Type) {
			s.unknownBlock(block)
		}
	}
}

func quotedAttribute(name string) string { return fmt.Sprintf("attribute %q", name) }

func (s *scope) unknownBlock(block *hclsyntax.Block) {
	if slices.Contains(s.later, block.Type) {
		s.fail(block.DefRange(), notYet, "Block %q in %s is not in this version of Tocsin.", block.Type, s.name)
		return
	}
	detail := fmt.Sprintf("%s has no block %q.%s", s.subject(), block.Type, didYouMean(block.Type, s.blocks))
	if slices.Contains(s.attributes, block.Type) {
		detail += fmt.Sprintf(" %q is an attribute: write %s = ….", block.Type, block.Type)
	}
	s.fail(block.DefRange(), "Unknown block", "%s", detail+s.allowed())
}

// subject is the name of the block at the start of a sentence.
func (s *scope) subject() string {
	if s.name == "a rule file" {
		return "A rule file"
	}
	return s.name
}

// allowed lists what the block takes.
func (s *scope) allowed() string {
	var parts []string
	if len(s.attributes) > 0 {
		noun := "the attribute "
		if len(s.attributes) > 1 {
			noun = "the attributes "
		}
		parts = append(parts, noun+list(s.attributes, "and"))
	}
	if len(s.blocks) > 0 {
		noun := "the block "
		if len(s.blocks) > 1 {
			noun = "the blocks "
		}
		parts = append(parts, noun+list(s.blocks, "and"))
	}
	if len(parts) == 0 {
		return " It takes nothing."
	}
	return " It takes " + strings.Join(parts, ", and ") + "."
}

// labels checks the number of labels and what they consist of. What names
// them, such as "KIND" and "NAME", is for the message.
func (l *loader) labels(block *hclsyntax.Block, what ...string) bool {
	if len(block.Labels) != len(what) {
		l.problems.add(problem(block.DefRange(), "Wrong number of labels", "This block has %s; it is written: %s { … }", plural(len(block.Labels), "label"), blockName(block.Type, what)))
		return false
	}
	for i, label := range block.Labels {
		if detail := badLabel(label); detail != "" {
			l.problems.add(problem(block.LabelRanges[i], "Invalid label", "%s", detail))
			return false
		}
	}
	return true
}

const maxLabel = 128

func badLabel(label string) string {
	switch {
	case strings.TrimSpace(label) == "":
		return "A label must not be empty."
	case len(label) > maxLabel:
		return fmt.Sprintf("A label has at most %d bytes.", maxLabel)
	case label != oneLine(label), label != strings.TrimSpace(label):
		return "A label has no control characters and no blanks around it."
	default:
		return ""
	}
}

func plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	default:
		return fmt.Sprintf("%d %ss", n, noun)
	}
}

// place names a place for a second one to refer to.
func place(r hcl.Range) string { return fmt.Sprintf("%s line %d", r.Filename, r.Start.Line) }
