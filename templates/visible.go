package templates

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lines says what becomes of line ends when a text is made visible.
type lines bool

const (
	oneLine   lines = false // a line end or a tab becomes one blank
	manyLines lines = true  // CRLF and LF become LF; tabs stay
)

// visible makes a text from outside safe to show: control characters, line
// and paragraph separators, invisible format characters (bidi overrides above
// all) and bytes that are no UTF-8 are written out as \x1b or \u202e. Its
// result is its own fixed point.
func visible(text string, keep lines) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.IndexFunc(text, func(r rune) bool { return !shown(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case shown(r), keep == manyLines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case r == '\n', r == '\t', r == '\r' && keep == oneLine:
			b.WriteByte(' ')
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// shown reports whether a reader sees r for what it is. The zero-width joiners
// are kept: Persian and emoji need them.
func shown(r rune) bool {
	switch {
	case r >= ' ' && r <= '~': // most of them
		return true
	case r == utf8.RuneError: // may be a byte that is no UTF-8
		return false
	case r == '\u200c', r == '\u200d':
		return true
	default:
		return !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point)
	}
}

// cut shortens a text to at most limit bytes, at a rune, and marks the cut.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	limit -= len(mark)
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:max(limit, 0)] + mark
}
