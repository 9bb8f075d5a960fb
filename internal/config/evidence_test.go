package config_test

import (
	"slices"
	"strings"
	"testing"

	"tocsin/internal/config"
)

// TestEvidenceOfAMount: a check that stands for several has what a rule asks for
// too, and its own path.
func TestEvidenceOfAMount(t *testing.T) {
	cfg := loaded(t, strings.Replace(diskRules, "when = space.percent > 90\n  }\n}\n\ncheck \"filesystem\" \"disks:", "when = space.percent > 90\n    evidence = [\"disk\", \"journal\"]\n  }\n}\n\ncheck \"filesystem\" \"disks:", 1))
	if err := cfg.Open(mounted(t, "/srv/a")); err != nil {
		t.Fatal(err)
	}
	want := []string{config.EvidenceDisk, config.EvidenceJournal}
	if got := cfg.Evidence("filesystem", "disks:/srv/a", "full"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for check, want := range map[string]string{"disks:/srv/a": "/srv/a", "root": "/", "nothing": ""} {
		if got := cfg.Attribute("filesystem", check, "path"); got != want {
			t.Errorf("%s: got the path %q, want %q", check, got, want)
		}
	}
	for _, none := range [][2]string{{"root", "full"}, {"disks:/srv/a", "data"}, {"nothing", "full"}} {
		if got := cfg.Evidence("filesystem", none[0], none[1]); got != nil {
			t.Errorf("%s: got %q", none, got)
		}
	}
}
