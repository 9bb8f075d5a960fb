package main

import (
	"strings"
	"testing"
)

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
