package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/checks"
	"tocsin/internal/config"
)

// blockExamples are, for each block of the language, texts that hold the block
// around "@@", an attribute that no block has. A block that takes other attributes
// in other places has several.
func blockExamples() map[string][]string {
	const server = "mailserver \"m\" {\n  host = \"mail.example.com\"\n"
	const mail = server + "}\nmail \"ops\" {\n  to = [\"ops@example.com\"]\n"
	const check = "check \"system\" \"host\" {\n"
	return map[string][]string{
		"top level":           {"@@\n"},
		"agent":               {"agent {\n@@\n}\n"},
		`mailserver "NAME"`:   {server + "@@\n}\n"},
		"limit":               {server + "limit {\n@@\n}\n}\n"},
		"oauth":               {server + "username = \"a@example.com\"\noauth {\n@@\n}\n}\n"},
		`mail "NAME"`:         {mail + "@@\n}\n"},
		`recipient "ADDRESS"`: {mail + "recipient \"ops@example.com\" {\n@@\n}\n}\n"},
		"fallback":            {mail + "fallback {\n@@\n}\n}\n"},
		`template "NAME"`:     {"template \"t\" {\n@@\n}\n"},
		"route":               {"route {\n@@\n}\n"},
		"escalate":            {"route {\nescalate {\n@@\n}\n}\n"},
		`hook "EVENT"`:        {"hook \"boot\" {\n@@\n}\n", "hook \"shutdown\" {\n@@\n}\n", "hook \"unit\" {\n@@\n}\n"},
		`maintenance "NAME"`:  {"maintenance \"m\" {\n@@\n}\n"},
		`heartbeat "NAME"`:    {"heartbeat \"h\" {\n@@\n}\n"},
		"pickup":              {"pickup {\n@@\n}\n"},
		`check "KIND" "NAME"`: {check + "@@\n}\n"},
		`rule "NAME"`:         {check + "rule \"r\" {\n@@\n}\n}\n"},
	}
}

// taken is the list of attributes in a message about an unknown one.
var taken = regexp.MustCompile(`It takes the attributes? ([^.]*?)(, and the blocks? [^.]*)?\.`)

// TestLanguageIsWhatIsTaken: the description of each block names the attributes
// that the loader asks for, no more and no fewer.
func TestLanguageIsWhatIsTaken(t *testing.T) {
	examples := blockExamples()
	for _, block := range config.Language() {
		if block.Name == "aliases" { // it takes any name
			continue
		}
		got := map[string]bool{}
		for _, example := range examples[block.Name] {
			_, problems := config.LoadBytes([]byte(strings.Replace(example, "@@", "zzz = 1", 1)), "x.hcl", testOptions())
			for _, d := range diagnostics(t, problems) {
				m := taken.FindStringSubmatch(d.Detail)
				if m == nil || !strings.Contains(d.Detail, `"zzz"`) {
					continue
				}
				for _, name := range regexp.MustCompile(`, | and `).Split(m[1], -1) {
					got[name] = true
				}
			}
		}
		var want []string
		for _, a := range block.Attributes {
			want = append(want, a.Name)
			if a.Type == "" || a.Doc == "" || strings.Contains(a.Doc, "\n") || strings.HasSuffix(a.Doc, ".") {
				t.Errorf("%s: %s has no type, or its line is none: %+v", block.Name, a.Name, a)
			}
		}
		names := make([]string, 0, len(got))
		for name := range got {
			names = append(names, name)
		}
		slices.Sort(names)
		slices.Sort(want)
		if diff := cmp.Diff(names, want); diff != "" {
			t.Errorf("%s: taken and not described (-), described and not taken (+):\n%s", block.Name, diff)
		}
	}
}

