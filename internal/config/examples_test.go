package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/templates"
)

const root = "../.."

// TestExamples loads every example, without its secrets.
func TestExamples(t *testing.T) {
	for _, name := range glob(t, filepath.Join(root, "examples/*.hcl")) {
		cfg, problems := config.Load(name, testOptions())
		if cfg == nil {
			t.Errorf("%s: got %s, want no error", filepath.Base(name), problems.Error())
			continue
		}
		if len(cfg.Checks) == 0 || len(cfg.Mails) == 0 || len(cfg.Accounts) == 0 {
			t.Errorf("%s: got %d checks, %d mails, %d servers, want some of each", filepath.Base(name), len(cfg.Checks), len(cfg.Mails), len(cfg.Accounts))
		}
		for _, d := range diagnostics(t, problems) {
			if d.Severity != "warning" || d.Summary != "Value is not here" {
				t.Errorf("%s: got %+v, want only warnings of absent secrets", filepath.Base(name), d)
			}
		}
		if err := cfg.Open(checks.NewHost(t.TempDir())); err != nil {
			t.Errorf("%s: open: %v", filepath.Base(name), err)
		}
		formatted(t, name)
	}
}

type diagnostic struct{ Severity, Summary, Detail string }

func diagnostics(t *testing.T, problems *config.Problems) []diagnostic {
	t.Helper()
	var report struct {
		Diagnostics []diagnostic `json:"diagnostics"`
	}
	if err := json.Unmarshal(problems.JSON(), &report); err != nil {
		t.Fatal(err)
	}
	return report.Diagnostics
}

// formatted checks that a file is as Format gives it.
func formatted(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want, problems := config.Format(text, name)
	if problems.HasErrors() {
		t.Fatalf("format %s: %s", name, problems.Error())
	}
	if *update && !bytes.Equal(text, want) {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s is not formatted (-want +got):\n%s", filepath.Base(name), diff)
	}
}

// TestDocs checks that the tables of docs/rules.md are those of the code.
func TestDocs(t *testing.T) {
	name := filepath.Join(root, "docs/rules.md")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	want := replaceSection(t, text, "variables", variableTable(templates.Variables(), "$%s"))
	want = replaceSection(t, want, "html", variableTable(templates.HTMLValues(), "{{.%s}}"))
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("docs/rules.md, run with -update (-want +got):\n%s", diff)
	}
}

// TestDocumentedRuleFiles loads every HCL block of the documents. One that is a
// part of a file is loaded with the rest of docsRest that it has not itself.
func TestDocumentedRuleFiles(t *testing.T) {
	loaded := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/reference/*.md"} {
		for _, name := range glob(t, filepath.Join(root, pattern)) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, block := range strings.Split(string(raw), "```hcl\n")[1:] {
				code, _, _ := strings.Cut(block, "```")
				at := fmt.Sprintf("%s, block %d", filepath.Base(name), i+1)
				if _, problems := config.LoadBytes([]byte(code+docsRest(code)), at, testOptions()); problems.HasErrors() {
					t.Errorf("%s", problems.Error())
				}
				if got, _ := config.Format([]byte(code), at); string(got) != code {
					t.Errorf("%s is not formatted; want:\n%s", at, got)
				}
				loaded++
			}
		}
	}
	if loaded < 30 {
		t.Errorf("got %d blocks, want 30 or more", loaded)
	}
}

// docsRest is what an example of mail.md leaves out, because the text around it
// has it: the mail servers that it refers to, and people.
func docsRest(code string) string {
	rest := ""
	for _, name := range []string{"lan", "gmail"} {
		if strings.Contains(code, "mailserver."+name) && !strings.Contains(code, `mailserver "`+name+`"`) {
			rest += `
mailserver "` + name + `" {
  host = "` + name + `.example.com"
  username = "a@example.com"
  password = "not shown"
}
`
		}
	}
	if strings.Contains(code+rest, "mailserver \"") && !strings.Contains(code, "mail \"") {
		rest += "\nmail \"rest\" {\n  to = [\"ops@example.com\"]\n}\n"
	}
	return rest
}

func replaceSection(t *testing.T, text, name, content string) string {
	t.Helper()
	open, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(text, open)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("got no section %s in docs/rules.md", name)
	}
	return before + open + content + end + after
}

func variableTable(docs []templates.VariableDoc, written string) string {
	var b strings.Builder
	b.WriteString("\n| variable | meaning |\n|---|---|\n")
	for _, v := range docs {
		fmt.Fprintf(&b, "| `%s` | %s |\n", fmt.Sprintf(written, v.Name), cell(v.Doc))
	}
	b.WriteString("\n")
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
