package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/config"
)

// seeds are rule files with secrets in many places and many mistakes.
func seeds() []string {
	server := "mailserver \"a\" {\n  host = \"a.example.com\"\n  username = \"u@example.com\"\n  %s\n}\nmail \"ops\" {\n  to = [\"a@example.com\"]\n}\n"
	var out []string
	for _, line := range []string{
		`password = env("CANARY")`,
		`password = "CANARY"`,
		`password = "CANARY" # CANARY`,
		`password = "CANARY`,
		`password = 'CANARY'`,
		`password = CANARY`,
		`password = "CANARY" + 1`,
		`password = env("CANARY") + 1`,
		`password = "${CANARY}"`,
		`password = "x\qCANARY"`,
		`password = upper("CANARY", 2)`,
		`password = format("%d", "CANARY")`,
		`password = format("%d", env("CANARY"))`,
		`password = file(env("CANARY"))`,
		`password = credential(env("CANARY"))`,
		`password = env(env("CANARY"))`,
		`password = {a = 1}[env("CANARY")]`,
		`password = {a = 1}["CANARY"]`,
		`password = ["CANARY"]`,
		`password = [env("CANARY")]`,
		`password = {CANARY = "CANARY"}`,
		"password = <<EOT\nCANARY\nEOT",
		"password = <<-EOT\n  CANARY\n  EOT",
		"password = <<EOT\nCANARY",
		"password = (\n\"CANARY\"\n)",
		`password "CANARY"`,
		`password: "CANARY"`,
		`password { CANARY = 1 }`,
		`password = = "CANARY"`,
		`password = "CANARY" "CANARY"`,
		`password = true ? "CANARY" : 1`,
		`pasword = "CANARY"`,
		`passwd = "CANARY"`,
		`Password = "CANARY"`,
		`password = env("CANARY") password = "CANARY"`,
		"password = \"CANARY\"\n  password = \"CANARY\"",
		`port = env("CANARY")`,
		`tls = env("CANARY")`,
		`timeout = env("CANARY")`,
		`insecure = env("CANARY")`,
		`fingerprint = env("CANARY")`,
		`source_address = env("CANARY")`,
		`hostname = env("CANARY")`,
		`provider = env("CANARY")`,
		`auth = upper(env("CANARY"))`,
		`retry = [env("CANARY")]`,
		`retry = [lower(env("CANARY"))]`,
		`ca_file = 5 + env("CANARY")`,
		`timeout = floor(env("CANARY"))`,
		`timeout = min(1, env("CANARY"))`,
		`timeout = join(env("CANARY"), env("CANARY"))`,
		`timeout = env("CANARY").x`,
		`timeout = env("CANARY")[0]`,
		`timeout = !env("CANARY")`,
		`timeout = env("CANARY") ? 1 : 2`,
		`timeout = "${env("CANARY")}" > 5`,
		`limit { connections = env("CANARY") }`,
	} {
		out = append(out, fmt.Sprintf(server, line))
	}
	for _, attribute := range []string{"from", "reply_to", "to", "headers", "template", "servers"} {
		out = append(out,
			"mail \"ops\" {\n  "+attribute+" = env(\"CANARY\")\n}\n",
			"mail \"ops\" {\n  "+attribute+" = [env(\"CANARY\")]\n}\n",
			"mail \"ops\" {\n  "+attribute+" = {\"${env(\"CANARY\")}\" = env(\"CANARY\")}\n}\n")
	}
	for _, attribute := range []string{"host", "interval", "timeout", "log_level", "state_dir", "socket", "labels"} {
		out = append(out, "agent {\n  "+attribute+" = env(\"CANARY\")\n}\n")
	}
	for _, attribute := range []string{"match", "pidfile", "interval", "nonsense", "groups", "labels"} {
		out = append(out, "check \"process\" \"a\" {\n  "+attribute+" = env(\"CANARY\")\n  rule \"r\" {\n    when = env(\"CANARY\") > 1\n  severity = env(\"CANARY\")\n  times = env(\"CANARY\")\n event = \"${env(\"CANARY\")}\\n\"\n message = \"$FOO ${env(\"CANARY\")}\"\n  }\n}\n")
	}
	return append(out,
		"check \"system\" \"a\" {\n  groups = [env(\"CANARY\")]\n  labels = {\"${env(\"CANARY\")}\" = env(\"CANARY\")}\n}\n",
		"template \"t\" {\n  subject = \"${env(\"CANARY\")} $FOO\\n\"\n  text = env(\"CANARY\")\n}\n",
		"check \"filesystem\" \"a\" {\n  path = env(\"CANARY\")\n}\n",
		"route {\n  when = env(\"CANARY\") == event.name\n  notify = [env(\"CANARY\")]\n}\n",
	)
}

