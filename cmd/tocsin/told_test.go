package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tocsin/internal/config"
)

// TestValidateTold asks who is told by day and by night.
func TestValidateTold(t *testing.T) {
	text := strings.NewReplacer("FLAG", "/run/flag", "[mail.day]", "[mail.day]\n  reminder = \"4h\"").Replace(callRules)
	cfg, problems := config.LoadBytes([]byte(text), "rules.hcl", config.Options{})
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	cfg.Agent.Zone = time.UTC
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for at, want := range map[string]string{
		"": `told at Sunday, 2026-11-22 12:00 UTC:
file "flag"
  rule "data" (warning)  day (day@example.com); reminder 4h
  rule "gone" (warning)  day (day@example.com); reminder 4h
`,
		"03:00": `told at Sunday, 2026-11-22 03:00 UTC:
file "flag"
  rule "data" (warning)  night (night@example.com); after 2h boss
  rule "gone" (warning)  night (night@example.com); after 2h boss
`,
		"2026-12-01 08:00": `told at Tuesday, 2026-12-01 08:00 UTC:
file "flag"
  rule "data" (warning)  day (day@example.com); reminder 4h
  rule "gone" (warning)  day (day@example.com); reminder 4h
`,
	} {
		var b bytes.Buffer
		if err := (told{asked: true, at: at}).write(&b, cfg, now); err != nil || b.String() != want {
			t.Errorf("at %q: got %v, %s, want %s", at, err, b.String(), want)
		}
	}
	for _, bad := range []told{{asked: true, at: "3pm"}, {at: "03:00"}} {
		var b bytes.Buffer
		if err := bad.write(&b, cfg, now); err == nil {
			t.Errorf("%+v: got no error", bad)
		}
	}
}

// TestARuleNamedAsAHook goes by the routes like every other.
func TestARuleNamedAsAHook(t *testing.T) {
	text := strings.Replace(callRules, "FLAG", "/run/flag", 1) + `
hook "unit" {
  notify = [mail.boss]
}
check "unit" "app" {
  unit = "app.service"
  rule "unit" {
    when = !active
  }
}
`
	cfg, problems := config.LoadBytes([]byte(text), "rules.hcl", config.Options{})
	if cfg == nil {
		t.Fatal(problems.Error())
	}
	var b bytes.Buffer
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if err := (told{asked: true}).write(&b, cfg, now); err != nil || !strings.Contains(b.String(), `rule "unit" (warning)  day (day@example.com)`) {
		t.Errorf("got %v, %s", err, b.String())
	}
}
