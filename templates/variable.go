package templates

import (
	"slices"
	"strings"

	"tocsin"
)

// maxExpanded bounds what Expand makes, in bytes.
const maxExpanded = 64 << 10

// VariableDoc describes one $VARIABLE.
type VariableDoc struct{ Name, Doc string }

// Variable is a $NAME in a text that is no variable.
type Variable struct {
	Name   string // without the dollar sign
	Offset int    // of the dollar sign, in bytes
	// Suggestion is the variable that was probably meant, empty when none is
	// close.
	Suggestion string
}

// variable is a VariableDoc with its value.
type variable struct {
	name, doc string
	value     func(*tocsin.Event) string
}

func variables() []variable {
	return []variable{
		{"SERVICE", "name of the check", func(e *tocsin.Event) string { return e.Check }},
		{"EVENT", "what happened, in Monit's words: \"Resource limit matched\"", func(e *tocsin.Event) string { return e.Name }},
		{"HOST", "name of the host, as the agent block has it", func(e *tocsin.Event) string { return e.Host }},
		{"DATE", "when it happened, with the zone: \"Sun, 22 Nov 2026 03:04:05 +0100\"", func(e *tocsin.Event) string { return mailDate(e.At) }},
		{"ACTION", "what the agent does about it: \"alert\", \"restart\"", func(e *tocsin.Event) string { return e.Action }},
		{"DESCRIPTION", "what is wrong, with values: \"cpu.percent 97.3 > 90 for 5m\"", func(e *tocsin.Event) string { return e.Description }},
		{"SEVERITY", "info, warning or critical", func(e *tocsin.Event) string { return e.Severity.String() }},
		{"RULE", "name of the rule", func(e *tocsin.Event) string { return e.Rule }},
		{"VALUE", "value of the rule's first metric, with its unit", func(e *tocsin.Event) string { return e.Value }},
		{"STATE", "kind of the event: failed, recovered, reminder, escalation, changed, action, boot, shutdown, instance, test", func(e *tocsin.Event) string { return string(e.Type) }},
		{"DURATION", "how long the failure has lasted: \"1h12m\"", func(e *tocsin.Event) string { return lasted(e) }},
		{"ID", "id of the event, unique for ever", func(e *tocsin.Event) string { return e.ID }},
		{"KIND", "kind of the check: process, filesystem", func(e *tocsin.Event) string { return e.Kind }},
		{"SINCE", "when the failure began, as in $DATE", func(e *tocsin.Event) string { return mailDate(since(e)) }},
		{"DEPENDANTS", "the checks that depend on this one and how they are, a line each, 50 of them and how many more; empty in a rule's message", dependants},
	}
}

// Variables lists the $VARIABLES of subjects and texts, Monit's six first.
func Variables() []VariableDoc {
	var docs []VariableDoc
	for _, v := range variables() {
		docs = append(docs, VariableDoc{v.name, v.doc})
	}
	return docs
}

// Expand replaces the $VARIABLES of a text by what they are for e. ${NAME} is
// taken as well, $$ is a dollar sign, and whatever else follows a dollar sign
// stays as it is, unknown names too. Values are not expanded again. The result
// is cut at 64 KiB; it is as safe or unsafe as the event's texts are.
func Expand(text string, e tocsin.Event) string {
	all := variables()
	var b strings.Builder
	rest := text
	for b.Len() <= maxExpanded {
		dollar := strings.IndexByte(rest, '$')
		if dollar < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:dollar])
		rest = rest[dollar:]
		name, length := reference(rest)
		i := slices.IndexFunc(all, func(v variable) bool { return v.name == name })
		switch {
		case i >= 0:
			b.WriteString(all[i].value(&e))
		case strings.HasPrefix(rest, "$$"):
			b.WriteByte('$')
		default:
			b.WriteString(rest[:length])
		}
		rest = rest[length:]
	}
	return cut(b.String(), maxExpanded)
}

// Unknown finds the $NAMEs of a text that are no variables. Only capitals and
// underscores make a name, so $5, $(x) and a dollar sign at the end are plain
// text.
func Unknown(text string) []Variable {
	all := variables()
	var unknown []Variable
	for i := 0; i < len(text); {
		dollar := strings.IndexByte(text[i:], '$')
		if dollar < 0 {
			break
		}
		i += dollar
		name, length := reference(text[i:])
		if name != "" && !slices.ContainsFunc(all, func(v variable) bool { return v.name == name }) {
			unknown = append(unknown, Variable{Name: name, Offset: i, Suggestion: suggest(name, all)})
		}
		i += length
	}
	return unknown
}

// reference reads what the dollar sign at the start of text refers to, and how
// many bytes that takes: the name is empty for a plain dollar sign (one byte)
// and for $$ (two).
func reference(text string) (name string, length int) {
	if strings.HasPrefix(text, "$$") {
		return "", 2
	}
	rest := text[1:]
	braced := strings.HasPrefix(rest, "{")
	if braced {
		rest = rest[1:]
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' })
	if end < 0 {
		end = len(rest)
	}
	switch name = rest[:end]; {
	case name == "":
		return "", 1
	case !braced:
		return name, 1 + len(name)
	case strings.HasPrefix(rest[end:], "}"):
		return name, 3 + len(name)
	default:
		return "", 1
	}
}

// suggest returns the variable closest to name, if at most a third of it is
// different.
func suggest(name string, all []variable) string {
	var names []string
	for _, v := range all {
		names = append(names, v.name)
	}
	return nearest(name, names)
}

// nearest returns the name closest to name, if at most a third of it is
// different.
func nearest(name string, all []string) string {
	best, closest := "", len(name)/3+2
	for _, other := range all {
		if d := distance(name, other); d < closest {
			best, closest = other, d
		}
	}
	return best
}

// distance is the Levenshtein distance. A long name is far from everything.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
