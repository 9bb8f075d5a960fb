package config_test

import (
	"testing"
	"time"

	"tocsin/internal/config"
)

// TestTheAgentWatchesItself, for whoever runs it, unless the files say otherwise.
func TestTheAgentWatchesItself(t *testing.T) {
	const people = "mailserver \"relay\" {\n  host = \"mail.example.com\"\n}\nmail \"ops\" {\n  to = [\"ops@example.com\"]\n}\n"
	for name, tt := range map[string]struct {
		rules  string
		self   bool
		id     string // of the check
		rest   int    // how many other checks are counted
		counts bool   // and it is counted itself
	}{
		"beside others":          {`check "process" "a" { pidfile = "/run/a.pid" }`, true, "self.tocsin", 1, false},
		"beside the defaults":    {"", true, "self.tocsin", -1, false},
		"for validate":           {`check "process" "a" { pidfile = "/run/a.pid" }`, false, "", 1, false},
		"one's own":              {"check \"self\" \"me\" {\n  rule \"mail\" {\n    when = mail.failing > 60\n  }\n}", true, "self.me", 0, true},
		"one's own, by the name": {"check \"self\" \"tocsin\" {\n  rule \"mail\" {\n    when = mail.failing > 60\n  }\n}", true, "self.tocsin", 0, true},
		"without defaults":       {"agent {\n  defaults = false\n}", true, "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, problems := config.LoadBytes([]byte(people+tt.rules), "a.hcl", config.Options{Self: tt.self})
			if problems.HasErrors() {
				t.Fatal(problems)
			}
			id, others := "", 0
			for _, c := range cfg.Checks {
				if c.Kind == "self" {
					id = c.ID()
				} else {
					others++
				}
			}
			if id != tt.id || tt.rest >= 0 && others != tt.rest {
				t.Errorf("got %q and %d others, want %q and %d", id, others, tt.id, tt.rest)
			}
			counted, _ := cfg.Watched()
			if want := others + map[bool]int{true: 1}[tt.counts]; counted != want {
				t.Errorf("got %d watched, want %d", counted, want)
			}
		})
	}
	cfg, problems := config.LoadBytes(append([]byte(people), config.Self()...), "a.hcl", config.Options{})
	if problems.Len() > 0 || len(cfg.Checks) != 1 {
		t.Errorf("its text is no rule file: %v", problems)
	}
	if formatted, _ := config.Format(config.Self(), "a.hcl"); string(formatted) != string(config.Self()) {
		t.Error("its text is not in the canonical form")
	}
}

// TestHowOftenTheAgentLooksAtItself: seldom, but as often as a person says.
func TestHowOftenTheAgentLooksAtItself(t *testing.T) {
	const own = "\ncheck \"self\" \"me\" {\n  rule \"mail\" {\n    when = mail.failing > 60\n  }\n}\n"
	for rules, want := range map[string]time.Duration{
		"agent {\n  interval = \"1s\"\n}\n":       15 * time.Second,
		"agent {\n  interval = \"1m\"\n}\n":       time.Minute,
		"agent {\n  interval = \"1s\"\n}\n" + own: time.Second,
	} {
		cfg, problems := config.LoadBytes([]byte(rules), "a.hcl", config.Options{Self: true})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		for _, c := range cfg.Checks {
			if c.Kind == "self" && c.Interval != want {
				t.Errorf("%q: got an interval of %s, want %s", rules, c.Interval, want)
			}
		}
	}
}
