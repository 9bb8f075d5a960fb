package engine

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// witness is a method that notes what is on disk when it begins.
type witness struct {
	path  string
	sink  *keeper
	began time.Time
	state *State
	told  int
	err   error
}

func (w *witness) Do(context.Context, *tocsin.Event) (string, error) {
	w.began, w.told = time.Now(), len(w.sink.all())
	w.state, _, w.err = OpenState(w.path, w.began)
	return "", nil
}

// slow is a disk that takes its time.
type slow struct {
	*keeper
	takes time.Duration
}

func (s slow) Emit(ev tocsin.Event) ([]string, error) {
	time.Sleep(s.takes)
	return s.keeper.Emit(ev)
}

// TestAnActionIsOnDiskBeforeItBegins: an action that ends the agent is
// remembered by the next one, with its event and its count.
func TestAnActionIsOnDiskBeforeItBegins(t *testing.T) {
	tests := []struct {
		name    string
		do      Verb
		takes   time.Duration
		broken  bool
		told    int
		delayed time.Duration
	}{
		{"a restart", Restart, time.Second, false, 1, time.Second},
		{"a program", Exec, time.Second, false, 1, time.Second},
		{"a full disk", Restart, 0, true, 0, 0},
		{"a disk that hangs", Restart, time.Minute, false, 0, saveLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			synctest.Test(t, func(t *testing.T) {
				k := &keeper{broken: tt.broken}
				w := &witness{path: path, sink: k}
				c := serving(&daemon{}, tt.do)
				c.Methods[Restart], c.Rules[0].Exec, c.Exists = w, w, false
				began := time.Now()
				_, stop := running(t, path, slow{k, tt.takes}, c)
				time.Sleep(9 * time.Second)
				stop()
				if w.err != nil || w.state == nil || w.told != tt.told {
					t.Fatalf("began with %d events, the state %+v, %v", w.told, w.state, w.err)
				}
				if took := w.began.Sub(began); took < tt.delayed || took > tt.delayed+firstSpread {
					t.Errorf("began after %s", took)
				}
				rule, counted := w.state.Rules["test.a/r"], len(w.state.Checks["test.a"].Actions)
				if tt.do == Exec && !rule.Acted.IsZero() {
					counted = 1
				}
				if rule.Failed != (tt.told > 0) || counted != tt.told {
					t.Errorf("began with %+v, %+v on disk", rule, w.state.Checks)
				}
			})
		})
	}
}

func TestRollForwardKeepsWhenAProgramBegan(t *testing.T) {
	at := time.Now()
	s := &State{Epoch: "e", Rules: map[string]RuleState{"test.a/r": {Transition: 1, Acted: at}}}
	s.RollForward([]tocsin.Event{{At: at, Kind: "test", Check: "a", Rule: "r", Mark: &tocsin.Mark{Epoch: "e", Transition: 2}}})
	if got := s.Rules["test.a/r"]; got.Transition != 2 || !got.Acted.Equal(at) {
		t.Errorf("got %+v", got)
	}
}
