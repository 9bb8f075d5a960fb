package engine

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// selective tells nobody of a check.
type selective struct {
	*keeper
	deaf string
}

// Emit takes an event in.
func (s selective) Emit(ev tocsin.Event) ([]string, error) {
	told, err := s.keeper.Emit(ev)
	if ev.Check == s.deaf {
		return nil, err
	}
	return told, err
}

// TestACauseThatNobodyHearsOfHoldsNothing: else nobody would hear of anything,
// also not after a restart.
func TestACauseThatNobodyHearsOfHoldsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "app", "db")
		checks[2].Interval = 5 * time.Second
		k := &keeper{}
		_, stop := running(t, path, selective{k, "db"}, checks...)
		time.Sleep(time.Minute)
		sources["db"].set(func(s *source) { s.bad = true })
		sources["app"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "db/r failed", "app/r failed")
		stop()
		_, stop = running(t, path, selective{k, "db"}, checks...)
		sources["app"].set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		wants(t, k, "app/r recovered")
		sources["web"].set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "web/r failed")
		stop()
	})
}
