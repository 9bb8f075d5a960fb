package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"tocsin/templates"
)

// maxHinted is the length of a line in bytes that a person may have written.
const maxHinted = 1000

// hint is what was probably meant by a line that cannot be parsed.
type hint struct{ pattern, text string }

// compiledHint is a hint whose pattern is compiled.
type compiledHint struct {
	pattern *regexp.Regexp
	text    string
}

type compiled []compiledHint

// find is the first hint for a line, on a line of its own.
func (c compiled) find(line string) string {
	for _, h := range c {
		if h.pattern.MatchString(line) {
			return "\n" + h.text
		}
	}
	return ""
}

func compiledHints() compiled {
	var out compiled
	for _, h := range syntaxHints() {
		out = append(out, compiledHint{regexp.MustCompile(h.pattern), h.text})
	}
	return out
}

func syntaxHints() []hint {
	return []hint{
		{`[<>=]\s*[0-9.]+\s*%`, "A percentage is a plain number: write 90 for 90 %."},
		{`\b[0-9.]+\s*([KMGT]i?B)\b`, "A size is a product: write 5 * GiB for 5 GiB."},
		{`\b[0-9.]+(s|m|h|d|min|sec|hours?|days?)\b`, "A time in an expression is a product: write 26 * hour. A duration of its own is a text: \"5m\"."},
		{`\s(and|AND)\s`, "\"And\" is written &&."},
		{`\s(or|OR)\s`, "\"Or\" is written ||."},
		{`=\s*(not|NOT)\s`, "\"Not\" is written !."},
		{`^\s*if\s`, "A rule is a block: rule \"name\" { when = … }."},
		{`'`, "A text stands in double quotes."},
	}
}

var quotedText = regexp.MustCompile(`"[^"]*"`)

// syntaxProblems adds hints to what HCL says of a file and leaves out what
// only follows from an earlier problem.
func (s *source) syntaxProblems(diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	const open = "Invalid multi-line string"
	hints := compiledHints()
	for i, d := range diags {
		// Nonsense has hundreds of thousands, in one line of a megabyte.
		if d.Subject == nil || i >= maxKept {
			out = append(out, d)
			continue
		}
		line, _, hidden := s.shownLine(d.Subject.Start.Byte)
		switch {
		case hidden:
			d.Summary = "Value cannot be read"
			d.Detail = "It is not shown because it may be a secret. A text stands in double quotes; a quote, a backslash and ${ within it are written \\\", \\\\ and $${."
			return append(out, d)
		case d.Summary == open:
			d.Detail = "The text that begins in this line has no closing quote. A text of several lines is written <<-EOT … EOT."
			return append(out, d)
		case d.Summary == "Invalid escape sequence":
			d.Detail += " A backslash is written \\\\, and a dollar sign needs none before it."
		default:
			if len(line) < maxHinted {
				d.Detail += hints.find(quotedText.ReplaceAllString(line, `""`))
			}
		}
		out = append(out, d)
	}
	return out
}

// addValueProblems keeps what HCL says of an expression, with hints, and
// without the words of a password.
func (s *scope) addValueProblems(diags hcl.Diagnostics, expr hclsyntax.Expression, funcs map[string]function.Function) {
	r := expr.Range()
	hidden := s.source.hides(r.Start.Byte, r.End.Byte)
	for _, d := range diags {
		switch {
		case s.refused != "" && d.Summary == "Invalid function argument":
			d.Summary, d.Detail = "Value not available", s.refused
		case hidden:
			// HCL quotes what it does not understand.
			d.Summary = "Value cannot be read"
			d.Detail = "It is not shown because it may be a secret. A text stands in double quotes."
		case d.Summary == "Call to unknown function" && d.Subject != nil:
			// HCL's own suggestion depends on the order of a map.
			name, names := s.source.at(*d.Subject), slices.Sorted(maps.Keys(funcs))
			d.Detail = fmt.Sprintf("There is no function %q.%s There are %s.", name, didYouMean(name, names), list(names, "and"))
		case d.Summary == "Unknown variable" && d.Subject != nil:
			name := s.source.at(*d.Subject)
			names := slices.Sorted(maps.Keys(constants()))
			d.Detail = fmt.Sprintf("There is no variable %q here.%s%s A text stands in double quotes.", name, didYouMean(name, names), variableHint(name))
		}
	}
	s.loader.problems.add(diags...)
}

// variableHint is for ${SERVICE} where $SERVICE is meant.
func variableHint(name string) string {
	for _, doc := range templates.Variables() {
		if strings.EqualFold(doc.Name, name) {
			return " What stands in ${ } is put in when the file is read. The variable of a mail is written without braces: $" + doc.Name + "."
		}
	}
	return ""
}
