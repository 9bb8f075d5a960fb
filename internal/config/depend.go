package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"tocsin/internal/engine"
)

const dependsOn = "depends_on"

// dependency is one reference of depends_on.
type dependency struct {
	id string
	at hcl.Range
}

// dependencies reads depends_on = [filesystem.data, process["my db"]].
func (s *scope) dependencies(kind, name string) []dependency {
	var all []dependency
	for _, ref := range s.checkRefs(dependsOn) {
		if ref.kind == kind && ref.name == name {
			s.fail(ref.at, "Depends on itself", "%s cannot depend on itself.", spell(kind, name))
			continue
		}
		all = append(all, dependency{ref.id(), ref.at})
	}
	return all
}

// neededBy are the checks that others depend on, before those are decoded.
func neededBy(blocks []found) map[string]bool {
	needed := make(map[string]bool)
	for _, f := range blocks {
		attr := f.block.Body.Attributes[dependsOn]
		if attr == nil {
			continue
		}
		exprs, _ := hcl.ExprList(attr.Expr)
		for _, expr := range exprs {
			if kind, name, ok := checkReference(expr); ok {
				needed[engine.CheckID(kind, name)] = true
			}
		}
	}
	return needed
}

// loops refuses checks that depend on each other in a circle, and names all of
// it.
func (l *loader) loops(drafts []draft) {
	byID := make(map[string]*draft, len(drafts))
	for i := range drafts {
		byID[drafts[i].check.ID()] = &drafts[i]
	}
	done := make(map[string]bool)
	var path []string
	var visit func(id string)
	visit = func(id string) {
		if at := slices.Index(path, id); at >= 0 {
			l.loop(byID, path[at:])
			return
		}
		if done[id] || byID[id] == nil {
			return
		}
		path = append(path, id)
		for _, d := range byID[id].needs {
			visit(d.id)
		}
		path = path[:len(path)-1]
		done[id] = true
	}
	for i := range drafts {
		visit(drafts[i].check.ID())
	}
}

func (l *loader) loop(byID map[string]*draft, path []string) {
	var words []string
	var first hcl.Range
	for i, id := range path {
		d, next := byID[id], path[(i+1)%len(path)]
		at := d.needs[slices.IndexFunc(d.needs, func(one dependency) bool { return one.id == next })].at
		if i == 0 {
			first = at
		}
		words = append(words, fmt.Sprintf("%s (%s)", spell(d.check.Kind, d.check.Name), place(at)))
	}
	last := byID[path[0]].check
	l.problems.add(problem(first, "Checks depend on each other", "None of these can be the first to start: %s depends on %s. Take one of them out.",
		strings.Join(words, " depends on "), spell(last.Kind, last.Name)))
}

// linked are the checks of all members, each with what it depends on: on all
// that a check stands for, where it stands for several.
func (c *Config) linked() []engine.Check {
	members := make(map[string][]string, len(c.written))
	related := false
	for i, w := range c.written {
		related = related || len(w.dependsOn) > 0
		for _, m := range c.members[i] {
			members[w.id] = append(members[w.id], m.ID())
		}
	}
	all := slices.Concat(c.members...)
	if !related {
		return all
	}
	at := 0
	for i, w := range c.written {
		var ids []string
		for _, id := range w.dependsOn {
			ids = append(ids, members[id]...)
		}
		for range c.members[i] {
			all[at].DependsOn = ids
			at++
		}
	}
	return all
}

// onReboot reads what becomes of a check with a boot.
func (s *scope) onReboot(otherwise engine.OnReboot) engine.OnReboot {
	const lastState = "laststate"
	v := s.oneOf("onreboot", lastState, string(engine.Started), string(engine.NotBegun))
	switch {
	case !v.set || v.unknown:
		return otherwise
	case v.text == lastState:
		return engine.LastState
	}
	return engine.OnReboot(v.text)
}
