package engine

import (
	"strings"
	"testing"
	"time"
)

// TestOutlook: what is said to be missing is what Step waits for.
func TestOutlook(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	failed := RuleState{Failed: true, Since: ago(time.Hour), Told: ago(10 * time.Minute)}
	clearing := failed
	clearing.clearing = ago(20 * time.Second)
	for name, tt := range map[string]struct {
		rule  Rule
		state RuleState
		seen  Observation
		want  string
	}{
		"does not hold":       {Rule{}, RuleState{}, Observation{When: False}, "the condition does not hold"},
		"no data":             {Rule{}, RuleState{}, Observation{}, "nobody knows whether the condition holds: without data it neither fails nor recovers"},
		"for":                 {Rule{For: 5 * time.Minute}, RuleState{pending: ago(130 * time.Second)}, Observation{When: True}, "it holds for 2m10s of 5m: it fails in 2m50s if it goes on"},
		"for, of one reading": {Rule{For: 5 * time.Minute}, RuleState{}, Observation{When: True}, "the condition holds: it fails when that is so for 5m"},
		"times": {
			Rule{Times: 3, Within: 5 * time.Minute},
			RuleState{hits: []time.Time{ago(6 * time.Minute), ago(2 * time.Minute), ago(time.Minute)}},
			Observation{When: True},
			"it held in 2 of 3 readings within 5m",
		},
		"times, not now": {
			Rule{Times: 3, Within: 5 * time.Minute},
			RuleState{hits: []time.Time{ago(time.Minute)}},
			Observation{When: False},
			"it held in 1 of 3 readings within 5m|the condition does not hold",
		},
		"failed":        {Rule{Reminder: time.Hour}, failed, Observation{When: True}, "it has failed, for 1h|it recovers when the condition does not hold|the next reminder is in 50m"},
		"failed, clear": {Rule{Clear: isBad{}, ClearFor: time.Minute}, failed, Observation{When: False, Clear: False}, `it has failed, for 1h|it recovers when "clear" holds for 1m`},
		"recovering":    {Rule{ClearFor: time.Minute}, clearing, Observation{When: False}, "it has failed, for 1h|fine for 20s of 1m: it recovers in 40s if it stays so"},
		"held": {
			Rule{},
			RuleState{Held: Held{Since: ago(time.Minute), Cause: "process.db/down"}},
			Observation{When: True},
			"it has failed, for 1m, and nobody is told: process.db/down has failed, which it depends on",
		},
		"of changes":          {Rule{Changes: []string{"mode"}}, RuleState{}, Observation{When: False}, "each change is told at once, and is over"},
		"the clock went back": {Rule{For: time.Minute}, RuleState{pending: now.Add(time.Hour)}, Observation{When: True}, "it holds for 0s of 1m: it fails in 1h1m if it goes on"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(outlook(&tt.rule, tt.state, tt.seen, now), "|"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
