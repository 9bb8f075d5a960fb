package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The caps of a file's shape. HCL's parser and evaluator recurse, and a Go
// program cannot survive a stack overflow: 140 KB of "(" kill the process
// (hashicorp/hcl#809). The lexer is iterative, so the tokens are counted
// first. Measured with hcl v2.25.0 on 1 MB: `a[b][b]…` is quadratic to
// evaluate (8 s at 150 KB), "${1}${1}…" too (5 s), a heredoc of 250,000
// lines or a text with as many dollar signs takes minutes to parse, a number
// of 1 MB 1.5 s.
const (
	maxDepth    = 64      // open brackets, braces, quotes and heredocs
	maxLinks    = 512     // operators and indexes around one term, all open levels together
	maxTokens   = 400_000 // of a file
	maxPieces   = 6_000   // pieces of a text: its lines, and dollar signs within them
	maxNumber   = 64      // bytes of a number
	maxExponent = 3       // digits of a number's exponent
)

// frame is one open bracket, brace, quote, heredoc or interpolation.
type frame struct {
	open    hclsyntax.Token
	closing hclsyntax.TokenType
	links   int // operators since the last comma or line end of this frame
	parts   int // of a text: its pieces
}

// guardian counts through the tokens of a file.
type guardian struct {
	source *source
	frames []frame
	base   int // links outside all frames
	links  int // of all frames together, with base
}

// guard refuses what would overflow or stall HCL, at its first place. It also
// finds what must be hidden.
func guard(s *source) hcl.Diagnostics {
	// What the lexer reports, the parser reports again.
	tokens, _ := hclsyntax.LexConfig(s.text, s.name, hcl.InitialPos)
	s.hidden = hiddenSpans(tokens)
	if len(tokens) > maxTokens {
		return hcl.Diagnostics{tokenProblem(tokens[maxTokens], "File too long", fmt.Sprintf("A rule file may have at most %d words and signs. Split it: every *.hcl file of the directory is read.", maxTokens))}
	}
	g := &guardian{source: s}
	for i, token := range tokens {
		if d := g.step(tokens, i, token); d != nil {
			return hcl.Diagnostics{d}
		}
	}
	return nil
}

func (g *guardian) step(tokens hclsyntax.Tokens, i int, token hclsyntax.Token) *hcl.Diagnostic {
	switch token.Type {
	case hclsyntax.TokenOBrack, hclsyntax.TokenOBrace:
		if isFor(tokens, i) {
			return tokenProblem(token, "No \"for\" expressions", "A rule file has no loops: list the values one by one.")
		}
		g.link() // an index is a link of what it stands behind
		return g.push(token)
	case hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
		return g.push(token)
	case hclsyntax.TokenTemplateInterp:
		g.link() // many interpolations in one text are slow to evaluate
		return g.push(token)
	case hclsyntax.TokenTemplateControl:
		return tokenProblem(token, "No template directives", "The characters %{ begin a template directive in HCL, and Tocsin has none. For the two characters themselves, as curl uses them, write %%{.")
	case hclsyntax.TokenComma:
		g.reset()
	case hclsyntax.TokenComment:
		// A comment to the end of the line ends the line.
		if bytes.HasSuffix(token.Bytes, []byte("\n")) {
			g.endLine()
		}
	case hclsyntax.TokenNewline:
		g.endLine()
	case hclsyntax.TokenNumberLit:
		return checkNumber(token)
	case hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit:
		return g.piece(token)
	default:
		if isOperator(token.Type) {
			g.link()
		} else {
			g.pop(token.Type)
		}
	}
	if g.links > maxLinks {
		return g.tooLong(token)
	}
	return nil
}

func (g *guardian) top() *frame { return &g.frames[len(g.frames)-1] }

func (g *guardian) link() {
	g.links++
	if len(g.frames) == 0 {
		g.base++
	} else {
		g.top().links++
	}
}

func (g *guardian) reset() {
	if len(g.frames) == 0 {
		g.links, g.base = g.links-g.base, 0
		return
	}
	g.links, g.top().links = g.links-g.top().links, 0
}

// endLine ends an expression, but not within parentheses, brackets and
// interpolations: the parser reads on there.
func (g *guardian) endLine() {
	if len(g.frames) == 0 || g.top().closing == hclsyntax.TokenCBrace {
		g.reset()
	}
}

