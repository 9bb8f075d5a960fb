package main

import (
	"fmt"
	"regexp"
	"strings"
)

// link is [text](address): on paper only the text counts.
var link = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`) //nolint:gochecknoglobals // compiled once

// sentence writes running text with its code and its emphasis (groff(7)).
func sentence(text string) string {
	var b strings.Builder
	for i, piece := range strings.Split(link.ReplaceAllString(text, "$1"), "`") {
		if i%2 == 1 { // within code
			b.WriteString(`\fB` + strings.ReplaceAll(roff(piece), "-", `\-`) + `\fR`)
			continue
		}
		for j, part := range strings.Split(piece, "**") {
			if j%2 == 1 {
				part = `\fI` + roff(part) + `\fR`
			} else {
				part = roff(part)
			}
			b.WriteString(part)
		}
	}
	return guarded(b.String())
}

// plain is text without its code, emphasis and links.
func plain(text string) string {
	text = strings.NewReplacer("`", "", "**", "").Replace(link.ReplaceAllString(text, "$1"))
	return strings.TrimSpace(text)
}

// quoted is an argument of a macro.
func quoted(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }

// verbatim is a line as it stands.
func verbatim(line string) string {
	return guarded(strings.ReplaceAll(roff(strings.ReplaceAll(line, "\t", "    ")), "-", `\-`))
}

// guarded keeps a line that begins with a dot or an apostrophe from being a
// request.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// roff writes characters so that every groff prints them as they are.
func roff(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r >= 0x80:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
