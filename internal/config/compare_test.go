package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/checks"
	"tocsin/internal/config"
)

const comparedRules = `
agent {
  host = "web-1"
}
mailserver "relay" {
  host     = "mail.example.com"
  username = "me@example.com"
  password = env("PASSWORD")
}
mail "ops" {
  to = ["ops@example.com"]
}
route {
  when   = event.severity == "critical"
  notify = [mail.ops]
}
check "system" "host" {
  rule "cpu" {
    when = cpu.percent > 90
  }
}
check "process" "nginx" {
  pidfile = "/run/nginx.pid"
  rule "down" {
    when = !exists
  }
}
`

// TestSince: what a reload changes, and nothing else, is named.
func TestSince(t *testing.T) {
	none := config.NoChanges()
	change := func(edit func(c *config.Changes)) config.Changes {
		c := config.NoChanges()
		edit(&c)
		return c
	}
	for name, tt := range map[string]struct {
		old, now, password string
		want               config.Changes
	}{
		"nothing":   {"", "", "", none},
		"a comment": {"  to = [", "  # the people\n\n\n  to   = [", "", none},
		"a route alone": {`"critical"`, `"warning"`, "", change(func(c *config.Changes) {
			c.Blocks.Changed = []string{"the routes"}
		})},
		"a secret": {"", "", "another", change(func(c *config.Changes) {
			c.Blocks.Changed = []string{`mailserver "relay"`}
		})},
		"a limit": {"> 90", "> 95", "", change(func(c *config.Changes) {
			c.Checks.Changed = []string{"system.host"}
		})},
		"the interval of all": {`host = "web-1"`, "host = \"web-1\"\n  interval = \"1m\"", "", change(func(c *config.Changes) {
			c.Checks.Changed, c.Blocks.Changed = []string{"process.nginx", "system.host"}, []string{"agent"}
		})},
		"another name": {`"process" "nginx"`, `"process" "web"`, "", change(func(c *config.Changes) {
			c.Checks.Added, c.Checks.Removed = []string{"process.web"}, []string{"process.nginx"}
		})},
		"one more": {"mail \"ops\"", "mail \"boss\" {\n  to = [\"b@example.com\"]\n}\nmail \"ops\"", "", change(func(c *config.Changes) {
			c.Blocks.Added = []string{`mail "boss"`}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			load := func(text, password string) *config.Config {
				cfg, problems := config.LoadBytes([]byte(text), "a.hcl", config.Options{Env: func(string) (string, bool) { return password, true }})
				if problems.HasErrors() {
					t.Fatal(problems)
				}
				if err := cfg.Open(checks.NewHost("")); err != nil {
					t.Fatal(err)
				}
				return cfg
			}
			password := "one"
			if tt.password != "" {
				password = tt.password
			}
			got := load(strings.Replace(comparedRules, tt.old, tt.now, 1), password).Since(load(comparedRules, "one"))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if got.None() != cmp.Equal(got, none) {
				t.Errorf("got None %t", got.None())
			}
		})
	}
}

// TestWhatARuleSays is its conditions, however they are laid out, and nothing else.
func TestWhatARuleSays(t *testing.T) {
	says := func(rule string) string {
		cfg := loaded(t, "check \"system\" \"host\" {\nrule \"cpu\" {\n"+rule+"\n}\n}\n")
		return cfg.Checks[0].Rules[0].Says
	}
	first := says("when = cpu.percent > 90\nclear = cpu.percent < 70")
	for rule, want := range map[string]bool{
		"when   = cpu.percent > 90\nclear  = cpu.percent < 70\nfor = \"5m\"": true,
		"when = cpu.percent > 91\nclear = cpu.percent < 70":                  false,
		"when = cpu.percent > 90\nclear = cpu.percent < 71":                  false,
		"when = cpu.percent > 90":                                            false,
	} {
		if got := says(rule); got == first != want {
			t.Errorf("%s: got %q, at first %q", rule, got, first)
		}
	}
}
