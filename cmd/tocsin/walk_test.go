package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The walk of docs/operate.md: where it is made there, and what it begins.
const (
	walkDoc     = "../../docs/operate.md"
	walkSection = "A first walk"
	walkPlace   = "/tmp/walk"
	walkAgent   = "tocsin run &"
)

// step is a command of the walk with what it prints.
type step struct {
	command string
	exit    bool // with an exit code that is not 0
	want    []string
}

// walk carries out the walk of docs/operate.md: "walk before" the agent is
// started, or "walk after". A command that only asks is asked again until it
// answers what the page has, for a while: the agent takes a moment to notice.
func walk(ts *testscript.TestScript, _ bool, args []string) {
	rules, steps := readWalk(ts)
	begun := false
	if args[0] == "before" {
		ts.Check(os.WriteFile(ts.MkAbs("tocsin.hcl"), []byte(strings.ReplaceAll(rules, walkPlace, ts.Getenv("WORK"))), 0o600))
		ts.Setenv("TOCSIN_CONFIG", ts.MkAbs("tocsin.hcl"))
	}
	done := 0
	for _, s := range steps {
		if s.command == walkAgent {
			begun = true
			continue
		}
		if begun == (args[0] == "after") {
			s.do(ts)
			done++
		}
	}
	if done < 3 || !begun {
		ts.Fatalf("the walk has %d steps %s %q", done, args[0], walkAgent)
	}
}

// do carries a step out.
func (s step) do(ts *testscript.TestScript) {
	asks := regexp.MustCompile(`^tocsin (status|check|events|queue list|silence list|quota)`).MatchString(s.command)
	began := time.Now()
	for {
		err := ts.Exec("sh", "-c", strings.ReplaceAll(s.command, walkPlace, ts.Getenv("WORK")))
		got := strings.ReplaceAll(ts.ReadFile("stdout"), ts.Getenv("WORK"), walkPlace)
		wrong := s.differs(got)
		if wrong == "" && (err != nil) == s.exit {
			return
		}
		if !asks || time.Since(began) > readyWait/2 {
			ts.Fatalf("$ %s\n%s\nexit: %v\nstderr: %s\n%s", s.command, got, err, ts.ReadFile("stderr"), wrong)
		}
	}
}

// differs says how an output is not what the page has; empty when it is.
func (s step) differs(got string) string {
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if got == "" {
		lines = nil
	}
	if len(lines) != len(s.want) {
		return fmt.Sprintf("%d lines, want %d", len(lines), len(s.want))
	}
	for i, want := range s.want {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(plainLine(want)), "…", ".*") + "$"
		if !regexp.MustCompile(pattern).MatchString(plainLine(lines[i])) {
			return fmt.Sprintf("line %d is not as in %s:\n%s", i+1, filepath.Base(walkDoc), want)
		}
	}
	return ""
}

// plainLine is a line with what is another one each time as a word.
func plainLine(line string) string {
	line = regexp.MustCompile(`\b[0-9a-f]{8,32}\b`).ReplaceAllString(plainText(line), "ID")
	return strings.TrimSpace(regexp.MustCompile(` +`).ReplaceAllString(line, " "))
}

// readWalk reads the rule file and the commands of the page.
func readWalk(ts *testscript.TestScript) (rules string, steps []step) {
	data, err := os.ReadFile(walkDoc)
	ts.Check(err)
	_, section, _ := strings.Cut(string(data), "\n## "+walkSection+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	kind := ""
	for line := range strings.SplitSeq(section, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			kind = strings.TrimPrefix(line, "```")
		case kind == "hcl":
			rules += line + "\n"
		case kind == "console" && strings.HasPrefix(line, "$ "):
			command, comment, _ := strings.Cut(strings.TrimPrefix(line, "$ "), "  # ")
			steps = append(steps, step{command: command, exit: strings.HasPrefix(comment, "exit ")})
		case kind == "console":
			last := &steps[len(steps)-1]
			last.want = append(last.want, line)
		}
	}
	return rules, steps
}
