package engine

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// soon waits for the next event, which has to be this one alone.
func soon(t *testing.T, k *keeper, want string) {
	t.Helper()
	for synctest.Wait(); len(k.all()) == 0; synctest.Wait() {
		time.Sleep(100 * time.Millisecond) // of a bubble: fake time
	}
	wants(t, k, want)
}

// TestTheCauseIsLookedAtOnceMore: before what is held is told, the cause is read,
// which may have failed again since it recovered.
func TestTheCauseIsLookedAtOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("db", "fs")
		checks[1].Interval = time.Minute
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, checks...)
		time.Sleep(2 * time.Minute)
		setAll(sources, true)
		time.Sleep(2 * time.Minute)
		wants(t, k, "fs/r failed")
		sources["fs"].set(func(s *source) { s.bad = false })
		soon(t, k, "fs/r recovered")
		time.Sleep(3 * time.Second)
		sources["fs"].set(func(s *source) { s.bad = true })
		time.Sleep(20 * time.Second)
		wants(t, k, "fs/r failed")
		stop()
	})
}

// TestHeldIsToldInTime: a failure that outlives its cause is told ten seconds
// later, however seldom it is read.
func TestHeldIsToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("db", "fs")
		checks[0].Interval = time.Hour
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "state.json"), k, checks...)
		time.Sleep(2 * time.Hour)
		setAll(sources, true)
		time.Sleep(2 * time.Hour)
		wants(t, k, "fs/r failed")
		sources["fs"].set(func(s *source) { s.bad = false })
		soon(t, k, "fs/r recovered")
		time.Sleep(11 * time.Second)
		wants(t, k, "db/r failed")
		stop()
	})
}
