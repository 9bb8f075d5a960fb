package engine

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin"
)

// always is a FollowUp that does not go by the hour.
func always(f FollowUp) func(time.Time) FollowUp { return func(time.Time) FollowUp { return f } }

// TestEscalations steps a rule every 10 seconds: "f" fails, "e" escalates, "m"
// reminds, "r" recovers.
func TestEscalations(t *testing.T) {
	two := []Escalation{{"b", 40 * time.Second}, {"a", 20 * time.Second}}
	tests := []struct {
		name, when string
		follow     FollowUp
		want       string
	}{
		{"each once", "TTTTTTTT", FollowUp{Escalations: two}, "f.e.e..."},
		{"not after the end", "TTTFF", FollowUp{Escalations: two}, "f.er."},
		{"without data", "T????", FollowUp{Escalations: two}, "f.e.e"},
		{"in each incident", "TTTFTTT", FollowUp{Escalations: two}, "f.erf.e"},
		{"both late, one after the other", "TTTTT", FollowUp{Escalations: []Escalation{{"b", 20 * time.Second}, {"a", 19 * time.Second}}}, "f.ee."},
		{"beside a reminder, which is not put off", "TTTTTTT", FollowUp{Reminder: 20 * time.Second, Escalations: two[1:]}, "f.em.m."},
		{"none", "TTTT", FollowUp{}, "f..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := Rule{Name: "r", FollowUp: always(tt.follow)}
			check := &Check{Kind: "k", Name: "n"}
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var state RuleState
			var got strings.Builder
			for _, o := range observations(tt.when) {
				next, kind := Step(&rule, state, o, now)
				state = next
				if kind != "" {
					tr := raise("h", "e", check, &rule, state, kind, "", "", now)
					state = tr.state
					if kind == tocsin.Escalation && (tr.event.Step == "" || tr.event.Count != len(state.Escalated)) {
						t.Errorf("got step %q, count %d", tr.event.Step, tr.event.Count)
					}
				}
				got.WriteString(map[tocsin.EventType]string{
					"": ".", tocsin.Failed: "f", tocsin.Recovered: "r", tocsin.Reminder: "m", tocsin.Escalation: "e",
				}[kind])
				now = now.Add(10 * time.Second)
			}
			if got.String() != tt.want {
				t.Errorf("got %s for %s, want %s", got.String(), tt.when, tt.want)
			}
		})
	}
}

func TestWhoIsAtItIsLeftAlone(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := FollowUp{Escalations: []Escalation{{"a", time.Minute}}}
	if id, due := f.escalate(RuleState{Failed: true, Since: now, Acked: Acked{At: now}}, now.Add(time.Hour)); due {
		t.Errorf("got escalation %q of an incident that was acknowledged", id)
	}
}

// TestAnEscalationSurvivesARestart is made once, whatever restarts, and a reload
// with another one makes that.
func TestAnEscalationSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{tells: []string{"boss"}}
		check := watching("a", s)
		check.Rules[0].FollowUp = always(FollowUp{Escalations: []Escalation{{"boss", 30 * time.Minute}}})
		_, stop := running(t, path, k, check)
		time.Sleep(29 * time.Minute)
		wants(t, k, "a/r failed")
		stop()
		_, stop = running(t, path, k, check)
		time.Sleep(2 * time.Minute)
		wants(t, k, "a/r escalation")
		stop()
		e, stop := running(t, path, k, check)
		time.Sleep(2 * time.Hour)
		wants(t, k)
		other := watching("a", s)
		other.Rules[0].FollowUp = always(FollowUp{Escalations: []Escalation{{"boss", 30 * time.Minute}, {"cto", time.Hour}}})
		if err := e.Reload(t.Context(), "host", []Check{other}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wants(t, k, "a/r escalation")
		s.set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		wants(t, k, "a/r recovered")
		stop()
	})
}

