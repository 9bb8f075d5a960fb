package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/config"
)

// TestSocketOfABrokenFile: whoever reloads a file with a mistake still finds the
// agent.
func TestSocketOfABrokenFile(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"a mistake elsewhere":  {"agent {\n  state_dir = \"/srv/t\"\n}\ncheck \"process\" \"a\" {\n  nonsense = 1\n}\n", "/srv/t/control.sock"},
		"a mistake in it":      {"agent {\n  socket = \"/srv/t/s\"\n  nonsense = 1\n}\n", "/srv/t/s"},
		"no syntax after it":   {"agent {\n  state_dir = \"/srv/t\"\n}\ncheck {{{\n", "/srv/t/control.sock"},
		"too deep":             {"agent {\n  state_dir = \"/srv/t\"\n}\na = " + strings.Repeat("(", 100_000), config.DefaultSocket},
		"nothing":              {"", config.DefaultSocket},
		"a path that is wrong": {"agent {\n  state_dir = \"relative\"\n}\n", config.DefaultSocket},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.hcl")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := config.Socket(path, config.Options{}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := config.Socket("/nonexistent", config.Options{}); got != config.DefaultSocket {
		t.Errorf("got %q", got)
	}
}
