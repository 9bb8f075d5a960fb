package config_test

import (
	"os"
	"slices"
	"testing"

	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

const dependFile = `agent {
  onreboot = "start"
}
check "process" "web" {
  pidfile    = "/run/web.pid"
  depends_on = [process["my db"], filesystem.all]
  onreboot   = "laststate"
  rule "down" {
    when = !exists
  }
}
check "process" "my db" {
  pidfile    = "/run/db.pid"
  start      = ["/bin/true"]
  depends_on = [file.binary]
  onreboot   = "nostart"
  rule "down" {
    when = !exists
  }
}
check "file" "binary" {
  path = "/bin/true"
  rule "tampered" {
    when = size < 1
    do   = "stop"
  }
}
check "filesystem" "all" {
  mounts = "*"
  rule "space" {
    when = space.percent > 99
  }
}
`

// TestDependencies: on a check for many the dependency is on each of them, and a
// rule may stop what others depend on, though nobody says how.
func TestDependencies(t *testing.T) {
	cfg, problems := config.LoadBytes([]byte(dependFile), "t.hcl", testOptions())
	if problems.HasErrors() {
		t.Fatal(problems.Error())
	}
	if err := cfg.Open(checks.NewHost("")); err != nil {
		t.Fatal(err)
	}
	var mounts []string
	for _, c := range cfg.Checks {
		if c.Kind == "filesystem" {
			mounts = append(mounts, c.ID())
		}
	}
	if len(mounts) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("skipped, which CI does not allow: no file systems here")
		}
		t.Skip("no file systems here")
	}
	if got, want := cfg.Checks[0].DependsOn, append([]string{"process.my db"}, mounts...); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := cfg.Checks[1].DependsOn; !slices.Equal(got, []string{"file.binary"}) {
		t.Errorf("got %q", got)
	}
	for i, want := range []engine.OnReboot{engine.LastState, engine.NotBegun, engine.Started} {
		if got := cfg.Checks[i].OnReboot; got != want {
			t.Errorf("%s: got onreboot %q, want %q", cfg.Checks[i].Name, got, want)
		}
	}
	next, _ := cfg.Follow(checks.NewHost(""))
	if got := next.Checks[0].DependsOn; len(got) < 2 {
		t.Errorf("got %q after another look", got)
	}
}