// TestThoseWhoWereToldHearOfTheEnd holds who was told over a restart, a crash
// before the state was saved, and a sink that fails.
func TestThoseWhoWereToldHearOfTheEnd(t *testing.T) {
	last := func(k *keeper) *tocsin.Mark {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.events[len(k.events)-1].Mark
	}
	expect := func(t *testing.T, k *keeper, what string, names ...string) {
		t.Helper()
		synctest.Wait()
		if got := last(k).Notified; !slices.Equal(got, names) || got == nil {
			t.Errorf("%s: got %q told before, want %q", what, got, names)
		}
	}
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{tells: []string{"ops"}}
		check := watching("a", s)
		check.Rules[0].FollowUp = always(FollowUp{Reminder: time.Hour})
		e, stop := running(t, path, k, check)
		time.Sleep(time.Minute)
		expect(t, k, "failed")
		k.tells = []string{"night", "ops"}
		time.Sleep(time.Hour)
		expect(t, k, "reminder", "ops")
		incident := k.events[0].Incident
		e.Notified("test.a/r", incident, []string{"sms", "ops"})
		e.Notified("test.a/r", "another", []string{"nobody"})
		e.Notified("test.none/r", incident, []string{"nobody"})
		time.Sleep(time.Minute)
		stop()
		_, stop = running(t, path, k, check)
		s.set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		expect(t, k, "recovered", "ops", "night", "sms")
		k.tells = []string{}
		s.set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		expect(t, k, "recovered, and nobody was told")
		// The sink does not take the failure, but somebody is told from memory.
		k.mu.Lock()
		k.broken, k.tells = true, []string{"ops"}
		k.mu.Unlock()
		s.set(func(s *source) { s.bad = true })
		time.Sleep(time.Minute)
		s.set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		k.mu.Lock()
		k.broken = false
		k.mu.Unlock()
		time.Sleep(time.Minute)
		expect(t, k, "recovered, told from memory", "ops")
		stop()
	})
}

// TestTheEndIsInTheTermsOfTheFailure holds how an incident was told over a restart
// and a crash, also where a reload made its rule another one, or took it away.
func TestTheEndIsInTheTermsOfTheFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{tells: []string{"ops"}}
		check := func(name string, severity tocsin.Severity) Check {
			c := watching(name, s)
			c.Rules[0].Severity, c.Rules[0].Failed, c.Rules[0].Metric = severity, "Size failed", "m"
			c.Rules[0].FollowUp = always(FollowUp{Reminder: time.Hour})
			return c
		}
		e, stop := running(t, path, k, check("a", tocsin.Critical), check("b", tocsin.Warning))
		time.Sleep(time.Minute)
		if err := e.Reload(t.Context(), "host", []Check{check("a", tocsin.Info), check("b", tocsin.Critical)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour) // b is told once more, in other terms
		stop()
		state, _, err := OpenState(path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for rule, s := range state.Rules { // the crash, before anything was saved
			state.Rules[rule] = RuleState{Transition: 0, Acted: s.Acted}
		}
		state.RollForward(k.events)
		if err := state.Save(time.Now()); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *source) { s.bad = false })
		_, stop = running(t, path, k, check("a", tocsin.Info))
		time.Sleep(time.Minute)
		stop()
		var got []string
		for _, ev := range k.events {
			if ev.Type == tocsin.Recovered {
				got = append(got, fmt.Sprint(ev.Check, " ", ev.Severity, " ", ev.Metric, " ", ev.Mark.Terms))
			}
		}
		slices.Sort(got)
		want := []string{"a info m [{critical Size failed m} {info Size failed m}]", "b critical m [{warning Size failed m} {critical Size failed m}]"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestAnOldStateDoesNotKnow who was told, and then a recovery goes by the routes.
func TestAnOldStateDoesNotKnow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		state, _, err := OpenState(path, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		state.Rules["test.a/r"] = RuleState{Failed: true, Since: time.Now(), Told: time.Now(), Incident: "i", Transition: 1}
		if err := state.Save(time.Now()); err != nil {
			t.Fatal(err)
		}
		s, k := &source{bad: true}, &keeper{tells: []string{"ops"}}
		check := watching("a", s)
		check.Rules[0].FollowUp = always(FollowUp{Reminder: time.Minute})
		_, stop := running(t, path, k, check)
		time.Sleep(90 * time.Second)
		s.set(func(s *source) { s.bad = false })
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, ev := range k.events {
			if ev.Mark.Notified != nil {
				t.Errorf("%s: got %q told before, want that it is not known", ev.Type, ev.Mark.Notified)
			}
		}
		if len(k.events) != 2 {
			t.Errorf("got %d events, want a reminder and a recovery", len(k.events))
		}
		stop()
	})
}

// TestRollForwardOfEscalations: a crash after the spool had it and before the
// state did.
func TestRollForwardOfEscalations(t *testing.T) {
	check, rule := &Check{Kind: "k", Name: "n"}, &Rule{Name: "r", FollowUp: always(FollowUp{Escalations: []Escalation{{"a", time.Minute}}})}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	failed := raise("h", "epoch", check, rule, RuleState{}, tocsin.Failed, "", "", begin)
	state, kind := Step(rule, failed.state, Observation{When: True}, begin.Add(time.Minute))
	escalated := raise("h", "epoch", check, rule, state, kind, "", "", begin.Add(time.Minute))
	escalated.event.Mark.Notified = []string{"ops", "boss"}
	s := &State{Epoch: "epoch", Rules: map[string]RuleState{}}
	s.RollForward([]tocsin.Event{*escalated.event, *failed.event})
	got := s.Rules["k.n/r"]
	if !slices.Equal(got.Escalated, []string{"a"}) || !slices.Equal(got.Notified, []string{"ops", "boss"}) || !got.Told.Equal(begin) {
		t.Errorf("got %+v, want one escalation, who was told, and the time of the failure", got)
	}
	if _, kind := Step(rule, got, Observation{When: True}, begin.Add(time.Hour)); kind != "" {
		t.Errorf("got another %s", kind)
	}
}

