package templates

import (
	"regexp"
	"strings"
)

// fact is a row of a page: a label with its value.
type fact struct {
	Label, Value string
	Strong       bool
}

// block is preformatted text under a heading, which may be empty.
type block struct{ Heading, Text string }

// remark reports whether a block is one line for people rather than output.
func (b block) remark() bool {
	return b.Heading == "" && !strings.Contains(b.Text, "\n") && len(b.Text) <= maxLead
}

// maxBlocks bounds what a description is taken apart into.
const maxBlocks = 20

var labelled = regexp.MustCompile(`^([A-Z][A-Za-z ]{0,24}):  *([^ ].*)$`)

// takeApart finds what a description consists of: its first line, and then the
// lines as they are, in paragraphs. One whose lines are indented under a line
// with a colon gets that as its heading. With labels, the lines "Label: value"
// before the first blank one are facts.
func takeApart(description string, labels bool) (lead string, facts []fact, blocks []block) {
	lead, rest, _ := strings.Cut(description, "\n")
	if labels {
		for rest != "" {
			line, after, _ := strings.Cut(rest, "\n")
			m := labelled.FindStringSubmatch(line)
			if m == nil {
				break
			}
			facts = append(facts, fact{Label: m[1], Value: m[2]})
			rest = after
		}
	}
	rest = strings.Trim(rest, "\n")
	for rest != "" {
		paragraph, after, _ := strings.Cut(rest, "\n\n")
		if len(blocks) == maxBlocks-1 {
			paragraph, after = rest, ""
		}
		blocks = append(blocks, blockOf(paragraph))
		rest = strings.TrimLeft(after, "\n")
	}
	return lead, facts, blocks
}

func blockOf(paragraph string) block {
	heading, rest, ok := strings.Cut(paragraph, "\n")
	heading, colon := strings.CutSuffix(heading, ":")
	const indent = "  "
	if !ok || !colon || strings.HasPrefix(heading, " ") {
		return block{Text: paragraph}
	}
	lines := strings.Split(rest, "\n")
	for i, line := range lines {
		if lines[i], ok = strings.CutPrefix(line, indent); !ok {
			return block{Text: paragraph}
		}
	}
	return block{Heading: heading, Text: strings.Join(lines, "\n")}
}
