package config

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// redacted stands for a secret wherever one would be shown.
const redacted = "[redacted]"

// hiddenSpans finds the values of attributes that look like passwords. It
// works on tokens, so that a literal password is hidden even when its line is
// the one that cannot be parsed. A call of env(), file() or credential() with
// one literal is no secret and stays visible.
func hiddenSpans(tokens hclsyntax.Tokens) []span {
	var spans []span
	lineStart := true
	for i := 0; i < len(tokens); i++ {
		token := tokens[i]
		switch token.Type {
		case hclsyntax.TokenIdent:
			if lineStart && isSecretName(string(token.Bytes)) {
				end := valueEnd(tokens, i+1)
				if !isSecretCall(tokens[i+1 : end]) {
					spans = append(spans, valueSpan(tokens[i+1:end])...)
				}
				i = end - 1
			}
			lineStart = false
		case hclsyntax.TokenNewline, hclsyntax.TokenOBrace, hclsyntax.TokenComma, hclsyntax.TokenComment:
			lineStart = true
		default:
			lineStart = false
		}
	}
	return spans
}

// Redact is the text of a rule file for a person to look at, without the secrets
// that it holds literally.
func Redact(text []byte) []byte {
	if len(text) > maxFile {
		return []byte(redacted)
	}
	tokens, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos)
	var shown []byte
	at := 0
	for _, h := range hiddenSpans(tokens) {
		shown = append(append(shown, text[at:h.from]...), redacted...)
		at = h.to
	}
	return append(shown, text[at:]...)
}

// isSecretName takes typing errors into account: the line of a misspelled
// attribute is shown, and its value must not be.
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"pass", "secret", "pwd"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	if strings.Contains(name, "token") && !strings.Contains(name, "url") {
		return true
	}
	return distance(name, "password") <= 3
}

// isSecretAttribute knows the attributes whose values are secrets, and whose
// files nobody else may read.
func isSecretAttribute(name string) bool {
	return name == "password" || name == "client_secret" || name == "refresh_token"
}

// valueEnd is where the line that holds tokens[i] ends, or the last of its
// lines when a bracket or a heredoc is open.
func valueEnd(tokens hclsyntax.Tokens, i int) int {
	depth := 0
	for ; i < len(tokens); i++ {
		switch tokens[i].Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
			hclsyntax.TokenTemplateSeqEnd:
			if depth--; depth < 0 {
				return i
			}
		case hclsyntax.TokenNewline:
			if depth == 0 {
				return i
			}
		case hclsyntax.TokenComment:
			if depth == 0 && bytes.HasSuffix(tokens[i].Bytes, []byte("\n")) {
				return i + 1 // a comment beside a password may hold the old one
			}
		}
	}
	return i
}

// isSecretCall knows `= env("NAME")` and its like, also misspelled.
func isSecretCall(tokens hclsyntax.Tokens) bool {
	want := []hclsyntax.TokenType{
		hclsyntax.TokenEqual, hclsyntax.TokenIdent, hclsyntax.TokenOParen,
		hclsyntax.TokenOQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenCQuote, hclsyntax.TokenCParen,
	}
	if len(tokens) < len(want) {
		return false
	}
	for i, t := range want {
		if tokens[i].Type != t {
			return false
		}
	}
	for _, rest := range tokens[len(want):] {
		if rest.Type != hclsyntax.TokenComment {
			return false
		}
	}
	return suggest(string(tokens[1].Bytes), []string{"env", "file", "credential"}) != ""
}

func valueSpan(tokens hclsyntax.Tokens) []span {
	if len(tokens) > 0 && tokens[0].Type == hclsyntax.TokenEqual {
		tokens = tokens[1:]
	}
	if len(tokens) == 0 {
		return nil
	}
	last := tokens[len(tokens)-1]
	to := last.Range.End.Byte
	if last.Type == hclsyntax.TokenComment {
		to-- // without its line end
	}
	return []span{{tokens[0].Range.Start.Byte, to}}
}

// hides says whether a byte range of the file overlaps what must not be shown.
func (s *source) hides(from, to int) bool {
	for _, h := range s.hidden {
		if from < h.to && h.from < max(to, from+1) {
			return true
		}
	}
	return false
}

// shownLine is the line of the file that holds a byte, without what is hidden.
func (s *source) shownLine(at int) (line string, start int, hidden bool) {
	at = min(at, len(s.text))
	start = 1 + bytes.LastIndexByte(s.text[:at], '\n')
	end := len(s.text)
	if i := bytes.IndexByte(s.text[start:], '\n'); i >= 0 {
		end = start + i
	}
	if !s.hides(start, end) {
		return string(s.text[start:end]), start, false
	}
	var b strings.Builder
	from := start
	for _, h := range s.hidden {
		if h.to <= start || h.from >= end {
			continue
		}
		b.Write(s.text[from:max(from, h.from)])
		b.WriteString(redacted)
		from = min(h.to, end)
	}
	b.Write(s.text[from:end])
	return b.String(), start, true
}

// secretWords lists the hidden texts, as values and as the file writes them.
func (s *source) secretWords() []string {
	var words []string
	for _, h := range s.hidden {
		text := strings.TrimSpace(string(s.text[h.from:h.to]))
		words = append(words, text)
		for _, word := range strings.FieldsFunc(text, func(r rune) bool {
			return strings.ContainsRune(" \t\r\n\"'`#${}()[],", r)
		}) {
			if _, isFunction := functions()[word]; !isFunction && word != "credential" && word != "hostname" {
				words = append(words, word)
			}
		}
	}
	return words
}
