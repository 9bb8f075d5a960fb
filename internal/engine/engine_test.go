package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// source is a reader whose metric "bad" a test sets.
type source struct {
	mu    sync.Mutex
	bad   bool
	err   error
	hang  chan struct{} // Read waits for it when set, whatever ctx says
	reads []time.Time
}

func (s *source) Read(context.Context) (tocsin.Reading, error) {
	s.mu.Lock()
	s.reads = append(s.reads, time.Now())
	hang, bad, err := s.hang, s.bad, s.err
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return tocsin.Reading{At: time.Now(), Values: tocsin.ValuesOf(map[string]tocsin.Value{"bad": tocsin.Bool(bad)})}, err
}

func (s *source) set(f func(s *source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// times is when it was read.
func (s *source) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reads)
}

// isBad is a condition on the metric "bad".
type isBad struct{}

func (isBad) Eval(v View) Truth {
	switch value := v.Reading.Values.Of("bad"); {
	case value.Kind() == tocsin.NoValue:
		return Unknown
	case value.Truth():
		return True
	default:
		return False
	}
}

func watching(name string, s Reader) Check {
	return Check{
		Kind: "test", Name: name, Reader: s, Interval: 10 * time.Second, Timeout: 5 * time.Second, Fingerprint: name,
		Rules: []Rule{{
			Name: "r", When: isBad{}, Severity: tocsin.Warning, Failed: "Failed", Recovered: "Recovered",
			Explain: func(View) (string, string) { return "is bad", "true" },
		}},
	}
}

// keeper is a sink that remembers; while broken it takes nothing.
type keeper struct {
	mu     sync.Mutex
	broken bool
	tells  []string // who hears of each event
	events []tocsin.Event
	tries  int
}

func (k *keeper) Emit(ev tocsin.Event) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tries++
	if k.broken {
		return k.tells, errors.New("no space")
	}
	k.events = append(k.events, ev)
	if k.tells == nil {
		return []string{"ops"}, nil
	}
	return k.tells, nil
}

func (k *keeper) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []string
	for _, ev := range k.events {
		list = append(list, fmt.Sprintf("%s/%s %s", ev.Check, ev.Rule, ev.Type))
	}
	k.events = nil
	return list
}

func wants(t *testing.T, k *keeper, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := k.take(); !slices.Equal(got, want) {
		t.Errorf("got events %q, want %q", got, want)
	}
}

// running starts an engine on the state at path and returns its stop.
func running(t *testing.T, path string, sink Sink, checks ...Check) (*Engine, func()) {
	t.Helper()
	state, _, err := OpenState(path, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e := New("host", checks, state, sink, 0, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { e.Run(ctx); close(done) }()
	return e, func() { cancel(); <-done }
}

func TestEventsOnceAcrossRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{}, &keeper{}
		_, stop := running(t, path, k, watching("a", s))
		time.Sleep(time.Minute)
		wants(t, k)
		s.set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "a/r failed")
		stop()

		_, stop = running(t, path, k, watching("a", s))
		time.Sleep(time.Minute)
		wants(t, k) // an unchanged failure is not told again
		stop()

		s.set(func(s *source) { s.bad = false })
		_, stop = running(t, path, k, watching("a", s))
		time.Sleep(time.Minute)
		wants(t, k, "a/r recovered") // one that ended meanwhile is
		stop()
	})
}

func TestAHungReadingDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung, fine, k := &source{}, &source{}, &keeper{}
		release := make(chan struct{})
		hung.hang = release
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, watching("hung", hung), watching("fine", fine))
		time.Sleep(5 * time.Minute)
		wants(t, k, "hung/data failed")
		if n := len(fine.times()); n < 29 || n > 31 {
			t.Errorf("the other check was read %d times in 5 minutes, want 30", n)
		}
		if n := len(hung.times()); n != 1 {
			t.Errorf("the hung check was read %d times at once", n)
		}
		hung.set(func(s *source) { s.hang = nil })
		close(release)
		time.Sleep(time.Minute)
		wants(t, k, "hung/data recovered")
		stop()
	})
}

func TestNothingFailsWhileItIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung, s, k := &source{}, &source{}, &keeper{}
		release := make(chan struct{})
		hung.hang = release
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, watching("a", s), watching("hung", hung))
		time.Sleep(time.Second)
		e.Quiet(true)
		s.set(func(s *source) { s.bad = true })
		read := len(s.times())
		time.Sleep(time.Hour)
		wants(t, k)
		if n := len(s.times()); n != read {
			t.Errorf("a check was read %d times while it was quiet", n-read)
		}
		close(release)
		e.Quiet(false)
		time.Sleep(time.Minute)
		wants(t, k, "a/r failed")
		stop()
	})
}

func TestReadingsKeepTheirGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, watching("a", s))
		time.Sleep(10 * time.Minute)
		stop()
		reads := s.times()
		for i := 2; i < len(reads); i++ {
			if gap := reads[i].Sub(reads[i-1]); gap != 10*time.Second {
				t.Errorf("reading %d came %s after the one before", i, gap)
			}
		}
		if n := len(reads); n < 60 || n > 61 {
			t.Errorf("got %d readings in 10 minutes, want one every 10 s", n)
		}
	})
}

func TestChecksOfAGroupAreReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []Check
		var sources []*source
		for i := range 20 {
			s := &source{}
			c := watching(fmt.Sprint(i), s)
			c.Pass = "process 10s"
			sources, checks = append(sources, s), append(checks, c)
		}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{}, checks...)
		time.Sleep(time.Minute)
		stop()
		for i, s := range sources {
			if !slices.Equal(s.times(), sources[0].times()) {
				t.Errorf("check %d was read at %v, check 0 at %v", i, s.times(), sources[0].times())
			}
		}
	})
}

func TestUnreadableTwiceIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, watching("a", s))
		time.Sleep(time.Minute)
		wants(t, k, "a/r failed")
		s.set(func(s *source) { s.err = errors.New("permission denied") })
		time.Sleep(time.Minute)
		wants(t, k, "a/data failed")
		s.set(func(s *source) { s.err, s.bad = nil, false })
		time.Sleep(time.Minute)
		wants(t, k, "a/data recovered", "a/r recovered")
		stop()
	})
}

// panicking is a reader with a fault.
type panicking struct{}

func (panicking) Read(context.Context) (tocsin.Reading, error) { panic("nil map") }

func TestAPanicIsThatChecksTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, watching("a", panicking{}))
		time.Sleep(time.Minute)
		stop()
		k.mu.Lock()
		defer k.mu.Unlock()
		if len(k.events) != 1 || !strings.Contains(k.events[0].Description, "panic: nil map") {
			t.Errorf("got %v", k.events)
		}
	})
}

// TestStateNeverSaysMoreThanTheSink breaks the sink: the state on disk stays
// behind, and nothing is lost or doubled when the sink works again.
func TestStateNeverSaysMoreThanTheSink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		a, b, k := &source{}, &source{}, &keeper{broken: true}
		_, stop := running(t, path, k, watching("a", a), watching("b", b))
		a.set(func(s *source) { s.bad = true })
		b.set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k)
		saved, _, err := OpenState(path, time.Now())
		if err != nil || len(saved.Rules) != 0 {
			t.Errorf("the state says %v of events that nobody has: %v", saved.Rules, err)
		}
		k.mu.Lock()
		if k.tries < 10 {
			t.Errorf("the sink was tried %d times in a minute", k.tries)
		}
		k.broken = false
		k.mu.Unlock()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := k.take(); len(got) != 2 {
			t.Errorf("got %q once the sink worked again, want both", got)
		}
		stop()
		if saved, _, _ = OpenState(path, time.Now()); len(saved.Rules) != 2 {
			t.Errorf("the state says %v, want both rules", saved.Rules)
		}
	})
}

func TestReloadKeepsWhatIsUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{}
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, watching("a", s))
		time.Sleep(time.Minute)
		wants(t, k, "a/r failed")
		reads := len(s.times())
		other := &source{bad: true}
		for range 3 {
			changed := watching("b", other)
			if err := e.Reload(t.Context(), "host", []Check{watching("a", &source{}), changed}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		wants(t, k, "b/r failed")
		if len(s.times()) != reads+18 {
			t.Errorf("the unchanged check was read %d times in 3 minutes, want 18 by its old reader", len(s.times())-reads)
		}
		stop()
	})
}

// TestARuleThatIsTakenOutIsClosed: its incident ends, and by the same name it
// begins fine.
func TestARuleThatIsTakenOutIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{}
		e, stop := running(t, path, k, watching("a/x.y", s))
		time.Sleep(time.Minute)
		wants(t, k, "a/x.y/r failed")
		if err := e.Reload(t.Context(), "host", nil); err != nil {
			t.Fatal(err)
		}
		wants(t, k, "a/x.y/r recovered")
		if err := e.Reload(t.Context(), "host", []Check{watching("a/x.y", s)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wants(t, k, "a/x.y/r failed")
		stop()
		_, stop = running(t, path, k) // taken out while the agent was down
		wants(t, k, "a/x.y/r recovered")
		stop()
	})
}

// TestAStateThatWasNotSavedIsSavedLater breaks the state file, not the sink.
func TestAStateThatWasNotSavedIsSavedLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{}, &keeper{}
		_, stop := running(t, path, k, watching("a", s))
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		wants(t, k, "a/r failed")
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		saved, _, err := OpenState(path, time.Now())
		if err != nil || !saved.Rules["test.a/r"].Failed {
			t.Errorf("got %v, %v, want the failure saved", saved.Rules, err)
		}
		stop()
	})
}

func TestPingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), &keeper{})
		if err := e.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v of an engine that has ended", err)
		}
	})
}
