package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/config"
	"tocsin/notify/pickup"
)

func TestPickup(t *testing.T) {
	const rest = `mailserver "x" {
  host     = "relay.example.com"
  username = "alice@example.net"
  password = "secret"
}
mail "ops" {
  from = "Tocsin <tocsin@example.net>"
  to   = ["Ops <ops@example.com>"]
  bcc  = ["archive@example.com"]
}
mail "dev" {
  to = ["dev@example.com"]
}
hook "boot" {}
`
	common := pickup.Config{
		MaxSize: 10 << 20, MessagesPerHour: 100, Host: "web-1.example.com", From: "Tocsin <tocsin@example.net>",
		Own: []string{"tocsin@example.net", "alice@example.net"}, Fallback: []string{"ops@example.com", "archive@example.com"},
	}
	with := func(change func(*pickup.Config)) pickup.Config {
		c := common
		change(&c)
		return c
	}
	for name, tt := range map[string]struct {
		text     string
		stateDir string
		want     pickup.Config
	}{
		"the installed agent": {"", "", with(func(c *pickup.Config) { c.Dir = "/var/spool/tocsin/pickup" })},
		"an agent beside it":  {"", "/tmp/state", common},
		"one of its own":      {"agent {\n  state_dir = \"/srv/tocsin\"\n}\n", "", common},
		"with a directory": {"pickup {\n  dir = \"/srv/drop/\"\n  max_size = 1 * MiB\n  messages_per_hour = 7\n  keep_from = true\n}\n", "/tmp/state", with(func(c *pickup.Config) {
			c.Dir, c.MaxSize, c.MessagesPerHour, c.KeepFrom = "/srv/drop", 1<<20, 7, true
		})},
		"with aliases": {"aliases {\n  Root = [\"ops@example.com\", \"www-data\"]\n  www-data = [\"w@example.com\"]\n}\n", "/tmp/state", with(func(c *pickup.Config) {
			c.Aliases = pickup.Aliases{"root": {"ops@example.com", "www-data"}, "www-data": {"w@example.com"}}
		})},
	} {
		cfg, problems := config.LoadBytes([]byte(rest+tt.text), "tocsin.hcl", config.Options{
			Host: func() string { return "web-1.example.com" }, StateDir: tt.stateDir,
		})
		if cfg == nil {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		if diff := cmp.Diff(tt.want, cfg.Pickup); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPickupMaxSize: a message of the size must fit the spool once it is encoded.
func TestPickupMaxSize(t *testing.T) {
	_, problems := config.LoadBytes([]byte("pickup {\n  max_size = 21 * MiB\n}\n"), "tocsin.hcl", config.Options{})
	if text := fmt.Sprint(problems); !strings.Contains(text, "max_size") {
		t.Errorf("got %s, want 21 MiB refused", text)
	}
}
