package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

const onlyMail = `
mailserver "local" {
  host = "localhost"
  tls  = "none"
}

mail "ops" {
  to = ["ops@example.com"]
}
`

func hooks(cfg *config.Config) string {
	return strings.Join(slices.Sorted(maps.Keys(cfg.Hooks)), " ")
}

// TestBuiltIn loads files with and without checks and hooks of their own.
func TestBuiltIn(t *testing.T) {
	const hook, check = "hook \"boot\" {}\n", "check \"unit\" \"x\" {\n  unit = \"x.service\"\n  rule \"down\" {\n    when = !active\n  }\n}\n"
	for _, test := range []struct{ name, text, checks, hooks string }{
		{"nothing", "", "machine pressure disk", "boot shutdown unit"},
		{"a hook", hook, "machine pressure disk", "boot"},
		{"a check", check, "x", ""},
		{"both", hook + check, "x", "boot"},
		{"none wanted", "agent {\n  defaults = false\n}\n", "", ""},
		{"wanted", "agent {\n  defaults = true\n}\n", "machine pressure disk", "boot shutdown unit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := loaded(t, test.text+onlyMail)
			if names(cfg) != test.checks || hooks(cfg) != test.hooks {
				t.Errorf("got %s and hooks %s, want %s and %s", names(cfg), hooks(cfg), test.checks, test.hooks)
			}
			if cfg.Defaults != strings.Contains(test.checks, "machine") || len(cfg.Files) != 1 {
				t.Errorf("got defaults %t and files %q, want the files of a person", cfg.Defaults, cfg.Files)
			}
		})
	}
	// As a file of one's own they are the same, to the fingerprint.
	own, builtin := loaded(t, onlyMail+string(config.Defaults())), loaded(t, onlyMail)
	if own.Defaults || hooks(own) != hooks(builtin) || len(own.Checks) != len(builtin.Checks) {
		t.Fatalf("got %s and %s, want the same checks", names(own), names(builtin))
	}
	for i, c := range own.Checks {
		if c.Fingerprint != builtin.Checks[i].Fingerprint {
			t.Errorf("%s: got another check from the printed text", c.Name)
		}
	}
	if got, _ := config.Format(config.Defaults(), "defaults.hcl"); string(got) != string(config.Defaults()) {
		t.Errorf("got defaults that are not formatted, want:\n%s", got)
	}
}

// TestDefaultsWithoutPressure opens the defaults where the kernel counts none.
func TestDefaultsWithoutPressure(t *testing.T) {
	with, without := mounted(t, "/srv"), mounted(t, "/srv")
	if err := os.MkdirAll(filepath.Join(with.Proc, "pressure"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(with.Proc, "pressure/memory"), []byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, host := range map[string]*checks.Host{"machine pressure disk:/ disk:/srv": with, "machine disk:/ disk:/srv": without} {
		cfg := loaded(t, onlyMail)
		if err := cfg.Open(host); err != nil || names(cfg) != want {
			t.Errorf("got %s, %v, want %s", names(cfg), err, want)
		}
	}
}

// TestDefaultsOfAMachine gives the rules of the defaults what machines say, fine
// ones and others.
func TestDefaultsOfAMachine(t *testing.T) {
	const gib = 1 << 30
	fine := map[string]float64{
		"cpu.percent": 40, "cpu.steal": 1, "load.avg15_per_core": 0.8, "memory.percent": 60, "fds.percent": 1,
		"swap.total": 2 * gib, "swap.free": gib, "swap.in_bytes_per_second": 0, "swap.out_bytes_per_second": 0,
		"pressure.memory.full.avg60": 0, "pressure.io.full.avg300": 20,
		"space.percent": 60, "space.free": 40 * gib, "inodes.total": 1e6, "inodes.free": 9e5,
	}
	for _, test := range []struct {
		name   string
		values map[string]float64
		want   string // the rules that hold
	}{
		{"fine", nil, ""},
		{"a nightly backup", map[string]float64{"cpu.percent": 93, "load.avg15_per_core": 3, "pressure.io.full.avg300": 75, "swap.in_bytes_per_second": 0}, ""},
		{"a large disk at 94 %", map[string]float64{"space.percent": 94, "space.free": 900 * gib}, ""},
		{"swap space full of what nobody needs", map[string]float64{"swap.free": 0, "memory.percent": 50}, ""},
		{"no swap space", map[string]float64{"swap.total": 0, "swap.free": 0, "memory.percent": 94}, ""},
		{"btrfs", map[string]float64{"inodes.total": 0, "inodes.free": 0}, ""},
		{"busy", map[string]float64{"cpu.percent": 99, "cpu.steal": 50, "load.avg15_per_core": 9}, "cpu load steal"},
		{"no memory", map[string]float64{"memory.percent": 97, "swap.free": 0, "swap.in_bytes_per_second": 8 << 20, "swap.out_bytes_per_second": 8 << 20, "pressure.memory.full.avg60": 40}, "memory swap swapping memory"},
		{"a disk that does not get on", map[string]float64{"pressure.io.full.avg300": 95}, "disk"},
		{"a small disk at 92 %", map[string]float64{"space.percent": 79, "space.free": 3 * gib, "inodes.free": 5e4}, "inodes"},
		{"a full disk", map[string]float64{"space.percent": 99, "space.free": gib}, "space full"},
		{"a read-only image", map[string]float64{"space.percent": 100, "space.free": 0, "inodes.free": 0}, "read-only"},
		{"no files left", map[string]float64{"fds.percent": 95}, "open-files"},
	} {
		t.Run(test.name, func(t *testing.T) {
			values := map[string]tocsin.Value{"readonly": tocsin.Bool(strings.Contains(test.name, "read-only"))}
			for _, from := range []map[string]float64{fine, test.values} {
				for metric, v := range from {
					values[metric] = tocsin.Number(v)
				}
			}
			view := engine.View{Reading: tocsin.Reading{Values: tocsin.ValuesOf(values)}, Seen: map[string]string{"readonly": "false"}}
			var got []string
			for _, c := range loaded(t, onlyMail).Checks {
				for _, r := range c.Rules {
					says := r.When.Eval(view)
					if says == engine.True {
						got = append(got, r.Name)
					}
					if says == engine.Unknown && r.Name != "filling" {
						t.Errorf("%s %s: got no data, want an answer", c.Name, r.Name)
					}
					if r.Clear != nil && says == engine.True && r.Clear.Eval(view) == engine.True {
						t.Errorf("%s %s: got a failure that is over at once", c.Name, r.Name)
					}
				}
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}

// TestDefaultsReadOnly tells of a file system that turns read-only, not of one
// that is.
func TestDefaultsReadOnly(t *testing.T) {
	cfg := loaded(t, onlyMail)
	disk := cfg.Checks[2]
	rule := disk.Rules[slices.IndexFunc(disk.Rules, func(r engine.Rule) bool { return r.Name == "read-only" })]
	for seen, want := range map[string]engine.Truth{"true": engine.False, "false": engine.True} {
		view := engine.View{Reading: tocsin.Reading{Values: tocsin.ValuesOf(map[string]tocsin.Value{"readonly": tocsin.Bool(true)})}, Seen: map[string]string{"readonly": seen}}
		if got := rule.When.Eval(view); got != want {
			t.Errorf("readonly was %s: got %v, want %v", seen, got, want)
		}
	}
}
