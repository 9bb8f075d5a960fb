package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

// others are the checks that the rules below refer to.
const others = `
check "filesystem" "root" {
  path = "/"
}

check "filesystem" "my disk" {
  path = "/srv"
}

check "process" "nginx" {
  match = "nginx"
  rule "down" {
    when = !exists
  }
}

check "host" "db.example.com" {
  address = "db.example.com"
}

check "system" "web-1" {
  rule "r" {
    when = WHEN
  }
}
`

func referring(t *testing.T, when string) *config.Config {
	t.Helper()
	cfg, problems := config.LoadBytes([]byte(strings.Replace(others, "WHEN", when, 1)), "a.hcl", testOptions())
	if cfg == nil {
		t.Fatalf("load %s: %s", when, problems.Error())
	}
	return cfg
}

func TestReferences(t *testing.T) {
	number := tocsin.Number
	values := map[engine.Ref]tocsin.Value{
		{Check: "filesystem.root", Metric: "space.percent"}:    number(93),
		{Check: "filesystem.my disk", Metric: "space.percent"}: number(50),
		{Check: "process.nginx", Metric: "exists"}:             tocsin.Bool(false),
		{Check: "host.db.example.com", Metric: "reason"}:       tocsin.Text("refused"),
		{Check: "filesystem.root", Metric: "type"}:             tocsin.Text("ext4"),
	}
	for _, c := range []struct {
		when        string
		want        engine.Truth
		description string
	}{
		{`filesystem.root.space.percent > 90 && cpu.percent > 50`, engine.True, `filesystem.root.space.percent 93 % > 90 && cpu.percent 60 % > 50`},
		{`filesystem["my disk"].space.percent > 90 || !process.nginx.exists`, engine.True, `filesystem["my disk"].space.percent 50 % > 90 || !process.nginx.exists false`},
		{`filesystem["root"].space["percent"] > 90`, engine.False, ""}, // refused below
		{`host["db.example.com"].reason == "refused"`, engine.True, `host["db.example.com"].reason refused == "refused"`},
		{`starts_with(filesystem.root.type, "ext") && filesystem.root.space.percent - filesystem["my disk"].space.percent > 40`, engine.True, ""},
		{`filesystem.root.inodes.percent > 90`, engine.Unknown, `filesystem.root.inodes.percent no data > 90`},
		{`filesystem.root.inodes.percent > 90 || cpu.percent > 50`, engine.True, ""},
		{`system.web-1.cpu.percent > 50`, engine.True, `system.web-1.cpu.percent 60 % > 50`}, // the check itself
		{`avg_over(system.web-1.cpu.percent, "5m") > 50`, engine.Unknown, ""},
	} {
		if strings.Contains(c.when, `space["percent"]`) {
			if _, problems := config.LoadBytes([]byte(strings.Replace(others, "WHEN", c.when, 1)), "a.hcl", testOptions()); !problems.HasErrors() {
				t.Errorf("%s: got no problem", c.when)
			}
			continue
		}
		r := referring(t, c.when).Checks[4].Rules[0]
		v := view(map[string]tocsin.Value{"cpu.percent": number(60)})
		v.Other = func(r engine.Ref) tocsin.Value { return values[r] }
		if got := r.When.Eval(v); got != c.want {
			t.Errorf("%s: got %d, want %d", c.when, got, c.want)
		}
		got, _ := r.Explain(v)
		if got = strings.NewReplacer("93.0 %", "93 %", "60.0 %", "60 %", "50.0 %", "50 %").Replace(got); c.description != "" && got != c.description {
			t.Errorf("%s: got %q, want %q", c.when, got, c.description)
		}
		v.Other = nil
		if got := r.When.Eval(v); c.want == engine.True && !strings.Contains(c.when, "cpu.percent > 50") && !strings.Contains(c.when, "web-1") && got != engine.Unknown {
			t.Errorf("%s without readings of others: got %d, want unknown", c.when, got)
		}
	}
}

// TestReferredChecks: what others refer to is read and needs no rule; it is
// another check then.
func TestReferredChecks(t *testing.T) {
	cfg := referring(t, "filesystem.root.space.percent > 90 && process.nginx.threads > 3")
	if diff := cmp.Diff([]engine.Ref{{Check: "filesystem.root", Metric: "space.percent"}, {Check: "process.nginx", Metric: "threads"}}, cfg.Checks[4].Rules[0].Refs); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	less := referring(t, "cpu.percent > 90")
	for i, differs := range []bool{true, false, true, false, true} {
		if got := cfg.Checks[i].Fingerprint != less.Checks[i].Fingerprint; got != differs {
			t.Errorf("check %s: got another fingerprint %t, want %t", cfg.Checks[i].ID(), got, differs)
		}
	}
	_, problems := config.LoadBytes([]byte(strings.Replace(others, "WHEN", `filesystem.root.space.percent > 90 && host["db.example.com"].reachable`, 1)), "a.hcl", testOptions())
	var without []string
	for _, d := range diagnostics(t, problems) {
		if d.Summary == "Check without a rule" {
			without = append(without, d.Detail)
		}
	}
	if len(without) != 1 || !strings.Contains(without[0], "my disk") {
		t.Errorf("got %q without a rule, want only \"my disk\"", without)
	}
}
