package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/notify"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
)

func TestLoadPaths(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"empty", "hidden", "fifo", "sub.hcl", "loop", "many", "total", "nested", "large"} {
		must(os.MkdirAll(at(sub), 0o700))
	}
	must(os.WriteFile(at("hidden/.a.hcl"), []byte("nonsense"), 0o600))
	must(os.WriteFile(at("hidden/a.hcl~"), []byte("nonsense"), 0o600))
	must(syscall.Mkfifo(at("fifo/a.hcl"), 0o600))
	must(syscall.Mkfifo(at("pipe"), 0o600))
	must(os.Symlink(at("loop/a.hcl"), at("loop/a.hcl")))
	must(os.MkdirAll(at("nested/a.hcl"), 0o700))
	must(os.WriteFile(at("large/a.hcl"), make([]byte, 1<<20+1), 0o600))
	for i := range 1001 {
		must(os.WriteFile(at(fmt.Sprintf("many/%04d.hcl", i)), nil, 0o600))
	}
	comment := []byte("#" + strings.Repeat("x", 1<<20-2) + "\n")
	for i := range 17 {
		must(os.WriteFile(at(fmt.Sprintf("total/%02d.hcl", i)), comment, 0o600))
	}
	for _, c := range []struct{ path, want string }{
		{at("missing"), "no such file or directory"},
		{at("empty"), "the directory holds no *.hcl file"},
		{at("hidden"), "the directory holds no *.hcl file"},
		{at("fifo"), "it is a named pipe"},
		{at("pipe"), "it is a named pipe"},
		{"/dev/zero", "it is a device"},
		{at("nested"), "it is a directory"},
		{at("loop"), "too many levels of symbolic links"},
		{at("many"), "1001 *.hcl files"},
		{at("total"), "16 MiB"},
		{at("large"), "larger than 1024 KiB"},
		{at("a\x1b[31m"), "no such file"},
	} {
		cfg, problems := config.Load(c.path, testOptions())
		if cfg != nil || !strings.Contains(problems.Error(), c.want) {
			t.Errorf("%s: got %q, want %q in it", c.path, problems.Error(), c.want)
		}
		if strings.ContainsRune(problems.Error(), '\x1b') {
			t.Errorf("%q: got a control character in %q", c.path, problems.Error())
		}
	}
}

func TestLoadDefaultPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.hcl")
	if err := os.WriteFile(path, []byte("agent {\n  interval = \"7s\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := testOptions()
	opt.Env = func(name string) (string, bool) { return path, name == "TOCSIN_CONFIG" }
	cfg, problems := config.Load("", opt)
	if cfg == nil || cfg.Agent.Interval != 7*time.Second {
		t.Fatalf("got %v, %s, want the file of TOCSIN_CONFIG", cfg, problems.Error())
	}
	opt.Env = func(string) (string, bool) { return "", false }
	if _, problems := config.Load("", opt); problems.HasErrors() && !strings.Contains(problems.Error(), "/etc/tocsin") {
		t.Errorf("got %q, want /etc/tocsin in it", problems.Error())
	}
}

// whole is a configuration with everything that is not a default.
const whole = `
agent {
  host      = "web-1.example.com"
  interval  = "20s"
  timeout   = "5s"
  state_dir = "/srv/tocsin/"
  log_level = "debug"
}

mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = env("CANARY")
  limit {
    recipients_per_day  = 100
    recipients_per_hour = 20
  }
}

mailserver "relay" {
  host           = "[::1]"
  port           = env("NUMBER")
  tls            = "none"
  hostname       = "[192.0.2.1]"
  source_address = "192.0.2.1"
  timeout        = "1m"
  retry          = ["15m", "1h"]
  limit {
    recipients_per_message = 50
  }
}

mail "ops" {
  to       = ["ops@example.com", "Bob Müller <bob@example.com>"]
  reply_to = "desk@example.com"
  template = template.short
  servers  = [mailserver.relay, mailserver.gmail]
  headers = {
    "X-Team" = "ops"
    X-Site   = upper("b")
  }
}

mail "boss" {
  from = "Alarm <alarm@example.com>"
  bcc  = ["boss@example.com"]
}

template "short" {
  subject = "$SERVICE: $EVENT"
}

route {
  when     = event.severity == "critical"
  notify   = [mail.boss]
  reminder = "4h"
  continue = true
}

route {
  notify = [mail.ops]
  group  = "2m"
}

check "process" "nginx" {
  match = "nginx"
  rule "down" {
    when     = !exists
    severity = "critical"
    reminder = "1d"
    message  = "$SERVICE is down"
  }
  rule "flaps" {
    when      = memory.rss > 1 * GiB
    clear     = memory.rss < 500 * MB
    clear_for = "2m"
    times     = 3
    within    = "5m"
    severity  = "info"
  }
}

check "process" "cron" {
  pidfile  = "/run/crond.pid"
  interval = "1m"
  rule "down" {
    when = !exists
  }
}
`

func TestLoadWhole(t *testing.T) {
	cfg, problems := config.LoadBytes([]byte(whole), "whole.hcl", testOptions())
	if cfg == nil || problems.Len() > 0 {
		t.Fatalf("got %s, want no problem", problems.Error())
	}
	wantAgent := config.Agent{
		Host: "web-1.example.com", Interval: 20 * time.Second, Timeout: 5 * time.Second,
		StateDir: "/srv/tocsin", Socket: "/srv/tocsin/control.sock", LogLevel: "debug", Events: true,
	}
	if !cmp.Equal(cfg.Agent, wantAgent) {
		t.Errorf("got agent %+v, want %+v", cfg.Agent, wantAgent)
	}
	gmail, relay := cfg.Accounts[0], cfg.Accounts[1]
	if gmail.Host != "smtp.gmail.com" || gmail.Port != 465 || gmail.TLS != smtp.TLSImplicit || gmail.Password.Reveal() != canary || gmail.Hello != "web-1.example.com" || gmail.Auth != "auto" {
		t.Errorf("got gmail %+v, want the preset", gmail)
	}
	wantLimit := quota.Limit{RecipientsPerDay: 100, RecipientsPerHour: 20, MessagesPerMinute: 20, RecipientsPerMessage: 50, MessagesPerConnection: 50, Connections: 1}
	if diff := cmp.Diff(wantLimit, gmail.Limit); diff != "" {
		t.Errorf("limit of gmail (-want +got):\n%s", diff)
	}
	if relay.Host != "::1" || relay.Port != 25 || relay.TLS != smtp.TLSNone || relay.Hello != "[192.0.2.1]" || relay.Source != "192.0.2.1" ||
		relay.Timeout != time.Minute || relay.Provider != "generic" || relay.Limit.RecipientsPerMessage != 50 || relay.Limit.RecipientsPerDay != 300 {
		t.Errorf("got relay %+v", relay)
	}
	if diff := cmp.Diff([]time.Duration{15 * time.Minute, time.Hour}, relay.Retry); diff != "" {
		t.Errorf("retry (-want +got):\n%s", diff)
	}
	wholeMails(t, cfg.Mails)
	wholeChecks(t, cfg)
}

func wholeMails(t *testing.T, mails []notify.Mail) {
	t.Helper()
	ops, boss := mails[0], mails[1]
	if ops.From != "tocsin@web-1.example.com" || ops.ReplyTo != "desk@example.com" || ops.Template.Subject != "$SERVICE: $EVENT" {
		t.Errorf("got mail ops %+v", ops)
	}
	if diff := cmp.Diff([]string{"relay", "gmail"}, ops.Servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ops@example.com", "Bob Müller <bob@example.com>"}, ops.To); diff != "" {
		t.Errorf("to (-want +got):\n%s", diff)
	}
	if len(ops.Headers) != 2 || ops.Headers[1].Name != "X-Site" || ops.Headers[1].Value != "B" {
		t.Errorf("got headers %v, want X-Team and X-Site", ops.Headers)
	}
	if diff := cmp.Diff([]string{"gmail", "relay"}, boss.Servers); diff != "" || boss.From != "Alarm <alarm@example.com>" {
		t.Errorf("got mail boss %+v", boss)
	}
}

func wholeChecks(t *testing.T, cfg *config.Config) {
	t.Helper()
	if r := cfg.Routes[0]; r.Reminder != 4*time.Hour || !r.Continue || r.Notify[0] != "boss" {
		t.Errorf("got route %+v", r)
	}
	for severity, want := range map[tocsin.Severity]bool{tocsin.Critical: true, tocsin.Warning: false} {
		if got := cfg.Routes[0].When.Match(&tocsin.Event{Severity: severity}); got != want {
			t.Errorf("route with %s: got %t, want %t", severity, got, want)
		}
	}
	if r := cfg.Routes[1]; r.When != nil || r.Group != 2*time.Minute {
		t.Errorf("got route %+v", r)
	}
	nginx, cron := cfg.Checks[0], cfg.Checks[1]
	if nginx.Interval != 20*time.Second || nginx.Timeout != 5*time.Second || cron.Interval != time.Minute {
		t.Errorf("got cycles %s %s %s", nginx.Interval, nginx.Timeout, cron.Interval)
	}
	if nginx.Pass == "" || nginx.Pass == cron.Pass {
		t.Errorf("got groups %q and %q, want two", nginx.Pass, cron.Pass)
	}
	down, flaps := nginx.Rules[0], nginx.Rules[1]
	if down.Severity != tocsin.Critical || down.Reminder != 24*time.Hour || down.Message == "" || down.Clear != nil {
		t.Errorf("got rule down %+v", down)
	}
	if flaps.Times != 3 || flaps.Within != 5*time.Minute || flaps.ClearFor != 2*time.Minute || flaps.Clear == nil || flaps.Severity != tocsin.Info {
		t.Errorf("got rule flaps %+v", flaps)
	}
	if err := cfg.Open(checks.NewHost(t.TempDir())); err != nil {
		t.Fatalf("open: %v", err)
	}
	for _, c := range cfg.Checks {
		if c.Reader == nil {
			t.Errorf("check %s: got no reader", c.Name)
		}
	}
}

func TestDefaults(t *testing.T) {
	const server = "mailserver \"a\" {\n  host = \"smtp.example.com\"\n  %s\n}\nmail \"ops\" {\n  to = [\"a@example.com\"]\n}\n"
	const login = "  username = \"alice@example.org\"\n  password = env(\"CANARY\")\n"
	for _, c := range []struct {
		host, body  string
		port        int
		mode        smtp.TLSMode
		hello, from string
	}{
		{"web-1", "", 465, smtp.TLSImplicit, "web-1", "tocsin@web-1"},
		{"web-1", login, 465, smtp.TLSImplicit, "example.org", "alice@example.org"},
		{"web-1.example.com", login, 465, smtp.TLSImplicit, "web-1.example.com", "alice@example.org"},
		{"web-1", "port = 465", 465, smtp.TLSImplicit, "web-1", "tocsin@web-1"},
		{"web-1", "port = 587", 587, smtp.TLSStartTLS, "web-1", "tocsin@web-1"},
		{"web-1", "port = 2525", 2525, smtp.TLSStartTLS, "web-1", "tocsin@web-1"},
		{"web-1", "tls = \"starttls\"", 587, smtp.TLSStartTLS, "web-1", "tocsin@web-1"},
		{"web-1", "tls = \"implicit\"\n  port = 2465", 2465, smtp.TLSImplicit, "web-1", "tocsin@web-1"},
		{"web-1", "tls = \"none\"\n  insecure = true", 25, smtp.TLSNone, "web-1", "tocsin@web-1"},
		{"web-1", "hostname = \"mx.example.net\"", 465, smtp.TLSImplicit, "mx.example.net", "tocsin@web-1"},
	} {
		opt := testOptions()
		opt.Host = func() string { return c.host }
		cfg, problems := config.LoadBytes(fmt.Appendf(nil, server, c.body), "a.hcl", opt)
		if cfg == nil {
			t.Errorf("%q: got %s", c.body, problems.Error())
			continue
		}
		a := cfg.Accounts[0]
		if a.Port != c.port || a.TLS != c.mode || a.Hello != c.hello || cfg.Mails[0].From != c.from {
			t.Errorf("%q: got port %d, tls %d, hello %q, from %q, want %d, %d, %q, %q", c.body, a.Port, a.TLS, a.Hello, cfg.Mails[0].From, c.port, c.mode, c.hello, c.from)
		}
	}
	cfg, _ := config.LoadBytes(nil, "empty.hcl", testOptions())
	want := config.Agent{
		Host: "web-1.example.com", Interval: 30 * time.Second, Timeout: 10 * time.Second,
		StateDir: "/var/lib/tocsin", Socket: "/run/tocsin/control.sock", LogLevel: "info", Events: true,
	}
	if !cmp.Equal(cfg.Agent, want) {
		t.Errorf("got %+v, want %+v", cfg.Agent, want)
	}
	opt := testOptions()
	opt.StateDir = "/tmp/other"
	cfg, _ = config.LoadBytes([]byte(whole), "whole.hcl", opt)
	if cfg.Agent.StateDir != "/tmp/other" || cfg.Agent.Socket != "/tmp/other/control.sock" {
		t.Errorf("got %+v, want the state in /tmp/other", cfg.Agent)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"localhost.example.com": false, "128.0.0.1": false, "::2": false, "127.example.com": false, "0.0.0.0": false,
	} {
		text := fmt.Sprintf("mailserver \"a\" {\n  host = %q\n  tls = \"none\"\n}\n", host)
		if cfg, _ := config.LoadBytes([]byte(text), "a.hcl", testOptions()); (cfg != nil) != want {
			t.Errorf("%s without TLS: got %t, want %t", host, cfg != nil, want)
		}
	}
}

// TestFingerprint holds that it depends on what a check does and on nothing
// else.
func TestFingerprint(t *testing.T) {
	print := func(text string) string {
		t.Helper()
		cfg, problems := config.LoadBytes([]byte(text), "a.hcl", testOptions())
		if cfg == nil {
			t.Fatalf("load: %s", problems.Error())
		}
		return cfg.Checks[len(cfg.Checks)-1].Fingerprint
	}
	const base = "check \"process\" \"a\" {\n  match = \"x\"\n  rule \"r\" {\n    when = !exists && children > 3\n    for = \"5m\"\n  }\n}\n"
	want := print(base)
	for name, text := range map[string]string{
		"another check": "check \"process\" \"b\" {\n  match = \"y\"\n}\n" + base,
		"layout":        strings.ReplaceAll(base, " && ", "   &&  "),
		"comments":      strings.ReplaceAll(base, "for =", "# for a while\n    for ="),
		"same interval": strings.ReplaceAll(base, "  match", "  interval = \"30s\"\n  match"),
		"same duration": strings.ReplaceAll(base, "5m", "300s"),
	} {
		if got := print(text); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for name, text := range map[string]string{
		"interval":       "agent {\n  interval = \"10s\"\n}\n" + base,
		"attribute":      strings.ReplaceAll(base, "\"x\"", "\"y\""),
		"condition":      strings.ReplaceAll(base, "> 3", "> 4"),
		"for":            strings.ReplaceAll(base, "5m", "6m"),
		"name of a rule": strings.ReplaceAll(base, "\"r\"", "\"s\""),
		"severity":       strings.ReplaceAll(base, "    for", "    severity = \"critical\"\n    for"),
	} {
		if got := print(text); got == want {
			t.Errorf("%s: got the same fingerprint, want another", name)
		}
	}
}
