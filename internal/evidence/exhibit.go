package evidence

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of one piece: four of them fit into the description of a mail.
const (
	maxLines = 20
	maxBytes = 3 << 10
	maxLine  = 400
	maxWhy   = 200
)

// text is the exhibit as a description has it: a heading with a colon, and the
// lines indented. The mail makes a block of that.
func (e Exhibit) text() string {
	var b strings.Builder
	b.WriteString(line(e.Heading, maxWhy) + ":")
	left := maxBytes
	for i, l := range e.Lines {
		l = line(l, maxLine)
		if left -= len(l) + 3; i == maxLines || left < 0 {
			fmt.Fprintf(&b, "\n  … and %d more", len(e.Lines)-i)
			break
		}
		b.WriteString("\n  " + l)
	}
	switch {
	case e.Missing != "" && len(e.Lines) == 0:
		b.WriteString("\n  not available: " + line(e.Missing, maxWhy))
	case e.Missing != "":
		b.WriteString("\n  not whole: " + line(e.Missing, maxWhy))
	case len(e.Lines) == 0:
		b.WriteString("\n  nothing")
	}
	return b.String()
}

// line makes a text from outside fit for one line: no control characters, no
// invisible ones, at most limit bytes. A blank one keeps its place.
func line(text string, limit int) string {
	if len(text) > limit {
		end := limit - len("…")
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		default:
			return utf8.RuneError
		}
	}, text)
	return strings.TrimRight(text, " ")
}

// size is a number of bytes for people, three digits.
func size(n int64) string {
	f, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for f >= 999.5 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	if f < 9.95 && f != float64(int64(f)) {
		return fmt.Sprintf("%.1f %s", f, units[0])
	}
	return fmt.Sprintf("%.0f %s", f, units[0])
}
