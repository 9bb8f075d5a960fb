package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin"
	"tocsin/internal/durable"
)

func TestStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, damaged, err := OpenState(path, now)
	if err != nil || damaged != nil || s.Epoch == "" {
		t.Fatalf("got %v, %v, epoch %q", err, damaged, s.Epoch)
	}
	s.Rules["k.n/r"] = RuleState{Failed: true, Since: now, Incident: "i", Transition: 3, Reminders: 1, Told: now}
	if err := s.Save(now); err != nil {
		t.Fatal(err)
	}
	again, damaged, err := OpenState(path, now)
	if err != nil || damaged != nil {
		t.Fatalf("got %v, %v", err, damaged)
	}
	if diff := cmp.Diff(s, again, cmpopts.IgnoreUnexported(RuleState{}), cmp.AllowUnexported(State{})); diff != "" {
		t.Error(diff)
	}
}

func TestADamagedStateBeginsAnew(t *testing.T) {
	for _, text := range []string{"", "{", "null", "{}", `{"version":1,"epoch":7}`, "\x00\x00"} {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, damaged, err := OpenState(path, time.Time{})
		if err != nil || damaged == nil || s.Epoch == "" {
			t.Errorf("%q: got %v, %v", text, err, damaged)
		}
		if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != text {
			t.Errorf("%q: the damaged file was not kept: %v", text, err)
		}
	}
}

func TestAStateOfALaterVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	for _, text := range []string{`{"version":2,"epoch":"x"}`, `{"version":3,"epoch":["x"],"rules":7}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenState(path, time.Time{}); !errors.Is(err, durable.ErrNewer) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want a durable.ErrNewer that names the file", err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != text {
			t.Errorf("the file became %q", kept)
		}
	}
}

// TestRollForward crashes between the spool and the state: the events say what
// the state becomes, each once, in any order.
func TestRollForward(t *testing.T) {
	check, rule := &Check{Kind: "k", Name: "n"}, &Rule{Name: "r"}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var state RuleState
	var events []tocsin.Event
	for _, kind := range []tocsin.EventType{tocsin.Failed, tocsin.Reminder, tocsin.Recovered, tocsin.Failed} {
		tr := raise("h", "epoch", check, rule, state, kind, "", "", now)
		state = tr.state
		events = append(events, *tr.event)
		now = now.Add(time.Minute)
	}
	foreign := events[3]
	foreign.Mark = &tocsin.Mark{Epoch: "another", Transition: 99}
	s := &State{Epoch: "epoch", Rules: map[string]RuleState{}}
	s.RollForward([]tocsin.Event{events[2], foreign, events[3], events[0], events[1], {}})
	want := RuleState{
		Failed: true, Since: state.Since, Incident: state.Incident, Transition: 4, Terms: state.Terms, Told: state.Told,
	}
	if diff := cmp.Diff(want, s.Rules["k.n/r"], cmpopts.IgnoreUnexported(RuleState{})); diff != "" {
		t.Error(diff)
	}
	if n := s.RollForward(events); n != 0 {
		t.Errorf("rolled %d events forward twice", n)
	}
	// What a mail carries comes back from JSON as it went.
	text, err := json.Marshal(events[3])
	if err != nil || !strings.Contains(string(text), `"transition":4`) {
		t.Errorf("got %s, %v", text, err)
	}
}

// TestTimesOfTheFuture were written while the clock was wrong: they count as now,
// so that reminders, escalations and actions go on, and what a spool adds does too.
func TestTimesOfTheFuture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		state, _, err := OpenState(path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		wrong := time.Now().AddDate(1, 0, 0)
		state.Rules["test.a/r"] = RuleState{Failed: true, Since: wrong, Told: wrong, Incident: "i", Transition: 1, Acted: wrong}
		state.Rules["test.b/r"] = RuleState{Held: Held{Since: wrong, Cause: "test.a/r"}, Acked: Acked{At: wrong}, Flap: tocsin.Flap{Since: wrong}}
		state.Checks = map[string]CheckState{"test.c": {Actions: []time.Time{time.Now().Add(-time.Minute), wrong, wrong}, Unmonitored: wrong}}
		if err := state.Save(time.Now()); err != nil {
			t.Fatal(err)
		}
		s, k := &source{bad: true}, &keeper{}
		check := watching("a", s)
		check.Rules[0].FollowUp = always(FollowUp{Reminder: time.Hour, Escalations: []Escalation{{"boss", 90 * time.Minute}}})
		again, _, err := OpenState(path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		again.RollForward([]tocsin.Event{{At: wrong, Kind: "test", Check: "d", Rule: "r", Mark: &tocsin.Mark{Epoch: again.Epoch, Transition: 1, Since: wrong}}})
		if !again.Rules["test.a/r"].Told.Equal(wrong) {
			t.Error("a time was corrected by a clock that may be wrong itself")
		}
		again.Correct(now)
		if err := again.Save(now); err != nil {
			t.Fatal(err)
		}
		for id, r := range again.Rules {
			for _, at := range []time.Time{r.Since, r.Told, r.Acted, r.Held.Since, r.Acked.At, r.Flap.Since} {
				if at.After(now) {
					t.Errorf("%s: got %+v", id, r)
				}
			}
		}
		c := again.Checks["test.c"]
		if kept := recent(c.Actions, Limit{3, time.Hour}, now.Add(time.Hour)); len(kept) > 0 || c.Unmonitored.After(now) {
			t.Errorf("got %+v, want actions that no longer count in an hour", c)
		}
		_, stop := running(t, path, k, check)
		time.Sleep(61 * time.Minute)
		wants(t, k, "a/r reminder")
		time.Sleep(time.Hour)
		wants(t, k, "a/r escalation", "a/r reminder")
		stop()
	})
}
