package main

import (
	"strings"
	"testing"
	"time"

	"tocsin"
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
