package config

import (
	"path/filepath"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays a rule file out: indentation, blanks and aligned "=". Comments
// and the order stay. A file that cannot be parsed is not formatted, and the
// problems say why; the result is nil then.
func Format(src []byte, filename string) ([]byte, *Problems) {
	p := newProblems()
	s := &source{name: filename, dir: filepath.Dir(filename), text: src}
	p.sources[filename] = s
	if p.versions([]*source{s}) {
		p.add(checkText(s)...)
	}
	if p.HasErrors() {
		return nil, p.finish()
	}
	s.parse(p)
	if p.HasErrors() {
		return nil, p.finish()
	}
	return hclwrite.Format(src), p.finish()
}
