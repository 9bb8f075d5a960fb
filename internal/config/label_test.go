package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/config"
)

func TestGroupsAndLabels(t *testing.T) {
	const text = `
agent {
  labels = { site = "berlin", team = "ops" }
}
check "system" "db" {
  groups = ["db", "backend"]
  labels = { team = "db", "rack" = 7 }
  rule "cpu" { when = cpu.percent > 90 }
}
check "system" "plain" {
  rule "cpu" { when = cpu.percent > 90 }
}`
	cfg, problems := config.LoadBytes([]byte(text), "tocsin.hcl", testOptions())
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	if diff := cmp.Diff([]string{"db", "backend"}, cfg.Checks[0].Groups); diff != "" {
		t.Errorf("groups: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"site": "berlin", "team": "db", "rack": "7"}, cfg.Checks[0].Labels); diff != "" {
		t.Errorf("labels: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"site": "berlin", "team": "ops"}, cfg.Checks[1].Labels); diff != "" {
		t.Errorf("labels of the agent: %s", diff)
	}
	if cfg.Checks[1].Groups != nil {
		t.Errorf("got groups %q, want none", cfg.Checks[1].Groups)
	}
}
