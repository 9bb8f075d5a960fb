package config

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Version is the version of the rule language that this program knows, from 1.
// It is raised with each release that adds to the language or changes it, so
// that what an older program does not know has a higher one. A file of a lower
// version is always understood.
const Version = 1

// versionName is the attribute by which a file says for which version it is.
const versionName = "version"

// versions looks at what the files say of their version, before anything else is
// made of them, and says whether they can be read on.
func (p *Problems) versions(sources []*source) bool {
	before := p.errors
	for _, s := range sources {
		if d := s.version(); d != nil {
			p.add(d)
		}
	}
	return p.errors == before
}

// version reads "version = 1" where it begins the file. It looks at the tokens:
// the rest may be what only a later program can parse. Nil is none, or one that
// is known.
func (s *source) version() *hcl.Diagnostic {
	if len(s.text) > maxFile || !bytes.Contains(s.text, []byte(versionName)) {
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(s.text, s.name, hcl.InitialPos)
	secret := hiddenSpans(tokens)
	tokens = slices.DeleteFunc(tokens, func(t hclsyntax.Token) bool { return t.Type == hclsyntax.TokenComment && !ends(t) })
	for len(tokens) > 0 && (tokens[0].Type == hclsyntax.TokenNewline || tokens[0].Type == hclsyntax.TokenComment) {
		tokens = tokens[1:]
	}
	if len(tokens) < 4 || string(tokens[0].Bytes) != versionName || tokens[1].Type != hclsyntax.TokenEqual {
		return nil
	}
	s.versioned = true
	value, after := tokens[2], tokens[3]
	n, err := strconv.ParseUint(string(value.Bytes), 10, 31)
	switch {
	case err == nil && n >= 1 && n <= Version && (after.Type == hclsyntax.TokenNewline || after.Type == hclsyntax.TokenEOF || ends(after)):
		return nil
	case err == nil && n > Version:
		s.hidden = append(secret, restOfLine(tokens[3:])...) // the line is shown
		return tokenProblem(value, fmt.Sprintf("Written for version %d of the rule language", n), fmt.Sprintf("This Tocsin knows it up to version %d, so nothing else of the configuration was looked at. Install a newer Tocsin here, or give this one a file that it knows.", Version))
	default:
		s.hidden = append(secret, restOfLine(tokens[3:])...)
		return tokenProblem(value, "Invalid version", fmt.Sprintf("%q takes a whole number on a line of its own, and this Tocsin knows the rule language up to version %d: %s = %d", versionName, Version, versionName, Version))
	}
}

// restOfLine is what else stands on a line, from the first word on: nobody knows
// what a later language means by it.
func restOfLine(tokens hclsyntax.Tokens) []span {
	from := -1
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenIdent && from < 0 {
			from = t.Range.Start.Byte
		}
		if t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenEOF || ends(t) {
			if from < 0 {
				return nil
			}
			return []span{{from, t.Range.Start.Byte}}
		}
	}
	return nil
}

// ends says whether a token is a comment that ends its line.
func ends(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenComment && bytes.HasSuffix(t.Bytes, []byte("\n"))
}

// versionPlace refuses a version that does not begin its file: a later one is to
// be seen before everything else.
func (s *scope) versionPlace() {
	if attr := s.attr(versionName); attr != nil && !s.source.versioned {
		s.fail(attr.NameRange, "Not at the beginning", "%q says for which version of the language a file is written, so it stands before everything but comments.", versionName)
	}
}
