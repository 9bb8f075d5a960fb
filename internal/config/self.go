package config

import (
	_ "embed" // the rules
	"slices"
	"time"

	"tocsin/internal/engine"
)

//go:embed self.hcl
var selfRules []byte //nolint:gochecknoglobals // go:embed needs a variable

// The check of the agent itself, what problems would call its file, and how often
// it is read at most: its rules are about minutes, and it has the agent asked.
const (
	selfKind     = "self"
	selfFile     = "the agent's rules for itself"
	selfInterval = 15 * time.Second
)

// Self is the text of the check that a running agent has of itself when the rule
// files have none of its kind. The caller owns it.
func Self() []byte { return slices.Clone(selfRules) }

// self adds the check of the agent itself, unless the files have one of their
// own or do without defaults.
func (l *loader) self(blocks map[string][]found) {
	own := func(f found) bool { return len(f.block.Labels) > 0 && f.block.Labels[0] == selfKind }
	if !l.opt.Self || l.noDefaults || slices.ContainsFunc(blocks["check"], own) {
		return
	}
	s := &source{name: selfFile, text: selfRules}
	l.problems.sources[s.name] = s
	s.parse(l.problems)
	for _, block := range items(s.body) {
		blocks[block.Type] = append(blocks[block.Type], found{s, block})
	}
	l.config.added = true
}

// Watched counts the checks and rules that are there because of the rule files:
// all but those of the agent itself that nobody wrote.
func (c *Config) Watched() (checks, rules int) {
	for i := range c.Checks {
		if c.added && c.Checks[i].ID() == engine.CheckID(selfKind, "tocsin") {
			continue
		}
		checks, rules = checks+1, rules+len(c.Checks[i].Rules)
	}
	return checks, rules
}
