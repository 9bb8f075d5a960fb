package engine

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

func TestAnAcknowledgedFailureIsNotRepeated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{}
		c := watching("a", s)
		c.Rules[0].Reminder = time.Minute
		e, stop := running(t, path, k, c)
		time.Sleep(90 * time.Second)
		wants(t, k, "a/r failed", "a/r reminder")
		all, err := e.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		incident := all[0].Rules[1].State.Incident
		if err := e.Obey(t.Context(), Order{Verb: Ack, Names: []string{incident[:8]}, By: "alice", Reason: "on it"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		stop()
		e, stop = running(t, path, k, c) // the agent remembers
		time.Sleep(time.Hour)
		wants(t, k)
		if all, err = e.Status(t.Context()); err != nil || all[0].Rules[1].State.Acked.By != "alice" || all[0].Rules[1].State.Acked.Reason != "on it" {
			t.Errorf("got %+v, %v", all[0].Rules[1].State, err)
		}
		meant, err := e.Acknowledge(t.Context(), Order{Verb: Unack, Names: []string{"a/r", incident[:8]}, By: "alice"})
		if want := []Failure{{"test.a/r", incident}}; err != nil || !slices.Equal(meant, want) {
			t.Fatalf("got %v, %v", meant, err)
		}
		time.Sleep(time.Minute)
		wants(t, k, "a/r reminder")
		if err := e.Obey(t.Context(), Order{Verb: Ack, Names: []string{"test.a"}}); err != nil {
			t.Fatal(err)
		}
		// What fails anew is told and repeated again.
		s.set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.bad = true })
		time.Sleep(90 * time.Second)
		wants(t, k, "a/r recovered", "a/r failed", "a/r reminder")
		stop()
	})
}

func TestAckRefusesWhatHasNotFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, watching("a", &source{bad: true}), watching("b", &source{}))
		defer stop()
		time.Sleep(time.Minute)
		for _, names := range [][]string{nil, {"b"}, {"nobody"}, {"a", "b"}, {"a/other"}, {""}, {"0"}} {
			if err := e.Obey(t.Context(), Order{Verb: Ack, Names: names}); err == nil {
				t.Errorf("%q: got no error", names)
			}
		}
		all, err := e.Status(t.Context())
		if err != nil || !all[0].Rules[1].State.Acked.At.IsZero() {
			t.Errorf("a refused order was carried out in part: %+v, %v", all[0].Rules[1].State, err)
		}
	})
}

func TestRollForwardKeepsAnAckOfTheSameIncident(t *testing.T) {
	acked := Acked{At: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), By: "alice"}
	for name, tt := range map[string]struct {
		mark tocsin.Mark
		kept bool
	}{
		"a reminder":    {tocsin.Mark{Transition: 3, Failed: true, Incident: "i"}, true},
		"the end of it": {tocsin.Mark{Transition: 3, Incident: "i"}, false},
		"another one":   {tocsin.Mark{Transition: 3, Failed: true, Incident: "j"}, false},
	} {
		ev := tocsin.Event{Kind: "test", Check: "a", Rule: "r", Mark: &tt.mark}
		s := &State{Rules: map[string]RuleState{ev.RuleID(): {Failed: true, Incident: "i", Transition: 2, Acked: acked}}}
		if s.RollForward([]tocsin.Event{ev}) != 1 || (s.Rules[ev.RuleID()].Acked == acked) != tt.kept {
			t.Errorf("%s: got %+v", name, s.Rules[ev.RuleID()])
		}
	}
}

func TestAckInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, watching("a", &source{}))
		defer stop()
		err := e.Obey(t.Context(), Order{Verb: Ack, Names: []string{"b"}})
		if err == nil || !strings.Contains(err.Error(), `nothing has failed that is called "b"`) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAckOfWhatIsHeldNamesTheCause, whatever the failure is called by.
func TestAckOfWhatIsHeldNamesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, sources := tower("web", "app", "fs")
		e, stop := running(t, filepath.Join(t.TempDir(), "state.json"), &keeper{}, checks...)
		defer stop()
		time.Sleep(time.Minute)
		setAll(sources, true)
		time.Sleep(time.Minute)
		for _, verb := range []Verb{Ack, Unack} {
			want := string(verb) + `: test.web/r is held behind its cause, and nobody is reminded of it: name the cause instead: "test.fs/r"`
			for _, name := range []string{"web", "test.web", "web/r", "test.web/r"} {
				if err := e.Obey(t.Context(), Order{Verb: verb, Names: []string{name}}); err == nil || err.Error() != want {
					t.Errorf("%s: got %v, want %s", name, err, want)
				}
			}
		}
		for _, name := range []string{"web/data", "nobody"} {
			if err := e.Obey(t.Context(), Order{Verb: Ack, Names: []string{name}}); err == nil || !strings.Contains(err.Error(), "nothing has failed that is called") {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if err := e.Obey(t.Context(), Order{Verb: Ack, Names: []string{"test.fs/r"}}); err != nil {
			t.Errorf("the cause: %v", err)
		}
		// The cause is over, and the failure is not looked at again as yet.
		sources["fs"].set(func(s *source) { s.bad = false })
		for n := 0; e.Obey(t.Context(), Order{Verb: Ack, Names: []string{"fs"}}) == nil; n++ {
			if n == 110 {
				t.Fatal("the cause was not read within its interval")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err := e.Obey(t.Context(), Order{Verb: Ack, Names: []string{"web"}}); err == nil || !strings.Contains(err.Error(), "which has failed no more") {
			t.Errorf("got %v", err)
		}
	})
}
