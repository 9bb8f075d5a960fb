package engine

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// randomTower is some checks, each of which depends on some of those after it,
// with rules of random severities, one of three with a For.
func randomTower(random *rand.Rand) ([]Check, map[string]*source) {
	var names []string
	for i := range 3 + random.IntN(5) {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	checks, sources := tower(names...)
	for i := range checks {
		checks[i].DependsOn = nil
		for _, below := range names[i+1:] {
			if random.IntN(2) == 0 {
				checks[i].DependsOn = append(checks[i].DependsOn, "test."+below)
			}
		}
		checks[i].Rules[0].Severity = tocsin.Severity(random.IntN(3))
		if random.IntN(3) == 0 {
			checks[i].Rules[0].For = time.Duration(random.IntN(30)) * time.Second
		}
	}
	return checks, sources
}

// replay follows the events: a rule fails and recovers in turns, and never fails
// while something below it has failed that matters as much.
func replay(t *testing.T, checks []Check, events []tocsin.Event) map[string]bool {
	t.Helper()
	tree, severity := NewTree(checks), make(map[string]tocsin.Severity)
	for i := range checks {
		severity[checks[i].ID()] = checks[i].Rules[0].Severity
	}
	failed := make(map[string]bool)
	for _, ev := range events {
		id := CheckID(ev.Kind, ev.Check)
		if failed[id] != (ev.Type == tocsin.Recovered) {
			t.Errorf("%s %s at %s, and before it had failed: %t", id, ev.Type, ev.At, failed[id])
		}
		failed[id] = ev.Type == tocsin.Failed
		for _, below := range tree.Prerequisites(id) {
			if ev.Type == tocsin.Failed && failed[below] && severity[below] >= severity[id] {
				t.Errorf("%s is told at %s while %s has failed", id, ev.At, below)
			}
		}
	}
	return failed
}

// TestRandomTrees: whatever fails and recovers, over restarts, each failure that
// lasts is told, or something below it was; and in the end all is well.
func TestRandomTrees(t *testing.T) {
	for seed := range uint64(10) {
		path := filepath.Join(t.TempDir(), "state.json")
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			checks, sources := randomTower(random)
			k := &keeper{}
			_, stop := running(t, path, k, checks...)
			bad := make(map[string]bool)
			for range 40 {
				name := checks[random.IntN(len(checks))].Name
				bad[name] = !bad[name]
				sources[name].set(func(s *source) { s.bad = bad[name] })
				time.Sleep(time.Duration(random.IntN(40_000)) * time.Millisecond)
				if random.IntN(10) == 0 {
					stop()
					_, stop = running(t, path, k, checks...)
				}
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			failed := replay(t, checks, k.all())
			tree := NewTree(checks)
			for _, c := range checks {
				told := failed[c.ID()] || slices.ContainsFunc(tree.Prerequisites(c.ID()), func(id string) bool { return failed[id] })
				if bad[c.Name] && !told || !bad[c.Name] && failed[c.ID()] {
					t.Errorf("seed %d: %s is bad: %t, and told: %t", seed, c.Name, bad[c.Name], failed[c.ID()])
				}
			}
			setAll(sources, false)
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			for id, still := range replay(t, checks, k.all()) {
				if still {
					t.Errorf("seed %d: %s has not recovered", seed, id)
				}
			}
			stop()
		})
	}
}
