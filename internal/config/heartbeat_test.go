package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/internal/config"
)

// TestHeartbeat: what a block says, its defaults, and that nothing shows its URL.
func TestHeartbeat(t *testing.T) {
	const text = "heartbeat \"a\" {\n  url = env(\"HC\")\n}\nheartbeat \"b\" {\n  url = \"https://hc-ping.com/secret\"\n  method = \"POST\"\n  every = \"5m\"\n  mail_age = \"1h\"\n}\n"
	cfg, problems := config.LoadBytes([]byte(text), "a.hcl", config.Options{Env: func(string) (string, bool) { return "https://hc-ping.com/secret", true }})
	if problems.HasErrors() || len(cfg.Heartbeats) != 2 {
		t.Fatalf("got %v, %+v", problems, cfg)
	}
	a, b := cfg.Heartbeats[0], cfg.Heartbeats[1]
	if a.Method != "GET" || a.Every != time.Minute || a.Timeout != 10*time.Second || a.MailAge != 15*time.Minute || a.FailURL.IsSet() || a.URL != b.URL {
		t.Errorf("got %+v", a)
	}
	if b.Name != "b" || b.Method != "POST" || b.Every != 5*time.Minute || b.MailAge != time.Hour {
		t.Errorf("got %+v", b)
	}
	if shown := fmt.Sprintf("%+v", cfg.Heartbeats); strings.Contains(shown, "secret") {
		t.Errorf("got %s", shown)
	}
}
