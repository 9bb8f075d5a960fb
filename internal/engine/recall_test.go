package engine

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFailureThatTheAgentGaveUp is reminded of and escalates, over a restart too,
// until somebody looks after it or it is monitored again.
func TestAFailureThatTheAgentGaveUp(t *testing.T) {
	gaveUp := []string{"a/r failed", "a/r action", "a/r action"} // what it did, and that it gives up
	for _, tt := range []struct {
		name   string
		do     Verb
		follow func(c *Check, f FollowUp)
		begin  []string
	}{
		{"at the limit", Restart, func(c *Check, f FollowUp) { c.Rules[0].FollowUp = always(f) }, gaveUp},
		{"stopped", Stop, func(c *Check, f FollowUp) { c.Rules[0].FollowUp = always(f) }, gaveUp[:2]},
		{"unmonitored", Unmonitor, func(c *Check, f FollowUp) { c.Rules[0].FollowUp = always(f) }, gaveUp[:1]},
		{"read once a day", Unmonitor, func(c *Check, f FollowUp) { c.Interval, c.Rules[0].FollowUp = 24*time.Hour, always(f) }, gaveUp[:1]},
	} {
		path := filepath.Join(t.TempDir(), "state.json")
		synctest.Test(t, func(t *testing.T) {
			d, k := &daemon{dud: true, deaf: true}, &keeper{}
			c := serving(d, tt.do, Restart, Stop)
			c.Limit, c.Exists = Limit{1, time.Hour}, false
			tt.follow(&c, FollowUp{Reminder: 2 * time.Hour, Escalations: []Escalation{{"boss", 3 * time.Hour}}})
			_, stop := running(t, path, k, c)
			time.Sleep(time.Minute)
			t.Log(tt.name)
			wants(t, k, tt.begin...)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			for _, ev := range k.all() {
				if !strings.HasPrefix(ev.Description, "not monitored, ") || !strings.HasSuffix(ev.Description, "; seen last: is bad") {
					t.Errorf("got %q", ev.Description)
				}
			}
			wants(t, k, "a/r reminder")
			stop()
			_, stop = running(t, path, k, c)
			time.Sleep(time.Hour)
			synctest.Wait()
			if evs := k.all(); len(evs) != 1 || evs[0].Step != "boss" || !strings.HasSuffix(evs[0].Description, "tocsin monitor a") {
				t.Errorf("got %+v", evs)
			}
			wants(t, k, "a/r escalation")
			stop()
			e, stop := running(t, path, k, c)
			time.Sleep(time.Hour)
			wants(t, k, "a/r reminder")
			obey(t, e, Ack)
			time.Sleep(5 * time.Hour)
			wants(t, k)
			obey(t, e, Unack)
			time.Sleep(time.Minute)
			wants(t, k, "a/r reminder")
			e.Quiet(true)
			time.Sleep(5 * time.Hour)
			wants(t, k)
			e.Quiet(false)
			time.Sleep(time.Minute)
			wants(t, k, "a/r reminder")
			did := len(d.done())
			obey(t, e, Unmonitor) // a person knows of it
			time.Sleep(5 * time.Hour)
			wants(t, k)
			if n := len(d.done()); n > 0 || did > 1 {
				t.Errorf("acted %d times before and %d times after it was given up", did, n)
			}
			d.set(func(d *daemon) { d.up, d.deaf = true, false })
			obey(t, e, Monitor)
			time.Sleep(time.Minute)
			wants(t, k, "a/r recovered")
			stop()
		})
	}
}

// TestWhatAPersonUnmonitored stays quiet.
func TestWhatAPersonUnmonitored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		c := watching("a", &source{bad: true})
		c.Rules[0].FollowUp = always(FollowUp{Reminder: time.Hour, Escalations: []Escalation{{"boss", time.Hour}}})
		e, stop := running(t, filepath.Join(t.TempDir(), "s"), k, c)
		time.Sleep(time.Minute)
		obey(t, e, Unmonitor)
		time.Sleep(24 * time.Hour)
		wants(t, k, "a/r failed")
		stop()
	})
}

// TestRecalls: an agent with nothing but a failure that it gave up wakes when
// something is due, and once a minute while routes go by the hour.
func TestRecalls(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &watch{check: &Check{Kind: "k", Name: "n", Rules: []Rule{{Name: "r", Reminder: 20 * time.Second}}}, data: &Rule{}, ids: []string{"k.n/data", "k.n/r"}, idle: true}
	failed := RuleState{Failed: true, Since: now, Told: now}
	for name, tt := range map[string]struct {
		own  CheckState
		s    RuleState
		at   time.Duration
		want time.Duration // 0 is never
	}{
		"the agent's":                 {CheckState{Own: true, Unseen: true}, failed, 5 * time.Second, 20 * time.Second},
		"overdue":                     {CheckState{Own: true, Unseen: true}, failed, 20 * time.Second, 80 * time.Second},
		"a person's":                  {CheckState{}, failed, 5 * time.Second, 0},
		"of a version without recall": {CheckState{Own: true}, failed, 5 * time.Second, 0}, // long ago, and perhaps seen
		"acknowledged":                {CheckState{Own: true, Unseen: true}, RuleState{Failed: true, Told: now, Acked: Acked{At: now}}, 5 * time.Second, 0},
		"nothing fails":               {CheckState{Own: true, Unseen: true}, RuleState{Told: now}, 5 * time.Second, 0},
	} {
		e := &Engine{rules: map[string]RuleState{"k.n/r": tt.s}, states: map[string]CheckState{"k.n": tt.own}}
		got := e.recalls(w, now.Add(tt.at))
		if want := now.Add(tt.want); tt.want == 0 && !got.IsZero() || tt.want > 0 && !got.Equal(want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
