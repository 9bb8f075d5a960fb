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

// TestDocs loads every HCL block of docs/rules.md and checks that its tables
// of metrics and variables are those of the code.
func TestDocs(t *testing.T) {
	name := filepath.Join(root, "docs/rules.md")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	blocks := strings.Split(text, "```hcl\n")[1:]
	for i, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if _, problems := config.LoadBytes([]byte(code), fmt.Sprintf("block-%d.hcl", i+1), testOptions()); problems.HasErrors() {
			t.Errorf("%s", problems.Error())
		}
		if got, _ := config.Format([]byte(code), "block.hcl"); string(got) != code {
			t.Errorf("block %d is not formatted; want:\n%s", i+1, got)
		}
	}
	if len(blocks) < 5 {
		t.Errorf("got %d blocks, want 5 or more", len(blocks))
	}
	want := replaceSection(t, text, "kinds", kindTables())
	want = replaceSection(t, want, "variables", variableTable(templates.Variables(), "$%s"))
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

func kindTables() string {
	var b strings.Builder
	for _, kind := range checks.Kinds() {
		fmt.Fprintf(&b, "### %s\n\n%s.\n\n", kind.Name, upper(kind.Doc))
		if len(kind.Attributes) > 0 {
			b.WriteString("| attribute | meaning |\n|---|---|\n")
			for _, a := range kind.Attributes {
				required := ""
				if a.Required {
					required = " (required)"
				}
				fmt.Fprintf(&b, "| `%s` | %s%s |\n", a.Name, cell(a.Doc), required)
			}
			b.WriteString("\n")
		}
		if len(kind.OneOf) > 0 {
			fmt.Fprintf(&b, "Exactly one of `%s` is set.\n\n", strings.Join(kind.OneOf, "`, `"))
		}
		b.WriteString("| metric | unit | meaning |\n|---|---|---|\n")
		for _, m := range kind.Metrics {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Name, m.Unit, cell(m.Doc))
		}
		b.WriteString("\n")
	}
	return b.String()
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
