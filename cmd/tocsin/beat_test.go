package main

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/control"
)

// TestStatusTellsOfHeartbeats that are not sent, and of no others.
func TestStatusTellsOfHeartbeats(t *testing.T) {
	s := someStatus()
	s.Heartbeats = []control.Heartbeat{
		{Name: "fine", Sent: statusNow},
		{Name: "hc", FailingSince: statusNow.Add(-90 * time.Minute), Reason: "answered 404 Not Found\x1b[2J"},
		{Name: "kuma", Held: "every mail server fails"},
	}
	got := statusTable(s, false)
	for _, want := range []string{"! heartbeat hc has failed for 1h: answered 404 Not Found\uFFFD[2J\n", "! heartbeat kuma is not sent: every mail server fails\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
	if strings.Contains(got, "fine\n") && strings.Contains(got, "heartbeat fine") {
		t.Errorf("got\n%s", got)
	}
}
