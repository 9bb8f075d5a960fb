package checks

import (
	"errors"
	"fmt"
	"regexp"
)

// maxPattern bounds a pattern, in bytes.
const maxPattern = 4096

// compilePattern compiles the attribute "match".
func compilePattern(text string) (*regexp.Regexp, error) {
	switch {
	case text == "":
		return nil, errors.New("pattern is empty: it would match every process")
	case len(text) > maxPattern:
		return nil, fmt.Errorf("pattern of %d bytes is too long: the limit is %d", len(text), maxPattern)
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("compile pattern %q: %w", text, err)
	}
	return pattern, nil
}

// matcher finds a process by its command line and stays with it until it ends
// or becomes another program. Each command line is tried once, so that a check
// whose process is down costs no more than one whose process runs.
type matcher struct {
	text    string
	pattern *regexp.Regexp // of text; nil where nothing was searched for lately
	current identity       // zero when there was no match
	tried   uint64         // the generation up to which command lines were tried
}

// find is the process that the pattern means: of those that match and have no
// ancestor that matches, the one that runs longest, as in Monit. It is nil
// when there is none. This process itself never matches: the name of a check
// may stand on its command line.
func (m *matcher) find(t *Table) *process {
	tried := m.tried
	if m.current != (identity{}) {
		p := t.find(m.current)
		if p != nil && p.alive() && p.changed <= tried {
			return p
		}
		tried = 0 // others may have matched beside it
	} else if t.latest <= tried {
		return nil
	}
	mark := t.newMark()
	var found *process
	if m.pattern == nil {
		m.pattern = regexp.MustCompile(m.text) // as it was when the check was opened
	}
	among := t.list
	if tried >= t.freshFrom {
		among = t.fresh
	}
	for _, p := range among {
		if p.changed > tried && t.byPID[p.pid] == p && p.alive() && p.pid != t.self && m.pattern.Match(p.command) {
			p.mark = mark
		}
	}
	for _, p := range among {
		if p.mark == mark && !t.under(p, mark) && (found == nil || older(p, found)) {
			found = p
		}
	}
	m.tried, m.current = t.generation, identity{}
	if found != nil {
		// Nothing is matched until it ends, and a pattern takes 2 KB.
		m.current, m.pattern = found.identity, nil
	}
	return found
}

// under says whether an ancestor of p has the mark. The table is not of one
// instant, so that parents may go round in a circle, and who is younger than its
// child has the number of a parent that has ended.
func (t *Table) under(p *process, mark uint64) bool {
	for range len(t.list) {
		parent := t.byPID[p.parent]
		if parent == nil || parent == p || parent.start > p.start {
			return false
		}
		if parent.mark == mark {
			return true
		}
		p = parent
	}
	return false
}

// older says whether a started before b; within one tick the number decides.
func older(a, b *process) bool {
	if a.start != b.start {
		return a.start < b.start
	}
	return a.pid < b.pid
}
