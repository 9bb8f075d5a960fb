package config_test

import (
	"strings"
	"testing"

	"tocsin/internal/config"
)

// TestRedact: a text as it is but for the secrets in it, whatever is broken.
func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"# a\nhost = \"h\"\n":               "# a\nhost = \"h\"\n",
		"password = \"canary\"\nport = 1\n": "password = [redacted]\nport = 1\n",
		"  pasword=\"canary\" # canary\nx":  "  pasword=[redacted]\nx",
		"password = env(\"PW\")\n":          "password = env(\"PW\")\n",
		"password = \"canary":               "password = [redacted]",
		strings.Repeat("#", 2<<20):          "[redacted]",
	} {
		if got := string(config.Redact([]byte(text))); got != want {
			t.Errorf("%.60q: got %.60q, want %.60q", text, got, want)
		}
	}
}
