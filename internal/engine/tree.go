package engine

import "slices"

// Tree is which check depends on which, by their ids. The zero Tree is of checks
// that do not. There are no loops in it: the rule file refuses them, and what
// would close one here is left out.
type Tree struct {
	needs    map[string][]string // what a check depends on, itself
	neededBy map[string][]string
	rank     map[string]int // a check has a higher one than all that it depends on
}

// NewTree makes the tree of some checks. What they depend on and is not among
// them is left out.
func NewTree(checks []Check) Tree {
	var t Tree
	known := make(map[string]*Check, len(checks))
	related := false
	for i := range checks {
		known[checks[i].ID()] = &checks[i]
		related = related || len(checks[i].DependsOn) > 0
	}
	if !related {
		return t
	}
	t = Tree{needs: make(map[string][]string), neededBy: make(map[string][]string), rank: make(map[string]int)}
	open := make(map[string]bool) // on the way down to where we are
	var visit func(id string)
	visit = func(id string) {
		open[id] = true
		for _, below := range known[id].DependsOn {
			if known[below] == nil || open[below] || slices.Contains(t.needs[id], below) {
				continue
			}
			if _, seen := t.rank[below]; !seen {
				visit(below)
			}
			t.needs[id] = append(t.needs[id], below)
			t.neededBy[below] = append(t.neededBy[below], id)
		}
		open[id] = false
		t.rank[id] = len(t.rank)
	}
	for i := range checks {
		if _, seen := t.rank[checks[i].ID()]; !seen {
			visit(checks[i].ID())
		}
	}
	return t
}

// Below is what some checks depend on, directly or not, with themselves: first
// what depends on nothing.
func (t Tree) Below(ids ...string) []string { return t.reach(t.needs, ids) }

// Above is what depends on some checks, directly or not, with themselves: first
// what nothing depends on.
func (t Tree) Above(ids ...string) []string {
	all := t.reach(t.neededBy, ids)
	slices.Reverse(all)
	return all
}

// Prerequisites is Below without the check itself.
func (t Tree) Prerequisites(id string) []string {
	if len(t.needs[id]) == 0 {
		return nil
	}
	return without(t.Below(id), id)
}

// Dependants is Above without the check itself.
func (t Tree) Dependants(id string) []string {
	if len(t.neededBy[id]) == 0 {
		return nil
	}
	return without(t.Above(id), id)
}

// Related says whether a check depends on others or others on it.
func (t Tree) Related(id string) bool { return len(t.needs[id])+len(t.neededBy[id]) > 0 }

func without(ids []string, id string) []string {
	return slices.DeleteFunc(ids, func(one string) bool { return one == id })
}

// reach are the ids and all that the edges lead to, by their rank.
func (t Tree) reach(edges map[string][]string, ids []string) []string {
	seen := make(map[string]bool)
	var all []string
	for todo := slices.Clone(ids); len(todo) > 0; todo = todo[1:] {
		if id := todo[0]; !seen[id] {
			seen[id] = true
			all, todo = append(all, id), append(todo, edges[id]...)
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return t.rank[a] - t.rank[b] })
	return all
}
