package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/engine"
)

// written is a check as the rule file has it.
type written struct {
	id        string
	kind      *checks.Kind
	dependsOn []string
	plan      *plan // nil once it is open, where it does not stand for several
}

// plan is what a check is made of, or each of those that it stands for.
type plan struct {
	check    engine.Check
	spec     checks.Spec
	rules    []ruleText
	referred []string
	actions  *actions
}

// several says whether it stands for several.
func (w *written) several() bool { return w.plan != nil && w.kind.Several.In(w.plan.spec) }

// maxMembers bounds what one check stands for.
const maxMembers = 256

// Open makes the reader of every check, once. It reads nothing of the host yet, but
// what a check that stands for several stands for, and whether the kernel counts
// pressure, without which the defaults do not ask for it. The error names the first
// check whose reader cannot be made.
func (c *Config) Open(h *checks.Host) error {
	c.members = make([][]engine.Check, len(c.written))
	single := make([]engine.Check, 0, len(c.written))
	for i := range c.written {
		w := &c.written[i]
		if w.several() || c.Defaults && w.plan.spec.Name == pressureCheck && !h.CountsPressure() {
			continue
		}
		w.gather()
		check, err := w.open(h, w.plan.spec)
		if err != nil {
			return err
		}
		single, w.plan = append(single, check), nil
		c.members[i] = single[len(single)-1 : len(single) : len(single)]
	}
	next, _ := c.expanded(h)
	c.members, c.lacking = next.members, next.lacking
	c.Checks = c.linked()
	at := 0
	for i, members := range c.members { // which are those, and no others
		next := at + len(members)
		c.members[i], at = c.Checks[at:next:next], next
	}
	return nil
}

// gather copies what stays of a check, so that it lies together in memory. Where
// the parser has put it, it lies between what is dropped, and a page goes only as
// a whole: with a thousand checks that was as much as they take.
func (w *written) gather() {
	c, spec := &w.plan.check, &w.plan.spec
	w.id, c.Name, c.Fingerprint = strings.Clone(w.id), strings.Clone(c.Name), strings.Clone(c.Fingerprint)
	attributes := make(tocsin.Attributes, len(spec.Attributes))
	for i, a := range spec.Attributes {
		attributes[i] = tocsin.Attribute{Name: a.Name, Value: strings.Clone(a.Value)}
	}
	spec.Name, spec.Attributes = c.Name, attributes
}

// Follow is the configuration for the host as it is now: where a check stands
// for several, what is there and was not before has checks too, the fresh ones.
// What has gone keeps its check, whose reading says so. The result is c itself
// when nothing is different. It comes after Open.
func (c *Config) Follow(h *checks.Host) (next *Config, fresh []engine.Check) {
	next, fresh = c.expanded(h)
	if len(fresh) == 0 && slices.Equal(next.lacking, c.lacking) {
		return c, nil
	}
	next.Checks = next.linked()
	return next, fresh
}

// Several names a kind of which some check stands for several; false when there
// is none.
func (c *Config) Several() (*checks.Several, bool) {
	for _, w := range c.written {
		if w.several() {
			return w.kind.Several, true
		}
	}
	return nil, false
}

// Lacking says of the checks that stand for several which stand for nothing
// now, or for too much. It comes after Open.
func (c *Config) Lacking() []string { return c.lacking }

// expanded is a copy with the members that are there now, and those that are
// fresh in it.
func (c *Config) expanded(h *checks.Host) (*Config, []engine.Check) {
	next := *c
	next.members, next.lacking = slices.Clone(c.members), nil
	taken := make(map[string]bool)
	for _, members := range c.members {
		for _, m := range members {
			taken[m.ID()] = true
		}
	}
	var fresh []engine.Check
	for i, w := range c.written {
		if !w.several() {
			continue
		}
		specs, err := w.kind.Several.Expand(h, w.plan.spec)
		switch {
		case err != nil:
			next.lack(w, err.Error())
			continue
		case len(specs)+len(c.members[i]) == 0:
			next.lack(w, "nothing here matches "+w.kind.Several.Attribute)
		case len(specs) > maxMembers:
			next.lack(w, fmt.Sprintf("%d match, and only %d are watched", len(specs), maxMembers))
			specs = specs[:maxMembers]
		}
		members := slices.Clone(c.members[i])
		for _, spec := range specs {
			if taken[engine.CheckID(w.kind.Name, spec.Name)] {
				continue // it is there, or a check of the file has its name
			}
			check, err := w.open(h, spec)
			if err != nil {
				next.lack(w, err.Error())
				continue
			}
			taken[check.ID()] = true
			members, fresh = append(members, check), append(fresh, check)
		}
		next.members[i] = bounded(members, specs)
	}
	return &next, fresh
}

func (c *Config) lack(w written, why string) {
	c.lacking = append(c.lacking, fmt.Sprintf("check %s %q: %s", w.kind.Name, w.plan.spec.Name, why))
}

// bounded leaves out what has gone when that is too much.
func bounded(members []engine.Check, specs []checks.Spec) []engine.Check {
	over := len(members) - maxMembers
	return slices.DeleteFunc(members, func(m engine.Check) bool {
		gone := over > 0 && !slices.ContainsFunc(specs, func(s checks.Spec) bool { return s.Name == m.Name })
		if gone {
			over--
		}
		return gone
	})
}

// open makes a check of the file, or one of those that it stands for.
func (w *written) open(h *checks.Host, spec checks.Spec) (engine.Check, error) {
	check := w.plan.check
	reader, err := w.kind.Open(h, spec)
	if err != nil {
		return check, fmt.Errorf("open check %s %q: %w", w.kind.Name, spec.Name, err)
	}
	check.Reader, check.Attributes = reader, spec.Attributes
	if w.several() {
		check.Rules = slices.Clone(check.Rules) // each has its own program
		check.Name = spec.Name
		check.Fingerprint = fingerprint(check, spec, w.plan.rules, w.plan.referred, w.plan.actions)
	}
	w.plan.actions.open(&check, h)
	return check, nil
}

// fingerprint is a hash of all that decides what a check does. It does not
// depend on other blocks, on comments or on how the file is laid out.
func fingerprint(c engine.Check, spec checks.Spec, rules []ruleText, referred []string, a *actions) string {
	// Maps are written in the order of their keys. What is marshaled are
	// texts and numbers, which cannot fail.
	text, _ := json.Marshal(struct {
		Kind, Name        string
		Interval, Timeout time.Duration
		Schedule          string `json:",omitempty"`
		Attributes        tocsin.Attributes
		Rules             []ruleText
		Referred          []string `json:",omitempty"`
		Actions           *actions
		Limit             engine.Limit
	}{c.Kind, c.Name, c.Interval, c.Timeout, c.Schedule.String(), spec.Attributes, rules, referred, a, c.Limit})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
