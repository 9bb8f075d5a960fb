package config

import (
	_ "embed" // the defaults
	"slices"
)

//go:embed defaults.hcl
var defaultRules []byte //nolint:gochecknoglobals // go:embed needs a variable

// defaultsName is what problems would call the defaults.
const defaultsName = "the built-in defaults"

// pressureCheck is the check of the defaults that is left out where the kernel
// does not count pressure.
const pressureCheck = "pressure"

// Defaults is the text of the checks and hooks that are in force when the rule
// files have no check block. The caller owns it.
func Defaults() []byte { return slices.Clone(defaultRules) }

// defaults adds the checks of the defaults to blocks without any, and their
// hooks when there is none either.
func (l *loader) defaults(blocks map[string][]found) {
	if len(blocks["check"]) > 0 || l.noDefaults {
		return
	}
	s := &source{name: defaultsName, text: defaultRules}
	l.problems.sources[s.name] = s
	s.parse(l.problems)
	hooked := len(blocks["hook"]) > 0
	for _, block := range items(s.body) {
		if block.Type == "hook" && (hooked || !l.unique(block, l.named["hook"])) {
			continue
		}
		blocks[block.Type] = append(blocks[block.Type], found{s, block})
	}
	l.config.Defaults = true
}