// TestWordsAreThoseTaken: what is allowed of an attribute with fixed words is what
// the loader says when it gets another one.
func TestWordsAreThoseTaken(t *testing.T) {
	examples, words := blockExamples(), regexp.MustCompile(`"[^"]*"`)
	tried := 0
	for _, block := range config.Language() {
		for _, a := range block.Attributes {
			want := words.FindAllString(a.Allowed, -1)
			if a.Type != "text" || len(want) == 0 {
				continue
			}
			var got []string
			for _, example := range examples[block.Name] {
				text := strings.Replace(example, "@@", a.Name+` = "zzz"`, 1)
				_, problems := config.LoadBytes([]byte(text), "x.hcl", testOptions())
				for _, d := range diagnostics(t, problems) {
					if _, list, ok := strings.Cut(d.Detail, `"zzz" is no value of "`+a.Name+`", which takes `); ok {
						got = words.FindAllString(list, -1)
					}
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("%s: %s: taken and not described (-), described and not taken (+):\n%s", block.Name, a.Name, diff)
			}
			tried++
		}
	}
	if tried < 10 {
		t.Errorf("tried %d attributes, want 10 or more", tried)
	}
}

// TestReferenceDocuments holds docs/reference to the tables of the code.
func TestReferenceDocuments(t *testing.T) {
	for name, want := range map[string]string{"rulefile.md": ruleFileReference(), "metrics.md": metricsReference()} {
		path := filepath.Join(root, "docs/reference", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s, run with -update (-want +got):\n%s", path, diff)
		}
	}
}

func ruleFileReference() string {
	var b strings.Builder
	b.WriteString(`# Attributes of the rule file

Every block and attribute, as the program knows them. What they are for, with examples, is in [the rule file](../rules.md). Durations are texts such as
"90s", "5m" or "1d"; a schedule is a line as in crontab(5), or a list of them; a secret is ` + "`file(…)`, `credential(…)` or `env(…)`" + `.

`)
	for _, block := range config.Language() {
		title := block.Name
		if block.Within != "" {
			title += " of " + block.Within
		}
		fmt.Fprintf(&b, "## %s\n\n%s.\n\n| attribute | type | default | allowed | meaning |\n|---|---|---|---|---|\n", title, block.Doc)
		for _, a := range block.Attributes {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", a.Name, a.Type, coded(strings.TrimPrefix(a.Default, "none")), coded(a.Allowed), cell(a.Doc))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// coded puts what is written in quotes into backquotes.
func coded(text string) string {
	return regexp.MustCompile(`"[^"]*"`).ReplaceAllString(cell(text), "`$0`")
}

func metricsReference() string {
	var b strings.Builder
	b.WriteString(`# Kinds of checks

What a ` + "`check`" + ` block can watch: each kind with its attributes, beside [those of every check](rulefile.md#check-kind-name), and its metrics. ` + "`tocsin metrics KIND`" + `
prints the same, with the words of ` + "`$EVENT`" + `. Which metrics need what, and examples, are in [the rule file](../rules.md#check-kind-name).

| kind | watches |
|---|---|
`)
	for _, kind := range checks.Kinds() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", kind.Name, kind.Name, cell(kind.Doc))
	}
	b.WriteString("\n")
	for _, kind := range checks.Kinds() {
		fmt.Fprintf(&b, "## %s\n\n%s.\n\n", kind.Name, upper(kind.Doc))
		if len(kind.Attributes) > 0 {
			b.WriteString("| attribute | type | default | meaning |\n|---|---|---|---|\n")
			for _, a := range kind.Attributes {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", a.Name, kindType(a), kindDefault(kind, a), cell(a.Doc))
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
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func kindType(a checks.Attribute) string {
	switch {
	case a.Type != "":
		return a.Type
	case a.List:
		return "text or list of texts"
	default:
		return "text"
	}
}

func kindDefault(kind checks.Kind, a checks.Attribute) string {
	switch {
	case a.Required:
		return "required"
	case slices.Contains(kind.OneOf, a.Name):
		return "one of them"
	case a.Default != "":
		return a.Default
	default:
		return ""
	}
}
