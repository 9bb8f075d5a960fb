package engine

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// teller is a reader whose metric "sum" a test sets; empty is no data.
type teller struct {
	mu  sync.Mutex
	sum string
}

func (r *teller) set(sum string) { r.mu.Lock(); defer r.mu.Unlock(); r.sum = sum }

func (r *teller) Read(context.Context) (tocsin.Reading, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := map[string]tocsin.Value{}
	if r.sum != "" {
		values["sum"] = tocsin.Text(r.sum)
	}
	return tocsin.Reading{At: time.Now(), Values: tocsin.ValuesOf(values)}, nil
}

// hasChanged is changed(sum).
type hasChanged struct{}

func (hasChanged) Eval(v View) Truth { return v.Changed("sum") }

// TestChangesAreToldOnce: each of them, also one that happened while the agent
// was down or that no data came before, and nothing at first sight.
func TestChangesAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, k, r := filepath.Join(t.TempDir(), "state.json"), &keeper{}, &teller{}
		check := watching("a", r)
		check.Rules[0].When, check.Rules[0].Changes = hasChanged{}, []string{"sum"}
		check.Rules[0].Clear, check.Rules[0].For = nil, 0
		_, stop := running(t, path, k, check)
		see := func(sums ...string) {
			for _, sum := range sums {
				r.set(sum)
				time.Sleep(check.Interval)
				synctest.Wait()
			}
		}
		see("one", "one", "one")
		wants(t, k)
		see("two", "two", "", "two")
		wants(t, k, "a/r changed")
		see("three", "", "four", "one")
		wants(t, k, "a/r changed", "a/r changed", "a/r changed")
		stop()
		r.set("five")
		_, stop = running(t, path, k, check)
		see("five", "five")
		wants(t, k, "a/r changed")
		stop()
		_, stop = running(t, path, k, check)
		see("five")
		wants(t, k)
		stop()
	})
}
