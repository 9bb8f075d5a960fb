package config

import (
	"slices"

	"tocsin/internal/engine"
)

// What a rule may put into the mail of its failure.
const (
	EvidenceTopCPU    = "top_cpu"    // the processes that take the most processor time
	EvidenceTopMemory = "top_memory" // those that have the most memory
	EvidenceJournal   = "journal"    // the last lines of the journal
	EvidenceDisk      = "disk"       // the biggest directories of a file system
)

func evidenceNames() []string {
	return []string{EvidenceTopCPU, EvidenceTopMemory, EvidenceJournal, EvidenceDisk}
}

// evidence reads what of the moment of a failure its mail shows.
func (s *scope) evidence(of subject) []string {
	var names []string
	for _, v := range s.texts("evidence") {
		switch {
		case v.unknown:
		case !slices.Contains(evidenceNames(), v.text):
			s.fail(v.at, "Unknown evidence", "%s is no evidence.%s There is %s.", v.shown(), didYouMean(v.text, evidenceNames()), list(quoted(evidenceNames()), "and"))
		case slices.Contains(names, v.text):
			s.fail(v.at, "Named twice", "%s is in the list already.", v.shown())
		case v.text == EvidenceDisk && of.kind.Name != "filesystem":
			s.fail(v.at, "Wrong kind of check", "%s lists the biggest directories of a file system, so it is for checks of the kind \"filesystem\".", v.shown())
		default:
			names = append(names, v.text)
		}
	}
	return names
}

// Evidence is what a rule puts into the mail of its failure; none for a rule
// that is not there.
func (c *Config) Evidence(kind, check, rule string) []string {
	if i := c.find(kind, check); i >= 0 {
		rules := c.Checks[i].Rules
		if j := slices.IndexFunc(rules, func(r engine.Rule) bool { return r.Name == rule }); j >= 0 {
			return rules[j].Evidence
		}
	}
	return nil
}

// Attribute is an attribute that only the kind of a check has; empty when it is
// not set, or there is no such check.
func (c *Config) Attribute(kind, check, name string) string {
	if i := c.find(kind, check); i >= 0 {
		return c.Checks[i].Attributes.Of(name)
	}
	return ""
}

// find is the place of a check in Checks, -1 for none.
func (c *Config) find(kind, check string) int {
	return slices.IndexFunc(c.Checks, func(have engine.Check) bool { return have.Kind == kind && have.Name == check })
}
