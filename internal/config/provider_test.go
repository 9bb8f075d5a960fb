package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tocsin/internal/config"
	"tocsin/notify"
	"tocsin/notify/provider"
	"tocsin/notify/smtp"
)

// TestProviders loads a server of each preset, by its name and its aliases.
func TestProviders(t *testing.T) {
	for _, p := range provider.All() {
		for _, name := range append([]string{p.Name, strings.ToUpper(p.Name)}, p.Aliases...) {
			host := p.Host
			if host == "" {
				host = "smtp.example.com"
			}
			a := server(t, fmt.Sprintf("provider = %q\n host = %q\n hostname = \"web-1.example.com\"\n %s", name, host, loginOf(p)))
			if a.Host != host || a.Port != p.Endpoints[0].Port || (a.TLS == smtp.TLSImplicit) != p.Endpoints[0].Implicit || a.Provider != p.Name || a.Limit != p.Limit {
				t.Errorf("%s: got %s:%d %v, provider %q, %+v", name, a.Host, a.Port, a.TLS, a.Provider, a.Limit)
			}
		}
	}
}

func loginOf(p provider.Preset) string {
	switch {
	case p.Login == provider.NoLogin:
		return ""
	case p.Username != "":
		return `password = env("SMTP")`
	default:
		return "username = \"alice@example.com\"\n password = env(\"SMTP\")"
	}
}

func TestPortOfAProvider(t *testing.T) {
	for _, tt := range []struct {
		attributes string
		port       int
		tls        smtp.TLSMode
	}{
		{`provider = "gmail"`, 465, smtp.TLSImplicit},
		{"provider = \"gmail\"\n tls = \"starttls\"", 587, smtp.TLSStartTLS},
		{`provider = "microsoft365"`, 587, smtp.TLSStartTLS},
		{"provider = \"163\"\n port = 994", 994, smtp.TLSImplicit},
		{"provider = \"ses\"\n host = \"email-smtp.eu-west-1.amazonaws.com\"\n port = 2465", 2465, smtp.TLSImplicit},
		{"provider = \"ses\"\n host = \"email-smtp.eu-west-1.amazonaws.com\"\n port = 2587", 2587, smtp.TLSStartTLS},
		{"provider = \"postmark\"\n port = 2525", 2525, smtp.TLSStartTLS},
		{"provider = \"postmark\"\n port = 2525\n tls = \"implicit\"", 2525, smtp.TLSImplicit},
		{"host = \"smtp.example.com\"\n port = 994", 994, smtp.TLSStartTLS},
		{"host = \"smtp.example.com\"\n port = 465", 465, smtp.TLSImplicit},
	} {
		a := server(t, tt.attributes+"\n username = \"alice@example.com\"\n password = env(\"SMTP\")")
		if a.Port != tt.port || a.TLS != tt.tls {
			t.Errorf("%s: got %d %v, want %d %v", tt.attributes, a.Port, a.TLS, tt.port, tt.tls)
		}
	}
}

func TestUsernameOfAProvider(t *testing.T) {
	if a := server(t, "provider = \"sendgrid\"\n password = env(\"SMTP\")"); a.Username != "apikey" {
		t.Errorf("got %q, want apikey", a.Username)
	}
}

// TestLimitsThatDependOnAPlan are raised by the rule file.
func TestLimitsThatDependOnAPlan(t *testing.T) {
	a := server(t, "provider = \"mailgun\"\n username = \"alice@example.com\"\n password = env(\"SMTP\")\n limit {\n recipients_per_day = 50000\n }")
	if a.Limit.RecipientsPerDay != 50_000 || a.Limit.MessagesPerMinute != 60 {
		t.Errorf("got %+v, want 50,000 recipients a day and the preset's 60 a minute", a.Limit)
	}
}

// TestSenderOfAProvider warns of senders that are refused, and of no others.
func TestSenderOfAProvider(t *testing.T) {
	for _, tt := range []struct {
		provider, from string
		warn           bool
	}{
		{"163", "", false},
		{"163", `from = "Web <ALICE@example.com>"`, false},
		{"163", `from = "web@example.com"`, true},
		{"aliyun-directmail", `from = "web@example.com"`, true},
		{"gmail", `from = "web@example.com"`, false},
		{"ses", `from = "web@example.com"`, false},
	} {
		text := fmt.Sprintf("mailserver \"out\" {\n provider = %q\n host = \"smtp.example.com\"\n username = \"alice@example.com\"\n password = env(\"SMTP\")\n}\nmail \"ops\" {\n to = [\"ops@example.com\"]\n %s\n}\ncheck \"system\" \"web\" {\n rule \"cpu\" {\n when = cpu.percent > 90\n }\n}\n", tt.provider, tt.from)
		_, problems := loadText(t, text)
		var said bytes.Buffer
		problems.Write(&said, false, 100)
		if got := strings.Contains(said.String(), "Sender may be refused"); got != tt.warn || problems.HasErrors() {
			t.Errorf("%s, %s: got %q, want a warning: %v", tt.provider, tt.from, said.String(), tt.warn)
		}
	}
}

// server loads one mailserver block.
func server(t *testing.T, attributes string) notify.Account {
	t.Helper()
	cfg, problems := loadText(t, "mailserver \"out\" {\n "+attributes+"\n}\n")
	if problems.HasErrors() {
		t.Fatalf("%s: %s", attributes, problems.Error())
	}
	return cfg.Accounts[0]
}

func loadText(t *testing.T, text string) (*config.Config, *config.Problems) {
	t.Helper()
	return config.LoadBytes([]byte(text), "tocsin.hcl", config.Options{
		Host: func() string { return "web-1.example.com" },
		Env:  func(name string) (string, bool) { return "quite-secret-word", name == "SMTP" },
	})
}
