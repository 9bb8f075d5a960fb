package setup_test

import (
	"strings"
	"testing"
	"unicode"

	"tocsin/internal/config"
	"tocsin/internal/setup"
)

// FuzzUsername: whatever is taken as a username is what the rule file says.
func FuzzUsername(f *testing.F) {
	for _, seed := range []string{"a", `a"b`, `a\b`, `a\`, "${x}", "$${x}", "$$${x}", "%{if}", "%%{", "$", "a$", `\${`, `"}`, "#", "ü", "u\u0308"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, username string) {
		a := setup.Answers{Preset: preset(t, "own"), Host: "mail.example.com", From: "a@example.com", To: []string{"a@example.com"}, Username: username, Secret: "canary"}
		if a.CheckUsername(username) != nil {
			t.Skip()
		}
		for _, file := range setup.Plan(a, service("")) {
			if !file.Rules {
				continue
			}
			cfg, problems := config.LoadFiles([]config.File{{Name: file.Path, Mode: file.Mode, Text: file.Text}}, config.Options{
				Host: func() string { return "web-1.example.com" }, Credentials: map[string]string{setup.Credential: a.Secret},
			})
			if cfg == nil {
				t.Fatalf("%s\n%s", problems.Error(), file.Text)
			}
			ascii := strings.IndexFunc(username, func(r rune) bool { return r > unicode.MaxASCII }) < 0
			if got := cfg.Accounts[0].Username; got != username && ascii { // HCL composes the rest (NFC), as SASLprep does
				t.Errorf("got %q, want %q:\n%s", got, username, file.Text)
			}
		}
	})
}
