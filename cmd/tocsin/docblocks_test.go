package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fence is a block of a document between "```" and "```".
type fence struct {
	file     string // from the top of the repository
	line     int    // of its first line
	language string
	lines    []string
	walk     bool // of the walk, which TestScripts/walk carries out
}

// languages are those that a fence may have: sh has commands, console commands
// behind "$ " with what they print, and the others have none.
func languages() []string { return []string{"sh", "console", "hcl", "ini", "text"} }

// documents names every document whose commands and rule files are tried.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/reference/*.md"} {
		found, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("glob %s: %v, %v", pattern, found, err)
		}
		for _, name := range found {
			names = append(names, strings.TrimPrefix(name, "../../"))
		}
	}
	return names
}

// fences reads the fenced blocks of a document.
func fences(name string) ([]fence, error) {
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		return nil, err
	}
	var all []fence
	var open *fence
	section := ""
	for i, line := range strings.Split(string(text), "\n") {
		language, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			walk := name == strings.TrimPrefix(walkDoc, "../../") && section == walkSection
			open = &fence{file: name, line: i + 2, language: language, walk: walk}
		case isFence:
			all, open = append(all, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		case strings.HasPrefix(line, "## "):
			section = strings.TrimPrefix(line, "## ")
		}
	}
	if open != nil {
		return nil, errors.New(name + ": a fence is not closed")
	}
	return all, nil
}

// docCommand is a command line of a document.
type docCommand struct {
	file string
	line int
	text string // without its comment
	exit bool   // with an exit code that is not 0, says the comment
	walk bool
}

// commands are the command lines of a block.
func (f fence) commands() []docCommand {
	var all []docCommand
	for i, line := range f.lines {
		switch {
		case f.language == "console" && strings.HasPrefix(line, "$ "):
			line = strings.TrimPrefix(line, "$ ")
		case f.language != "sh":
			continue
		}
		text, comment, _ := strings.Cut(line, "  #")
		if text = strings.TrimSpace(text); text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		all = append(all, docCommand{f.file, f.line + i, text, strings.HasPrefix(strings.TrimSpace(comment), "exit "), f.walk})
	}
	return all
}

// TestFencesHaveALanguage: it says whether a block is for a shell, a rule file,
// or only to be looked at.
func TestFencesHaveALanguage(t *testing.T) {
	for _, name := range documents(t) {
		all, err := fences(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if !slices.Contains(languages(), f.language) {
				t.Errorf("%s:%d: the language of the block is %q, want one of %q", f.file, f.line, f.language, languages())
			}
			if len(f.lines) == 0 || f.language == "console" && len(f.commands()) == 0 {
				t.Errorf("%s:%d: nothing is in it", f.file, f.line)
			}
		}
	}
}

// TestLinksLeadSomewhere: a link to a part of a document has a heading there.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#: ]*)(#[^)]*)?\)`)
	headings := map[string]map[string]bool{}
	count := 0
	for _, name := range documents(t) {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			to := name
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(name), m[1])
			}
			data, err := os.ReadFile(filepath.Join("../..", to))
			if err != nil && m[1] != "" {
				if _, err = os.Stat(filepath.Join("../..", to)); err != nil {
					t.Errorf("%s: there is no %s", name, m[1])
				}
				continue
			}
			if headings[to] == nil {
				headings[to] = anchors(string(data))
			}
			if m[2] != "" && !headings[to][strings.TrimPrefix(m[2], "#")] {
				t.Errorf("%s: %s has no heading for %s", name, to, m[2])
			}
			count++
		}
	}
	if count < 50 {
		t.Errorf("got %d links, want 50 or more", count)
	}
}

// anchors are the names by which the headings of a document are linked.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			title = strings.ToLower(strings.TrimSpace(title))
			title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(title, "")
			all[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	return all
}
