package config

import (
	"maps"
	"slices"
)

// Difference is what is not as it was: names, sorted.
type Difference struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"`
}

// Changes is what another configuration brings.
type Changes struct {
	// Checks are the checks, as KIND.NAME. One that is not listed keeps its
	// state, its history and its incident.
	Checks Difference `json:"checks"`
	// Blocks are the other blocks, such as `mailserver "gmail"`.
	Blocks Difference `json:"blocks"`
}

// NoChanges is nothing, in lists that are lists in JSON, too.
func NoChanges() Changes { return Changes{compare(nil, nil), compare(nil, nil)} }

// None says that nothing is different.
func (c Changes) None() bool { return c.Checks.none() && c.Blocks.none() }

func (d Difference) none() bool { return len(d.Added)+len(d.Removed)+len(d.Changed) == 0 }

// Since is what the configuration has other than an old one. Both are open.
func (c *Config) Since(old *Config) Changes {
	return Changes{Checks: compare(old.fingerprints(), c.fingerprints()), Blocks: compare(old.blocks, c.blocks)}
}

// fingerprints are those of the checks by KIND.NAME.
func (c *Config) fingerprints() map[string]string {
	all := make(map[string]string, len(c.Checks))
	for i := range c.Checks {
		all[c.Checks[i].ID()] = c.Checks[i].Fingerprint
	}
	return all
}

func compare(old, now map[string]string) Difference {
	d := Difference{Added: []string{}, Removed: []string{}, Changed: []string{}}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch before, had := old[name]; {
		case !had:
			d.Added = append(d.Added, name)
		case before != now[name]:
			d.Changed = append(d.Changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, has := now[name]; !has {
			d.Removed = append(d.Removed, name)
		}
	}
	return d
}