// TestAnEscalationDoesNotWaitForAReading of a check that is read once a day.
func TestAnEscalationDoesNotWaitForAReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		s, k := &source{bad: true}, &keeper{}
		check := watching("a", s)
		check.Interval = 24 * time.Hour
		check.Rules[0].FollowUp = always(FollowUp{Reminder: time.Hour, Escalations: []Escalation{{"boss", 30 * time.Minute}, {"cto", 26 * time.Hour}}})
		_, stop := running(t, path, k, check)
		time.Sleep(29 * time.Minute)
		wants(t, k, "a/r failed")
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if ev := k.events; len(ev) != 1 || ev[0].Step != "boss" || ev[0].Description != "is bad" {
			t.Errorf("got %+v, want one escalation", ev)
		}
		k.take()
		stop()
		_, stop = running(t, path, k, check) // which reads it
		time.Sleep(22 * time.Hour)
		wants(t, k)
		time.Sleep(2 * time.Hour) // the next reading reminds
		wants(t, k, "a/r reminder")
		time.Sleep(2 * time.Hour)
		wants(t, k, "a/r escalation")
		if n := len(s.times()); n != 3 {
			t.Errorf("it was read %d times, want 3", n)
		}
		stop()
	})
}

// TestWhatIsHeldDoesNotEscalate: nobody was told of it.
func TestWhatIsHeldDoesNotEscalate(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rule := Rule{Name: "r", FollowUp: always(FollowUp{Reminder: time.Minute, Escalations: []Escalation{{"a", time.Minute}}})}
	held := RuleState{Held: Held{Since: begin, Cause: "k.n/r"}}
	state, kind := stepHeld(&rule, held, Observation{When: True}, begin.Add(time.Hour))
	if kind != tocsin.Failed || len(state.Escalated) > 0 {
		t.Errorf("got %q and escalations %q, want a failure that is to be told", kind, state.Escalated)
	}
	if _, kind := stepHeld(&rule, held, Observation{}, begin.Add(time.Hour)); kind != "" {
		t.Errorf("without data: got %q, want nothing", kind)
	}
}

// TestActionsPutNoReminderOff, however often a program runs, and neither does one
// whose event was spooled before a crash.
func TestActionsPutNoReminderOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, k := &daemon{}, &keeper{}
		check := serving(d, Exec)
		check.Interval, check.Rules[0].Repeat = 2*time.Second, 4*time.Second
		check.Rules[0].FollowUp = always(FollowUp{Reminder: 30 * time.Second})
		_, stop := running(t, filepath.Join(t.TempDir(), "s"), k, check)
		time.Sleep(110 * time.Second)
		synctest.Wait()
		stop()
		reminders := 0
		s := &State{Rules: map[string]RuleState{}}
		var told time.Time
		for _, ev := range k.all() {
			switch ev.Type {
			case tocsin.Reminder:
				reminders++
				told = ev.At
			case tocsin.Failed:
				told = ev.At
			default:
			}
			s.Epoch = ev.Mark.Epoch
			s.RollForward([]tocsin.Event{ev})
			if got := s.Rules["test.a/r"].Told; !got.Equal(told) {
				t.Errorf("after %s at %s: reminders count from %s, want %s", ev.Type, ev.At, got, told)
			}
		}
		if reminders != 3 {
			t.Errorf("got %d reminders in two minutes, want 3", reminders)
		}
	})
}

// TestFlappingCountsFromTheEnd of the last failure, not from what was done after it.
func TestFlappingCountsFromTheEnd(t *testing.T) {
	check, rule := &Check{Kind: "k", Name: "n"}, &Rule{Name: "r", Delay: time.Minute}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := RuleState{Failed: true, Flap: tocsin.Flap{Failures: 1, Since: at}}
	s = raise("h", "e", check, rule, s, tocsin.Recovered, "", "", at).state
	s = raise("h", "e", check, rule, s, tocsin.Action, "", "", at.Add(30*time.Minute)).state
	if got := flap(rule, s, at.Add(61*time.Minute)); got.Failures != 1 {
		t.Errorf("got %+v, want a failure that is the first again", got)
	}
}
