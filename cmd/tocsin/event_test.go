package main

import (
	"strings"
	"testing"
	"time"

	"tocsin"
	"tocsin/internal/systemd"
)

func TestEventsAreBounded(t *testing.T) {
	at := func(n int) tocsin.Event { return tocsin.Event{At: statusNow.Add(time.Duration(n) * time.Second)} }
	var many, large []tocsin.Event
	for n := range maxEvents + 10 {
		many = append(many, at(maxEvents+9-n))
	}
	for n := range 5 {
		e := at(n)
		e.Description = strings.Repeat("x", maxEventBytes/3)
		large = append(large, e)
	}
	for name, tt := range map[string]struct {
		all               []tocsin.Event
		since, first, len int
	}{
		"many": {many, 0, 10, maxEvents}, "large": {large, 0, 3, 2}, "late": {many, maxEvents + 8, maxEvents + 8, 2}, "none": {nil, 0, 0, 0},
	} {
		got := eventsSince(tt.all, at(tt.since).At).Events
		if len(got) != tt.len {
			t.Errorf("%s: got %d, want %d", name, len(got), tt.len)
			continue
		}
		for i, e := range got {
			if !e.At.Equal(at(tt.first + i).At) {
				t.Fatalf("%s: got %s at %d, want the newest in their order", name, e.At, i)
			}
		}
	}
}

// TestWhatIsToldOfAUnit: a name that systemd does not know is a mistake of whoever
// typed it, and a unit that was collected for the service manager.
func TestWhatIsToldOfAUnit(t *testing.T) {
	const unit = "backup.service"
	now := statusNow
	for name, tt := range map[string]struct {
		known     systemd.UnitEvent
		monitored string // MONITOR_UNIT
		manager   bool   // the service manager started the process
		want      systemd.UnitEvent
		refused   bool
	}{
		"failed":                    {systemd.UnitEvent{Unit: unit, Failed: true, Result: "signal", At: now}, "", false, systemd.UnitEvent{Unit: unit, Failed: true, Result: "signal", At: now}, false},
		"well again":                {systemd.UnitEvent{Unit: unit}, unit, true, systemd.UnitEvent{Unit: unit, Failed: true, Result: "exit-code", At: now}, false},
		"nobody could be asked":     {systemd.UnitEvent{}, "", false, systemd.UnitEvent{Unit: unit, Failed: true, At: now}, false},
		"mistyped":                  {systemd.UnitEvent{Unit: unit, NotFound: true}, "", false, systemd.UnitEvent{}, true},
		"mistyped, of another":      {systemd.UnitEvent{Unit: unit, NotFound: true}, "other.service", false, systemd.UnitEvent{}, true},
		"collected":                 {systemd.UnitEvent{Unit: unit, NotFound: true}, unit, true, systemd.UnitEvent{Unit: unit, Failed: true, Result: "exit-code", At: now}, false},
		"collected, an old systemd": {systemd.UnitEvent{Unit: unit, NotFound: true}, "", true, systemd.UnitEvent{Unit: unit, Failed: true, NotFound: true, At: now}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MONITOR_UNIT", tt.monitored)
			t.Setenv("MONITOR_SERVICE_RESULT", "exit-code")
			t.Setenv("INVOCATION_ID", "")
			if tt.manager {
				t.Setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef")
				t.Setenv("SYSTEMD_EXEC_PID", "")
			}
			got, err := failure(unit, tt.known, now)
			if (err != nil) != tt.refused || err == nil && got != tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestDownKnowsTheKinds: what comes over the socket is told in mail, so it is
// one of the words that the command takes.
func TestDownKnowsTheKinds(t *testing.T) {
	for _, kind := range []string{"", "Reboot", "party", "reboot\n", strings.Repeat("x", 1<<10)} {
		if err := (&agent{}).down(kind); err == nil || !strings.Contains(err.Error(), "is no kind: reboot, ") {
			t.Errorf("%q: got %v", kind, err)
		}
	}
	for _, kind := range shutdownKinds() {
		if err := isShutdownKind(kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
