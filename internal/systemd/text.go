package systemd

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of text from outside, in bytes.
const (
	maxWall  = 1024 // a wall message
	maxWord  = 256  // a name, a result, a state
	maxError = 256  // what another program says of an error
)

// safe makes a text from outside fit to print: at most limit bytes, on one
// line, without control characters, invisible format characters (bidi
// overrides above all) or bytes that are not UTF-8. What is cut off is marked.
func safe(text string, limit int) string {
	const mark = "…"
	short := head(text, limit) // never look at megabytes
	shown := strings.TrimSpace(strings.Map(legible, short))
	// A replacement is longer than the byte it stands for: the text may grow.
	if len(short) == len(text) && len(shown) <= limit {
		return shown
	}
	return head(shown, limit-len(mark)) + mark
}

// head is the start of a text, at most limit bytes, and no half rune.
func head(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := max(limit, 0)
	for end > max(limit-utf8.UTFMax, 0) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// legible keeps what a reader sees for what it is. Invalid bytes arrive here
// as U+FFFD. The zero-width joiners stay: Persian and emoji need them.
func legible(r rune) rune {
	switch {
	case r >= ' ' && r <= '~', r == '\u200c', r == '\u200d':
		return r
	case r == '\n', r == '\r', r == '\t', r == '\v', r == '\f', unicode.In(r, unicode.Zl, unicode.Zp):
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Noncharacter_Code_Point):
		return utf8.RuneError
	default:
		return r
	}
}

// unitSuffixes are what the name of a unit can end in (systemd.unit(5)).
func unitSuffixes() []string {
	return []string{
		".service", ".socket", ".device", ".mount", ".automount", ".swap",
		".target", ".path", ".timer", ".slice", ".scope",
	}
}

// isUnitName reports whether name has the form that systemd.unit(5) demands.
func isUnitName(name string) bool {
	if len(name) > 255 {
		return false
	}
	for _, suffix := range unitSuffixes() {
		if stem, ok := strings.CutSuffix(name, suffix); ok {
			return stem != "" && !strings.ContainsFunc(stem, func(r rune) bool { return !inUnitName(r) })
		}
	}
	return false
}

func inUnitName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`:-_.\@`, r)
}
