package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/internal/config"
)

// bombs are files that overflow the stack of HCL's parser or evaluator, or
// that keep it busy for minutes, unless they are refused before.
func bombs() map[string]string {
	attribute := func(expr string) string { return "check \"system\" \"a\" {\n  x = " + expr + "\n}\n" }
	return map[string]string{
		"parentheses":        "a = " + strings.Repeat("(", 140_000) + "1" + strings.Repeat(")", 140_000) + "\n",
		"open parentheses":   "a = " + strings.Repeat("(", 300_000),
		"brackets":           "a = " + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + "\n",
		"open brackets":      "a = " + strings.Repeat("[", 200_000),
		"mixed stray":        "a = " + strings.Repeat("([)", 100_000),
		"interpolations":     "a = " + strings.Repeat("\"${", 85_000) + "1" + strings.Repeat("}\"", 85_000) + "\n",
		"not":                attribute(strings.Repeat("!", 500_000) + "true"),
		"minus":              attribute(strings.Repeat("-", 500_000) + "1"),
		"not in parentheses": attribute("(" + strings.Repeat("!\n", 150_000) + "true)"),
		"conditionals":       attribute("1" + strings.Repeat("?1:1", 50_000)),
		"plus":               attribute("1" + strings.Repeat("+1", 100_000)),
		"and":                attribute("true" + strings.Repeat("&&true", 50_000)),
		"plus in lines":      attribute("(1" + strings.Repeat("\n+1", 50_000) + ")"),
		"plus with comments": attribute("(1" + strings.Repeat("# c\n+1", 50_000) + ")"),
		"indexes":            attribute("b" + strings.Repeat("[c]", 70_000)),
		"splats":             attribute("b" + strings.Repeat("[*]", 70_000)),
		"attribute splats":   attribute("b" + strings.Repeat(".*", 100_000)),
		"blocks":             strings.Repeat("b {\n", 100_000) + strings.Repeat("}\n", 100_000),
		"objects":            attribute(strings.Repeat("{a=", 100_000)),
		"directives":         attribute("\"" + strings.Repeat("%{ if true }", 50_000) + "\""),
		"heredoc lines":      attribute("<<-X\n" + strings.Repeat("  x\n", 100_000) + "X"),
		"heredoc directives": attribute("<<X\n" + strings.Repeat("%{ if true }\n", 50_000) + "X"),
		"many parts":         attribute("\"" + strings.Repeat("${1}", 60_000) + "\""),
		"html loops":         htmlTemplates(1_000, "{{range 1100}}{{end}}"),
		"html nested":        htmlTemplates(1, strings.Repeat("{{if 1}}", 3_000)+strings.Repeat("{{end}}", 3_000)),
		"digits":             attribute(strings.Repeat("9", 1_000_000)),
		"exponent":           attribute("floor(1e999999999)"),
		"exponent with sign": attribute("floor(1E+999999999)"),
		"format width":       "agent {\n  host = format(\"%999999999d\", 1)\n}\n",
		"format star":        "agent {\n  host = format(\"%*d\", 999999999, 1)\n}\n",
		"doubling":           "agent {\n  host = join(\"\", " + strings.Repeat("[for a in ", 50) + "[\"x\"]" + strings.Repeat(": \"${a}${a}\"]", 50) + ")\n}\n",
		"object loop":        attribute("{\n# c\nfor a in [1] : a => \n" + strings.Repeat("!", 100_000) + "a }"),
		"quotes":             strings.Repeat("\"\n", 100_000),
		"bad words":          strings.Repeat("$ \n", 100_000),
		"no values":          strings.Repeat("aaaa\n", 50_000),
		"empty blocks":       strings.Repeat("b {}\n", 20_000),
		"same attribute":     strings.Repeat("a=1\n", 50_000),
		"many errors":        "a = [" + strings.Repeat("$,", 100_000) + "]\n",
		"long name":          strings.Repeat("a", 1_000_000) + " = 1\n",
		"long traversal":     attribute("b" + strings.Repeat(".c", 60_000)),
		"long line":          "# " + strings.Repeat("x", 1_000_000) + "\nagent {\n  host = \"" + strings.Repeat("é", 2000) + "\"\n",
		"similar names":      "check \"system\" \"a\" {\n" + attributes(5_000) + "}\n",
		"unknown variables":  "template \"t\" {\n  subject = \"" + strings.Repeat("$XY", 100_000) + "\"\n  text = <<EOT\n" + strings.Repeat("$XY\n", 1000) + "EOT\n}\n",
		"references":         strings.Repeat("mail \"a\" {\n  servers = ["+strings.Repeat("mailserver.x,", 90)+"]\n}\n", 100),
		"many references":    "route {\n  notify = [" + strings.Repeat("mail.a, ", 60_000) + "]\n}\n",
		"too large":          strings.Repeat("# comment\n", 110_000),
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  interval%d = 1\n", i)
	}
	return b.String()
}

