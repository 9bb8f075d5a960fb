package setup

import (
	"bytes"
	"regexp"
)

// At is the place of a block in a rule file.
type At struct {
	Block string // its type
	Line  int
}

// block finds the lines that begin a mailserver or mail block; its label may be
// without quotes. Those behind a "#" begin none.
var block = regexp.MustCompile(`(?m)^[ \t]*(mailserver|mail)(?:[ \t]*"[^"\n]*"|[ \t]+[\pL_][\pL\pN_-]*)[ \t]*\{`)

// Configured says whether a rule file has a mail server or recipients already,
// and where.
func Configured(text []byte) (at At, found bool) {
	m := block.FindSubmatchIndex(text)
	if m == nil {
		return At{}, false
	}
	return At{Block: string(text[m[2]:m[3]]), Line: 1 + bytes.Count(text[:m[2]], []byte("\n"))}, true
}
