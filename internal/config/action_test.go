package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/checks"
	"tocsin/internal/act"
	"tocsin/internal/config"
	"tocsin/internal/engine"
	"tocsin/internal/program"
)

const actingFile = `
check "process" "nginx" {
  pidfile         = "/run/nginx.pid"
  start           = ["/usr/sbin/nginx", "-q"]
  stop            = ["nginx", "-s", "quit"]
  action_timeout  = "1m"
  action_user     = "www"
  restarts        = 3
  restarts_within = "1h"
  rule "down" {
    when = !exists
    do   = "restart"
  }
  rule "fat" {
    when      = memory.rss > 1 * GiB
    do        = "exec"
    exec      = ["/usr/local/bin/told"]
    user      = "nagios"
    timeout   = "5s"
    repeat    = "1h"
    processes = 7
  }
}
check "unit" "app" {
  unit = "app.service"
  stop = ["/usr/local/bin/drain"]
  rule "down" {
    when = !active
    do   = "restart"
  }
}
check "system" "web" {
  rule "cpu" {
    when = cpu.percent > 90
    do   = "alert"
  }
}
`

func TestActions(t *testing.T) {
	cfg, problems := config.LoadBytes([]byte(actingFile), "tocsin.hcl", testOptions())
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	if err := cfg.Open(checks.NewHost(t.TempDir())); err != nil {
		t.Fatal(err)
	}
	nginx, app, web := cfg.Checks[0], cfg.Checks[1], cfg.Checks[2]
	lasting := func(args ...string) engine.Method {
		return act.Program{Program: program.Program{Args: args, Timeout: time.Minute, User: "www", Lasting: true}}
	}
	want := map[engine.Verb]engine.Method{
		engine.Start: lasting("/usr/sbin/nginx", "-q"),
		engine.Stop:  lasting("nginx", "-s", "quit"),
	}
	if diff := cmp.Diff(want, nginx.Methods); diff != "" {
		t.Errorf("methods (-want +got):\n%s", diff)
	}
	if !nginx.Exists || nginx.Patience != time.Minute || nginx.Limit != (engine.Limit{Times: 3, Within: time.Hour}) {
		t.Errorf("got %t, %s, %+v", nginx.Exists, nginx.Patience, nginx.Limit)
	}
	if down := nginx.Rules[0]; down.Do != engine.Restart || down.Exec != nil {
		t.Errorf("got %+v", down)
	}
	exec := act.Program{Program: program.Program{
		Args: []string{"/usr/local/bin/told"}, Timeout: 5 * time.Second, User: "nagios", Limits: program.Limits{Processes: 7},
	}}
	if diff := cmp.Diff(engine.Method(exec), nginx.Rules[1].Exec); diff != "" || nginx.Rules[1].Do != engine.Exec || nginx.Rules[1].Repeat != time.Hour {
		t.Errorf("got %s, %s (-want +got):\n%s", nginx.Rules[1].Do, nginx.Rules[1].Repeat, diff)
	}
	if got, want := app.Methods[engine.Restart], (act.Unit{Name: "app.service", Verb: "restart", Timeout: 30 * time.Second}); got != engine.Method(want) || app.Exists {
		t.Errorf("got %+v, %t", got, app.Exists)
	}
	if _, isProgram := app.Methods[engine.Stop].(act.Program); !isProgram {
		t.Errorf("got %T to stop the unit", app.Methods[engine.Stop])
	}
	if web.Rules[0].Do != "" || len(web.Methods) != 0 || web.Acts(engine.Restart) || !app.Acts(engine.Restart) {
		t.Errorf("got %+v", web)
	}
}

// TestPassive: in a passive check rules only tell, but people may act.
func TestPassive(t *testing.T) {
	text := replaceOnce(t, actingFile, `  pidfile `, "  mode    = \"passive\"\n  pidfile ")
	cfg, problems := config.LoadBytes([]byte(text), "tocsin.hcl", testOptions())
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	if err := cfg.Open(checks.NewHost(t.TempDir())); err != nil {
		t.Fatal(err)
	}
	nginx, app := cfg.Checks[0], cfg.Checks[1]
	if nginx.Rules[0].Do != "" || nginx.Rules[1].Do != engine.Exec || !nginx.Acts(engine.Restart) || app.Rules[0].Do != engine.Restart {
		t.Errorf("got %q, %q, %q", nginx.Rules[0].Do, nginx.Rules[1].Do, app.Rules[0].Do)
	}
	active, _ := config.LoadBytes([]byte(actingFile), "tocsin.hcl", testOptions())
	if active.Checks[0].Fingerprint == nginx.Fingerprint {
		t.Error("got the same fingerprint")
	}
}

// TestActionsInTheFingerprint: a reload takes over what an action is.
func TestActionsInTheFingerprint(t *testing.T) {
	of := func(text string) string {
		cfg, problems := config.LoadBytes([]byte(text), "tocsin.hcl", testOptions())
		if cfg == nil {
			t.Fatal(problems.Error())
		}
		return cfg.Checks[0].Fingerprint
	}
	first := of(actingFile)
	var all []string
	for _, change := range [][2]string{
		{`"-q"`, `"-t"`},
		{`"1m"`, `"2m"`},
		{`"www"`, `"web"`},
		{`restarts        = 3`, `restarts = 4`},
		{`do   = "restart"`, `do = "start"`},
		{`"/usr/local/bin/told"`, `"/usr/local/bin/said"`},
		{`"5s"`, `"6s"`},
		{`repeat    = "1h"`, `repeat = "2h"`},
		{`= 7`, `= 8`},
	} {
		got := of(replaceOnce(t, actingFile, change[0], change[1]))
		if got == first || slices.Contains(all, got) {
			t.Errorf("%s: got the same fingerprint", change[1])
		}
		all = append(all, got)
	}
}

func replaceOnce(t *testing.T, text, old, with string) string {
	t.Helper()
	before, after, found := strings.Cut(text, old)
	if !found {
		t.Fatalf("%q is not in the text", old)
	}
	return before + with + after
}