// TestBombs proves that no file kills the process or keeps it busy: a stack
// overflow would end the test run.
func TestBombs(t *testing.T) {
	for name, text := range bombs() {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			cfg, problems := config.LoadBytes([]byte(text), "bomb.hcl", testOptions())
			if cfg != nil || !problems.HasErrors() {
				t.Errorf("got a configuration, want errors")
			}
			var b strings.Builder
			problems.Write(&b, true, 80)
			if b.Len() == 0 || b.Len() > 100_000 {
				t.Errorf("got %d bytes of problems, want some and not many", b.Len())
			}
			if len(problems.JSON()) > 200_000 || len(problems.Error()) > 3000 {
				t.Errorf("got %d bytes of JSON and %d of Error, want less", len(problems.JSON()), len(problems.Error()))
			}
			if len(text) < 200_000 {
				config.Format([]byte(text), "bomb.hcl")
			}
			// Generous: the race detector makes everything ten times slower.
			if took := time.Since(began); took > 40*time.Second {
				t.Errorf("took %s, want seconds", took)
			}
		})
	}
}

func htmlTemplates(n int, html string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "template \"t%d\" {\n  html = \"%s\"\n}\n", i, html)
	}
	return b.String()
}

// TestCapsAreWide holds that no reasonable file meets the caps.
func TestCapsAreWide(t *testing.T) {
	var b strings.Builder
	b.WriteString("template \"t\" {\n  text = <<-EOT\n" + strings.Repeat("    $SERVICE $EVENT\n", 500) + "  EOT\n}\n")
	b.WriteString("mailserver \"a\" {\n  host = \"a.example.com\"\n}\nmail \"ops\" {\n  to = [\n")
	for i := range 100 {
		fmt.Fprintf(&b, "    \"a%d@example.com\", # number %d\n", i, i)
	}
	b.WriteString("  ]\n}\n")
	for i := range 2000 {
		fmt.Fprintf(&b, `check "process" "p%d" {
  match = "a"
  rule "r" { # comment
    when  = !exists || (memory.rss > 5 * GiB && cpu.percent > -1 + 2) # one
    clear = exists ? true : false # two
    for   = "5m"
  }
}
`, i)
	}
	cfg, problems := config.LoadBytes([]byte(b.String()), "wide.hcl", testOptions())
	if cfg == nil || problems.Len() > 0 {
		t.Fatalf("got %s, want no problem", problems.Error())
	}
	if got := len(cfg.Checks); got != 2000 {
		t.Errorf("got %d checks, want 2000", got)
	}
	wide := "agent {\n  host = " + strings.Repeat("(", 60) + "\"a.example.com\"" + strings.Repeat(")", 60) + "\n}\n"
	if _, problems := config.LoadBytes([]byte(wide), "deep.hcl", testOptions()); problems.HasErrors() {
		t.Errorf("got %s, want no error for 60 parentheses", problems.Error())
	}
}

func testOptions() config.Options {
	return config.Options{
		Secrets: config.Optional,
		Host:    func() string { return "web-1.example.com" },
		Env: func(name string) (string, bool) {
			value, ok := map[string]string{"CANARY": canary, "NUMBER": "25"}[name]
			return value, ok
		},
	}
}

// canary is a secret that must not come out anywhere.
const canary = "c4nary-s3cret-value"

func FuzzLoad(f *testing.F) {
	for _, text := range bombs() {
		if len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	for _, text := range seeds() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			return // long files say nothing new and are slow
		}
		cfg, problems := config.LoadBytes(text, "fuzz.hcl", testOptions())
		if (cfg == nil) != problems.HasErrors() {
			t.Errorf("got a configuration %t and errors %t, want one of them", cfg != nil, problems.HasErrors())
		}
		var b strings.Builder
		problems.Write(&b, false, 80)
		for _, said := range []string{b.String(), problems.Error(), string(problems.JSON())} {
			if strings.Contains(said, canary) && !strings.Contains(string(text), canary) {
				t.Errorf("got the canary in %q", said)
			}
			if strings.ContainsAny(said, "\x1b\x00\r\a") {
				t.Errorf("got a control character in %q", said)
			}
		}
		formatted, problems := config.Format(text, "fuzz.hcl")
		if problems.HasErrors() {
			return
		}
		if _, problems := config.Format(formatted, "fuzz.hcl"); problems.HasErrors() {
			t.Errorf("got %s of a formatted file, want no problem", problems.Error())
		}
	})
}
