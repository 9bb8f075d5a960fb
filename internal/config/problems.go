package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxKept bounds how many problems are kept: a megabyte of nonsense has
// hundreds of thousands.
const maxKept = 100

// maxDetail bounds what is said of one problem, in runes.
const maxDetail = 2000

// leastSecret is the length from which a word cannot be in a text by chance.
const leastSecret = 8

// Problems is all that is wrong with a configuration, in the order of the
// files. A nil *Problems has none. No method ever shows a secret.
type Problems struct {
	diags   hcl.Diagnostics
	sources map[string]*source
	read    []*source // the rule files, in order
	unread  bool      // not all that the configuration is could be read
	// secrets are texts that must not be shown: values of env(), file() and
	// credential(), and literal passwords.
	secrets          []string
	errors, warnings int
}

func newProblems() *Problems { return &Problems{sources: map[string]*source{}} }

// HasErrors says whether there is more than warnings.
func (p *Problems) HasErrors() bool { return p != nil && p.errors > 0 }

// Len counts errors and warnings, also those that are too many to be kept.
func (p *Problems) Len() int {
	if p == nil {
		return 0
	}
	return p.errors + p.warnings
}

// Error is the first error in one line.
func (p *Problems) Error() string {
	if p == nil {
		return "no problems"
	}
	for _, d := range p.diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		text := fold(p.scrub(d.Summary) + ": " + p.scrub(d.Detail))
		if d.Subject != nil {
			text = fmt.Sprintf("%s:%d,%d: %s", oneLine(d.Subject.Filename), d.Subject.Start.Line, d.Subject.Start.Column, text)
		}
		if p.errors > 1 {
			text += fmt.Sprintf(" (and %d more)", p.errors-1)
		}
		return text
	}
	return "no errors"
}

// add keeps diagnostics. Values that HCL would dump are left out.
func (p *Problems) add(diags ...*hcl.Diagnostic) {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			p.errors++
		} else {
			p.warnings++
		}
		if len(p.diags) < 4*maxKept {
			p.diags = append(p.diags, &hcl.Diagnostic{Severity: d.Severity, Summary: d.Summary, Detail: cutLine(d.Detail, maxDetail), Subject: d.Subject})
		}
	}
}

// file adds an error that has no place in a file's text.
func (p *Problems) file(summary, path string, err error) {
	p.add(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf("%q: %s.", path, cause(err))})
}

// secret remembers a text that must not be shown.
func (p *Problems) secret(text string) {
	if text = strings.TrimSpace(text); text != "" {
		p.secrets = append(p.secrets, text)
	}
}

// finish sorts and cuts the problems when all are found.
func (p *Problems) finish() *Problems {
	slices.SortStableFunc(p.diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(boolInt(a.Subject != nil), boolInt(b.Subject != nil))
		}
		return cmp.Or(
			cmp.Compare(a.Subject.Filename, b.Subject.Filename),
			cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
		)
	})
	p.diags = p.diags[:min(len(p.diags), maxKept)]
	// Longest first, so that no rest of a secret stays behind.
	slices.SortFunc(p.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return p
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// scrub takes secrets out of a text. It is the second line: no text is made
// from a secret in the first place. Short words stay, because to take the word
// "file" out of a sentence would tell that it is part of a secret.
func (p *Problems) scrub(text string) string {
	for _, s := range p.secrets {
		if len(s) >= leastSecret {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	for _, s := range p.sources {
		for _, word := range s.secretWords() {
			if len(word) >= leastSecret {
				text = strings.ReplaceAll(text, word, redacted)
			}
		}
	}
	return text
}

// within names the blocks around a place: `check "system" "web-1", rule "cpu"`.
func (p *Problems) within(r *hcl.Range) string {
	s := p.sources[r.Filename]
	if s == nil || s.body == nil {
		return ""
	}
	var names []string
	blocks := s.body.Blocks
	for {
		i := slices.IndexFunc(blocks, func(b *hclsyntax.Block) bool {
			return b.TypeRange.Start.Byte <= r.Start.Byte && r.Start.Byte < b.CloseBraceRange.End.Byte
		})
		if i < 0 {
			return strings.Join(names, ", ")
		}
		names = append(names, blockName(blocks[i].Type, blocks[i].Labels))
		blocks = blocks[i].Body.Blocks
	}
}

func blockName(kind string, labels []string) string {
	return strings.Join(append([]string{kind}, quoted(labels)...), " ")
}

type jsonPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

type jsonRange struct {
	Filename string  `json:"filename"`
	Start    jsonPos `json:"start"`
	End      jsonPos `json:"end"`
}

type jsonProblem struct {
	Severity string     `json:"severity"`
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail"`
	Range    *jsonRange `json:"range,omitempty"`
}

type jsonProblems struct {
	Valid       bool          `json:"valid"`
	Errors      int           `json:"error_count"`
	Warnings    int           `json:"warning_count"`
	Diagnostics []jsonProblem `json:"diagnostics"`
}

// JSON is the problems for programs, in the shape that `terraform validate
// -json` has: valid, error_count, warning_count and diagnostics, of which the
// first hundred are listed.
func (p *Problems) JSON() []byte {
	out := jsonProblems{Valid: !p.HasErrors(), Diagnostics: []jsonProblem{}}
	if p != nil {
		out.Errors, out.Warnings = p.errors, p.warnings
		for _, d := range p.diags {
			out.Diagnostics = append(out.Diagnostics, p.json(d))
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil { // numbers and texts always marshal
		return []byte("{}")
	}
	return text
}

func (p *Problems) json(d *hcl.Diagnostic) jsonProblem {
	j := jsonProblem{Severity: severityWord(d), Summary: p.scrub(d.Summary), Detail: p.scrub(d.Detail)}
	if r := d.Subject; r != nil {
		j.Range = &jsonRange{Filename: r.Filename, Start: jsonPos(r.Start), End: jsonPos(r.End)}
	}
	return j
}

func severityWord(d *hcl.Diagnostic) string {
	if d.Severity == hcl.DiagWarning {
		return "warning"
	}
	return "error"
}
