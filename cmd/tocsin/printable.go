package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes text from outside safe for a terminal: control characters
// other than line ends and tabs become visible, carriage returns go.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r == '\n' || r == '\t' || (unicode.IsPrint(r) && r != utf8.RuneError):
			return r
		default:
			return utf8.RuneError
		}
	}, text)
}
