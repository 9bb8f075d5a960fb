package config_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/internal/config"
)

func TestSchedule(t *testing.T) {
	const text = `
agent {
  time_zone   = "Europe/Berlin"
  start_delay = "30s"
  interval    = "1m"
}

check "system" "office" {
  every     = "*/5 8-19 * * mon-fri"
  not_every = ["* 12 * * *", "30 9 * * *"]

  rule "busy" {
    when = avg_over(cpu.percent, "10m") > 90
  }
}

check "process" "job" {
  match     = "job"
  every     = ["0 4 * * *", "@weekly"]
  time_zone = "UTC"

  rule "down" {
    when = !exists
  }
}

check "process" "night" {
  match     = "night"
  not_every = "* 8-23 * * *"

  rule "down" {
    when = !exists
  }
}
`
	cfg, problems := config.LoadBytes([]byte(text), "a.hcl", testOptions())
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	if cfg.Agent.StartDelay != 30*time.Second {
		t.Errorf("got start delay %v", cfg.Agent.StartDelay)
	}
	friday := time.Date(2026, 11, 20, 18, 54, 30, 0, time.UTC) // 19:54 in Berlin
	var got []string
	for _, c := range cfg.Checks {
		next := c.Schedule.Next(friday)
		got = append(got, c.Interval.String()+" "+c.Pass+" "+next.UTC().Format("Mon 15:04")+" "+c.Schedule.Next(next.Add(time.Minute)).UTC().Format("Mon 15:04"))
	}
	want := "5m0s  Fri 18:55 Mon 07:00|4h0m0s process timed Sat 04:00 Sun 00:00|1m0s process 1m Fri 23:00 Fri 23:01"
	if text := strings.Join(got, "|"); text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if a, b := cfg.Checks[0].Fingerprint, cfg.Checks[1].Fingerprint; a == b {
		t.Error("two checks have one fingerprint")
	}
}

// TestAHostWithoutZones: a minimal image has no time zone data.
func TestAHostWithoutZones(t *testing.T) {
	opt := testOptions()
	opt.Secrets = config.Required
	opt.Zone = func(string) (*time.Location, error) { return nil, errors.New("unknown time zone") }
	const text = "agent {\n  time_zone = \"Europe/Berlin\"\n}\n"
	cfg, problems := config.LoadBytes([]byte(text), "a.hcl", opt)
	if want := "No time zone data: This host has no time zone data, so \"Europe/Berlin\" cannot be looked up. Install the package tzdata"; cfg != nil || !strings.Contains(problems.Error(), want) {
		t.Errorf("got %s, want %s", problems.Error(), want)
	}
	opt.Secrets = config.Optional // validate runs anywhere
	if cfg, problems = config.LoadBytes([]byte(text), "a.hcl", opt); cfg == nil {
		t.Errorf("got %s, want a warning", problems.Error())
	}
	if _, problems = config.LoadBytes([]byte(strings.ReplaceAll(text, "Berlin", "..")), "a.hcl", opt); !strings.Contains(problems.Error(), "Unknown time zone") {
		t.Errorf("got %s", problems.Error())
	}
}
