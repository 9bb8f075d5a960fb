package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/config"
)

// TestGrants has what a provider's preset adds to an oauth block.
func TestGrants(t *testing.T) {
	type grant struct {
		TokenURL, ClientID, Secret, Refresh, Scope string
		Command                                    []string
	}
	const microsoft, send = "https://login.microsoftonline.com/", "https://outlook.office.com/SMTP.Send offline_access"
	tests := []struct {
		provider, oauth string
		want            grant
	}{
		{"gmail", `client_id = "app", client_secret = "s3cret", refresh_token = "r3fresh"`, grant{
			"https://oauth2.googleapis.com/token", "app", "s3cret", "r3fresh", "https://mail.google.com/", nil,
		}},
		{"microsoft365", `client_id = "app", refresh_token = "r3fresh"`, grant{
			microsoft + "common/oauth2/v2.0/token", "app", "", "r3fresh", send, nil,
		}},
		{"microsoft365", `tenant = "contoso.example", client_id = "app", client_secret = "s3cret"`, grant{
			microsoft + "contoso.example/oauth2/v2.0/token", "app", "s3cret", "", "https://outlook.office365.com/.default", nil,
		}},
		{"outlook.com", `client_id = "app", refresh_token = "r3fresh"`, grant{
			microsoft + "consumers/oauth2/v2.0/token", "app", "", "r3fresh", send, nil,
		}},
		{"gmail", `token_url = "https://proxy.example.com/t", client_id = "app", refresh_token = "r3fresh", scope = "mine"`, grant{
			"https://proxy.example.com/t", "app", "", "r3fresh", "mine", nil,
		}},
		{"fastmail", `command = ["/usr/local/bin/token", "alice"]`, grant{Command: []string{"/usr/local/bin/token", "alice"}}},
	}
	for _, tt := range tests {
		src := "mailserver \"m\" {\n  provider = \"" + tt.provider + "\"\n  username = \"alice@example.com\"\n  oauth {\n"
		for _, line := range splitAttributes(tt.oauth) {
			src += "    " + line + "\n"
		}
		src += "  }\n}\n"
		cfg, problems := config.LoadBytes([]byte(src), "tocsin.hcl", testOptions())
		if cfg == nil {
			t.Errorf("%s: %s", tt.oauth, problems.Error())
			continue
		}
		g := cfg.Accounts[0].OAuth
		got := grant{g.TokenURL, g.ClientID, g.ClientSecret.Reveal(), g.RefreshToken.Reveal(), g.Scope, g.Command}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.provider, tt.oauth, diff)
		}
	}
}

// splitAttributes puts each attribute on a line; lists stay together.
func splitAttributes(text string) []string {
	var lines []string
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ',' && depth == 0:
			lines = append(lines, text[from:i])
			from = i + 1
		}
	}
	return append(lines, text[from:])
}