// TestCanary loads every seed with the canary in the environment, in a file
// and written out, and looks for it in everything that is said.
func TestCanary(t *testing.T) {
	dir := t.TempDir()
	secretFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(secretFile, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := testOptions()
	opt.Env = func(name string) (string, bool) {
		value, ok := map[string]string{"CANARY": canary, "CREDENTIALS_DIRECTORY": dir}[name]
		return value, ok
	}
	for _, seed := range seeds() {
		for _, from := range []string{`env("CANARY")`, fmt.Sprintf("file(%q)", secretFile), `credential("secret")`} {
			text := strings.ReplaceAll(seed, `env("CANARY")`, "@@")
			text = strings.ReplaceAll(strings.ReplaceAll(text, "CANARY", canary), "@@", from)
			cfg, problems := config.LoadBytes([]byte(text), "canary.hcl", opt)
			var b strings.Builder
			problems.Write(&b, false, 80)
			said := b.String() + problems.Error() + string(problems.JSON())
			if cfg != nil {
				asJSON, _ := json.Marshal(cfg.Accounts)
				said += fmt.Sprintf("%v %+v %#v %s", cfg.Accounts, cfg.Accounts, cfg.Accounts, asJSON)
			}
			if hasAny(said, canary, "c4nary", "s3cret-value") {
				t.Errorf("got the canary of\n%s\nin\n%s", text, said)
			}
		}
	}
}

func hasAny(text string, words ...string) bool {
	text = strings.ToLower(text)
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func TestPassword(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("good", "from-file\n", 0o640)
	write("crlf", "from-file\r\n", 0o600)
	write("blanks", " from file \n", 0o600)
	write("large", strings.Repeat("x", 64<<10+1), 0o600)
	write("open file", "x", 0o604)
	write("binary", "a\xffb", 0o600)
	for _, c := range []struct{ expr, want, wantError string }{
		{`file("good")`, "from-file", ""},
		{`file("crlf")`, "from-file", ""},
		{`file("blanks")`, " from file ", ""},
		{`credential("good")`, "from-file", ""},
		{`env("CANARY")`, canary, ""},
		{`"literal"`, "literal", ""},
		{`"${env("CANARY")}!"`, canary + "!", ""},
		{`file("large")`, "", "larger than 64 KiB"},
		{`file("binary")`, "", "not a text"},
		{`file("open file")`, "", "chmod o= '" + filepath.Join(dir, "open file") + "'"},
		{`credential("")`, "", "no name of a credential"},
	} {
		path := filepath.Join(dir, "tocsin.hcl")
		write("tocsin.hcl", "mailserver \"a\" {\n  host = \"a.example.com\"\n  username = \"u\"\n  password = "+c.expr+"\n}\n", 0o600)
		opt := testOptions()
		opt.Env = func(name string) (string, bool) {
			value, ok := map[string]string{"CANARY": canary, "CREDENTIALS_DIRECTORY": dir}[name]
			return value, ok
		}
		cfg, problems := config.Load(path, opt)
		if c.wantError != "" {
			if !strings.Contains(problems.Error(), c.wantError) {
				t.Errorf("%s: got %q, want %q in it", c.expr, problems.Error(), c.wantError)
			}
			continue
		}
		if cfg == nil {
			t.Errorf("%s: got %s, want a configuration", c.expr, problems.Error())
			continue
		}
		if got := cfg.Accounts[0].Password.Reveal(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.expr, got, c.want)
		}
	}
}

// TestANewerFileKeepsItsSecrets: of a file of a later version a line is shown, and
// nothing of it that may be a secret.
func TestANewerFileKeepsItsSecrets(t *testing.T) {
	for _, seed := range seeds() {
		for _, head := range []string{"version = 2\n", "version = 2 ", "version = 0 ", "version = \"x\" "} {
			_, problems := config.LoadBytes([]byte(head+"password = \""+canary+"\"\n"+seed), "x.hcl", testOptions())
			var b strings.Builder
			problems.Write(&b, false, 80)
			if problems.Len() != 1 || strings.Contains(b.String()+problems.Error()+string(problems.JSON()), canary) {
				t.Fatalf("%s%s: got %d problems:\n%s", head, seed, problems.Len(), b.String())
			}
		}
	}
}
