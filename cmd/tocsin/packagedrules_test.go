package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/internal/config"
)

// packagedRules is the rule file of the packages.
const packagedRules = "../../packaging/tocsin.hcl"

// rulesMark begins what "tocsin defaults" prints there.
const rulesMark = "# ---- What is in force, as \"tocsin defaults\" prints it ----\n"

// TestPackagedRules: the rule file of the packages watches by the defaults and
// shows them, each line behind a "#"; it loads with the one warning that nobody
// hears of it.
func TestPackagedRules(t *testing.T) {
	data, err := os.ReadFile(packagedRules)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(data), rulesMark)
	if !ok {
		t.Fatalf("got no line %q in packaging/tocsin.hcl", strings.TrimSpace(rulesMark))
	}
	want := head + rulesMark
	for line := range strings.Lines(string(config.Defaults())) {
		want += "#" + line
	}
	if *updateDay {
		if err := os.WriteFile(packagedRules, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		data = []byte(want)
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("packaging/tocsin.hcl shows other defaults, run with -update:\n%s", diff)
	}
	cfg, problems := config.LoadFiles([]config.File{{Name: "tocsin.hcl", Mode: 0o640, Text: data}}, config.Options{})
	if cfg == nil || problems.Len() != 1 {
		t.Errorf("got %d problems, want the warning alone that nobody hears of it", problems.Len())
	}
	// With the example in force nothing but the secret is missing.
	cfg, problems = config.LoadFiles([]config.File{{Name: "tocsin.hcl", Mode: 0o640, Text: []byte(uncommented(head))}}, config.Options{Secrets: config.Optional})
	if cfg == nil || problems.HasErrors() {
		var text strings.Builder
		problems.Write(&text, false, terminalWidth)
		t.Errorf("the example of packaging/tocsin.hcl:\n%s", text.String())
	}
}

// uncommented are the blocks behind a "#", which ends in front of the block.
func uncommented(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		code, _ := strings.CutPrefix(line, "#")
		inside = inside || strings.HasPrefix(line, "#mail")
		if inside {
			b.WriteString(code)
		}
		inside = inside && code != "}\n"
	}
	return b.String()
}
