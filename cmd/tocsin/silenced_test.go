package main

import (
	"strings"
	"testing"

	"tocsin/internal/engine"
)

// TestWhatANameSilences: a check, a kind, and what may be either.
func TestWhatANameSilences(t *testing.T) {
	host := engine.Check{Kind: "system", Name: "host"}
	gw := engine.Check{Kind: "host", Name: "gw"}
	for _, tt := range []struct {
		name   string
		checks []engine.Check
		names  string
		want   string // what it is about, or the error
		covers string // of gw and of the checks
	}{
		{"a check", []engine.Check{host}, "gw", "there is no check and no kind \"gw\"", ""},
		{"by its name", []engine.Check{gw}, "gw", "gw", "host.gw"},
		{"a kind", []engine.Check{{Kind: "system", Name: "web-1"}}, "host", "kind host", "host.gw"},
		{"either", []engine.Check{host, gw}, "host", "\"host\" is a kind, and the name of system.host: write system.host for what has the name, or --kind host", ""},
		{"of several kinds", []engine.Check{host, gw, {Kind: "file", Name: "host"}}, "host", "the name of system.host and file.host: write system.host file.host for", ""},
		{"with its kind", []engine.Check{host, gw}, "system.host", "system.host", "system.host"},
		{"no check of the kind as yet", []engine.Check{host}, "host", "system.host", "system.host"},
		{"all of the kind have the name", []engine.Check{{Kind: "host", Name: "host"}}, "host", "host.host", "host.host"},
		{"one of the kind has the name", []engine.Check{gw, {Kind: "host", Name: "host"}}, "host", "write host.host for", ""},
		{"units that no check watches", []engine.Check{{Kind: "unit", Name: "unit"}}, "unit", "write unit.unit for", ""},
		{"one that stands for several", []engine.Check{{Kind: "filesystem", Name: "host:/"}, {Kind: "filesystem", Name: "host:/srv"}}, "host", "filesystem.host", "filesystem.host:/ filesystem.host:/srv"},
		{"several names", []engine.Check{host, gw}, "gw filesystem system.host", "gw, system.host, kind filesystem", "host.gw system.host"},
	} {
		about, err := aboutOf(strings.Fields(tt.names), tt.checks)
		got := about.String()
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if err != nil {
			continue
		}
		var covered []string
		seen := map[string]bool{}
		for _, c := range append([]engine.Check{gw}, tt.checks...) {
			if !seen[c.ID()] && about.Covers(c.Kind, c.Name, nil) {
				covered = append(covered, c.ID())
			}
			seen[c.ID()] = true
		}
		if got := strings.Join(covered, " "); got != tt.covers {
			t.Errorf("%s: covers %q, want %q", tt.name, got, tt.covers)
		}
	}
}
