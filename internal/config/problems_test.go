package config_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/config"
)

func TestProblemsJSON(t *testing.T) {
	_, problems := config.LoadBytes([]byte("agent {\n  intervall = \"1m\"\n}\n"), "a.hcl", testOptions())
	var got struct {
		Valid       bool `json:"valid"`
		Errors      int  `json:"error_count"`
		Warnings    int  `json:"warning_count"`
		Diagnostics []struct {
			Severity, Summary, Detail string
			Range                     *struct {
				Filename string
				Start    struct{ Line, Column, Byte int }
			}
		} `json:"diagnostics"`
	}
	if err := json.Unmarshal(problems.JSON(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Valid || got.Errors != 1 || got.Warnings != 1 || len(got.Diagnostics) != 2 {
		t.Fatalf("got %+v, want one error and one warning", got)
	}
	d := got.Diagnostics[1]
	if d.Range == nil || d.Range.Filename != "a.hcl" || d.Range.Start.Line != 2 || d.Range.Start.Column != 3 || d.Severity != "error" || !strings.Contains(d.Detail, `"interval"`) {
		t.Errorf("got %+v, want the place of intervall", d)
	}
	if want := `a.hcl:2,3: Unknown attribute: agent has no attribute "intervall".`; !strings.HasPrefix(problems.Error(), want) {
		t.Errorf("got %q, want %q at its start", problems.Error(), want)
	}
}

func TestNilProblems(t *testing.T) {
	var p *config.Problems
	var b bytes.Buffer
	p.Write(&b, true, 0)
	if p.HasErrors() || p.Len() != 0 || b.Len() != 0 || p.Error() == "" || !strings.Contains(string(p.JSON()), `"valid": true`) {
		t.Errorf("got something of no problems: %q, %s", b.String(), p.JSON())
	}
}

// TestWriteColor holds that colors change nothing but colors, and that a line
// from the file can bring none of its own.
func TestWriteColor(t *testing.T) {
	text := "agent {\n\tx\x1b[31my = \"\x9b\" # \x07\n\tinterval\t= \"äöü\" # " + strings.Repeat("long ", 100) + "\n}\n"
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\x9b", "\u009b"), "x\x1b[31my", "xy")
	_, problems := config.LoadBytes([]byte(text), "a\x1b.hcl", testOptions())
	var plain, colored bytes.Buffer
	problems.Write(&plain, false, 60)
	problems.Write(&colored, true, 60)
	if strings.ContainsAny(plain.String(), "\x1b\x07\u009b") {
		t.Errorf("got a control character in %q", plain.String())
	}
	stripped := colored.String()
	for _, code := range []string{"31;1", "33;1", "1", "4", "31", "0"} {
		stripped = strings.ReplaceAll(stripped, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(plain.String(), stripped); diff != "" {
		t.Errorf("colored (-plain +stripped):\n%s", diff)
	}
	for line := range strings.Lines(plain.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 60 && strings.Contains(line, ": ") && strings.Contains(line, "interval") && strings.Contains(line, "long") {
			t.Errorf("got a line of %d columns, want 60: %s", n, line)
		}
	}
}

// TestLineEnds holds that a file from Windows is the same configuration.
func TestLineEnds(t *testing.T) {
	text := strings.ReplaceAll(whole, "\n", "\r\n") + "template \"t\" {\r\n  text = <<-EOT\r\n    a\r\n    b\r\n  EOT\r\n}\r\n" +
		"mail \"t\" {\r\n  to = [\"a@example.com\"]\r\n  template = template.t\r\n}\r\n"
	cfg, problems := config.LoadBytes([]byte(text), "a.hcl", testOptions())
	if cfg == nil {
		t.Fatalf("got %s, want no error", problems.Error())
	}
	if got, want := cfg.Mails[2].Template.Text, "a\nb\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFormat(t *testing.T) {
	got, problems := config.Format([]byte("agent {\ninterval=\"30s\" # a\n  log_level   = \"info\"\n}\n"), "a.hcl")
	want := "agent {\n  interval  = \"30s\" # a\n  log_level = \"info\"\n}\n"
	if problems.Len() != 0 || string(got) != want {
		t.Errorf("got %q, %s, want %q", got, problems.Error(), want)
	}
	got, problems = config.Format([]byte("agent {\n"), "a.hcl")
	if got != nil || !problems.HasErrors() {
		t.Errorf("got %q, want an error", got)
	}
}
