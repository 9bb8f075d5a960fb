package setup_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/config"
	"tocsin/internal/setup"
	"tocsin/notify/provider"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// service is where the packaged unit has its files.
func service(sealed string) setup.Place {
	p := setup.Place{RuleFile: "/etc/tocsin/mail.hcl", Service: true, Shared: true, DropIns: []string{
		"/etc/systemd/system/tocsin.service.d/tocsin-init.conf", "/etc/systemd/system/tocsin-unit@.service.d/tocsin-init.conf",
	}}
	if sealed != "" {
		p.Sealed = []byte(sealed)
	}
	return p
}

// TestPlan: the files of each kind of account and place, in their order.
func TestPlan(t *testing.T) {
	gmail := setup.Answers{Preset: preset(t, "gmail"), Username: "alice@gmail.com", To: []string{"alice@gmail.com"}, Secret: "canary"}
	for name, tt := range map[string]struct {
		answers setup.Answers
		place   setup.Place
	}{
		"gmail-sealed": {gmail, service("sealed by systemd-creds\n")},
		"gmail-plain":  {gmail, service("")},
		"gmail-shared": {gmail, setup.Place{RuleFile: "/srv/rules/mail.hcl", Shared: true}},
		"own": {setup.Answers{
			Preset: preset(t, "own"), Host: "mail.example.com", Port: 587, TLS: "starttls", Username: "web-1", From: "web-1@example.com",
			To: []string{"ops@example.com", `"Doe, \"John\" ${x} %{y}" <john@example.com>`}, CAFile: "/etc/ssl/own.pem", Secret: "canary",
		}, setup.Place{RuleFile: "/home/alice/mail.hcl"}},
		"without-login": {setup.Answers{Preset: preset(t, "own"), Host: "127.0.0.1", TLS: "none", To: []string{"ops@example.com"}}, service("")},
		"sendgrid":      {setup.Answers{Preset: preset(t, "sendgrid"), From: "a@example.com", To: []string{"a@example.com"}, Secret: "canary"}, service("")},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, f := range setup.Plan(tt.answers, tt.place) {
				fmt.Fprintf(&got, "==== %s %#o owner=%d remove=%t rules=%t: %s\n%s", f.Path, f.Mode, f.Owner, f.Remove, f.Rules, f.About, f.Text)
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("run with -update:\n%s", diff)
			}
		})
	}
}

// TestEveryProviderLoads: what is written of every provider is a rule file without
// a problem, in its canonical form, that mails whom it should; the secret is in no
// rule file.
func TestEveryProviderLoads(t *testing.T) {
	for _, p := range provider.All() {
		a := setup.Answers{Preset: p, To: []string{"ops@example.com"}, Secret: "canary-horse"}
		if a.NeedsHost() {
			a.Host = "mail.example.com"
		}
		if a.NeedsLogin() {
			a.Username = "alice@example.com"
		}
		if a.NeedsFrom() {
			a.From = "alice@example.com"
		}
		for _, f := range setup.Plan(a, service("")) {
			if !f.Rules {
				continue
			}
			if strings.Contains(string(f.Text), "canary") {
				t.Errorf("%s: the secret is in %s", p.Name, f.Path)
			}
			cfg, problems := config.LoadFiles([]config.File{{Name: f.Path, Mode: f.Mode, Text: f.Text}}, config.Options{
				Host: func() string { return "web-1.example.com" }, Credentials: map[string]string{setup.Credential: a.Secret},
			})
			if cfg == nil || problems.Len() > 0 {
				t.Errorf("%s: %s\n%s", p.Name, problems.Error(), problems.JSON())
				continue
			}
			if len(cfg.Accounts) != 1 || cfg.Accounts[0].Name != a.Label() || cfg.Mails[0].To[0] != "ops@example.com" {
				t.Errorf("%s: got %+v", p.Name, cfg.Mails)
			}
			if got := cfg.Accounts[0].Password.Reveal(); a.LogsIn() && got != a.Secret {
				t.Errorf("%s: got the password %q", p.Name, got)
			}
			if formatted, _ := config.Format(f.Text, f.Path); string(formatted) != string(f.Text) {
				t.Errorf("%s: not in the canonical form", p.Name)
			}
		}
	}
}

// TestConfigured: a rule file that has a mail server, and where.
func TestConfigured(t *testing.T) {
	for text, want := range map[string]setup.At{
		"":                                {},
		"#mailserver \"gmail\" {\n":       {},
		"check \"x\" \"mail\" {}\n":       {},
		"# a\n\nmailserver \"gmail\" {\n": {Block: "mailserver", Line: 3},
		"  mail \"ops\" {}":               {Block: "mail", Line: 1},
		"mailserver relay-1 {\n}":         {Block: "mailserver", Line: 1},
		"\nmail\"ops\"{\n":                {Block: "mail", Line: 2},
		"x = <<EOT\nmail me, please\nEOT": {},
	} {
		if got, found := setup.Configured([]byte(text)); got != want || found != (want != setup.At{}) {
			t.Errorf("%q: got %+v, %t", text, got, found)
		}
	}
}
