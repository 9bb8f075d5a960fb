package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// TestHealthOfMail: mail that waits for a limit is no failure, nor is one server
// of two that fails.
func TestHealthOfMail(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	letter := func(age time.Duration, severity tocsin.Severity) []spool.Letter {
		return []spool.Letter{{Mail: &spool.Mail{Queued: now.Add(-age), Severity: severity}}}
	}
	failing := func(since time.Duration) Pause {
		return Pause{Failures: 3, Since: now.Add(-since), Until: now.Add(time.Minute), Class: "transient"}
	}
	limited := failing(5 * time.Hour)
	limited.Class = smtp.QuotaReached.String()
	for name, tt := range map[string]struct {
		letters []spool.Letter
		waiting []spool.Waiting
		pauses  []Pause
		want    Health
	}{
		"nothing":            {nil, nil, []Pause{{}}, Health{}},
		"on its way":         {letter(time.Second, tocsin.Info), nil, []Pause{{}}, Health{Length: 1, Age: time.Second}},
		"a server down":      {letter(time.Hour, tocsin.Critical), nil, []Pause{failing(2 * time.Hour)}, Health{Length: 1, Age: time.Hour, CriticalAge: time.Hour, Failing: time.Hour, ServerFailing: 2 * time.Hour, Paused: 1}},
		"since a minute":     {letter(time.Hour, tocsin.Info), nil, []Pause{failing(time.Minute)}, Health{Length: 1, Age: time.Hour, Failing: time.Minute, ServerFailing: time.Minute, Paused: 1}},
		"one of two":         {letter(time.Hour, tocsin.Info), nil, []Pause{failing(2 * time.Hour), {}}, Health{Length: 1, Age: time.Hour, ServerFailing: 2 * time.Hour, Paused: 1}},
		"at its limit":       {letter(time.Hour, tocsin.Info), nil, []Pause{limited}, Health{Length: 1, Age: time.Hour, Paused: 1}},
		"nothing to be sent": {nil, nil, []Pause{failing(time.Hour)}, Health{ServerFailing: time.Hour, Paused: 1}},
		"held for a group": {
			nil,
			[]spool.Waiting{{Item: &spool.Item{Queued: now, Severity: tocsin.Critical}, Target: spool.Target{Hold: time.Minute}}},
			[]Pause{{}},
			Health{Length: 1},
		},
		"no server at all": {letter(time.Hour, tocsin.Info), nil, nil, Health{Length: 1, Age: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, healthOf(tt.letters, tt.waiting, tt.pauses, now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