func (g *guardian) push(token hclsyntax.Token) *hcl.Diagnostic {
	g.frames = append(g.frames, frame{open: token, closing: closingOf(token.Type)})
	if len(g.frames) > maxDepth {
		return tokenProblem(token, "Nested too deeply", fmt.Sprintf("Brackets, braces and texts may be nested at most %d deep.%s", maxDepth, g.hint()))
	}
	if g.links > maxLinks {
		return g.tooLong(token)
	}
	return nil
}

// pop closes the innermost frame when the token does. A stray closing bracket
// closes nothing: the parser will say so, and the count stays safe.
func (g *guardian) pop(closing hclsyntax.TokenType) {
	if len(g.frames) > 0 && g.top().closing == closing {
		g.reset()
		g.frames = g.frames[:len(g.frames)-1]
	}
}

func (g *guardian) tooLong(token hclsyntax.Token) *hcl.Diagnostic {
	return tokenProblem(token, "Expression too long", fmt.Sprintf("An expression may have at most %d operators.%s", maxLinks, g.hint()))
}

// hint is for the usual cause of a deep file, a bracket that is not closed.
func (g *guardian) hint() string {
	i := slices.IndexFunc(g.frames, func(f frame) bool { return f.closing != hclsyntax.TokenCBrace })
	if i < 0 {
		return ""
	}
	open := g.frames[i].open
	return fmt.Sprintf(" The outermost one that is still open is %q in line %d; is it closed?", strings.TrimSpace(string(open.Bytes)), open.Range.Start.Line)
}

// piece counts the pieces of the innermost text, which the parser melds one by
// one.
func (g *guardian) piece(token hclsyntax.Token) *hcl.Diagnostic {
	if len(g.frames) == 0 {
		return nil
	}
	if g.top().parts++; g.top().parts > maxPieces {
		return tokenProblem(token, "Text too long", fmt.Sprintf("A text may have at most %d lines, fewer with dollar signs in them.", maxPieces))
	}
	return nil
}

func closingOf(open hclsyntax.TokenType) hclsyntax.TokenType {
	switch open {
	case hclsyntax.TokenOBrack:
		return hclsyntax.TokenCBrack
	case hclsyntax.TokenOBrace:
		return hclsyntax.TokenCBrace
	case hclsyntax.TokenOParen:
		return hclsyntax.TokenCParen
	case hclsyntax.TokenOQuote:
		return hclsyntax.TokenCQuote
	case hclsyntax.TokenOHeredoc:
		return hclsyntax.TokenCHeredoc
	default:
		return hclsyntax.TokenTemplateSeqEnd
	}
}

func isOperator(t hclsyntax.TokenType) bool {
	return slices.Contains([]hclsyntax.TokenType{
		hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenBang, hclsyntax.TokenQuestion,
	}, t)
}

// isFor says whether the bracket or brace at i opens a "for" expression: in a
// block "for" is an attribute and "=" comes next.
func isFor(tokens hclsyntax.Tokens, i int) bool {
	rest := tokens[i+1:]
	skip := func() {
		for len(rest) > 0 && (rest[0].Type == hclsyntax.TokenNewline || rest[0].Type == hclsyntax.TokenComment) {
			rest = rest[1:]
		}
	}
	skip()
	if len(rest) < 2 || rest[0].Type != hclsyntax.TokenIdent || string(rest[0].Bytes) != "for" {
		return false
	}
	rest = rest[1:]
	skip()
	return len(rest) > 0 && rest[0].Type == hclsyntax.TokenIdent
}

// checkNumber refuses numbers that take long to read or much memory to hold:
// floor(1e999999999) has a billion digits.
func checkNumber(token hclsyntax.Token) *hcl.Diagnostic {
	text := strings.ToLower(string(token.Bytes))
	_, exponent, _ := strings.Cut(text, "e")
	if len(text) > maxNumber || len(strings.TrimLeft(exponent, "+-0")) > maxExponent {
		return tokenProblem(token, "Number too long", "No limit of a server needs a number as long as this.")
	}
	return nil
}

func tokenProblem(token hclsyntax.Token, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: token.Range.Ptr()}
}
