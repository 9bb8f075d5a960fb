package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// work is a module of others with its licence.
type work struct {
	path, version string
	licence       string // its name in SPDX
	text          string // all of it
	notice        string // of the Apache licence
}

// copyright writes the DEP-5 file of the program and all that is linked into
// it. Without a file LICENSE of our own it says that there is none.
func copyright(modules io.Reader, out io.Writer, goroot, own string) error {
	works, err := readWorks(modules)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(goroot, "LICENSE"))
	if err != nil {
		return fmt.Errorf("licence of Go: %w", err)
	}
	works = append(works, work{path: "the standard library of Go", licence: "BSD-3-Clause", text: string(text)})
	name, ours := "unspecified", "No licence has been chosen for Tocsin yet: its authors keep all rights.\n"
	if text, err := os.ReadFile(own); err == nil {
		name, ours = known(string(text)), string(text)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("own licence: %w", err)
	}
	w := bufio.NewWriter(out)
	fmt.Fprint(w, "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: tocsin\n")
	fmt.Fprint(w, "Comment: The program is linked statically; what it is made of is listed by module.\n\n")
	fmt.Fprintf(w, "Files: *\nCopyright: the authors of Tocsin\nLicense: %s\n%s\n", name, indented(ours))
	for i, one := range works {
		// No two files say the same, though many go by one name.
		short := fmt.Sprintf("%s-%d", one.licence, i+1)
		if common(one.licence) {
			short = one.licence
		}
		fmt.Fprintf(w, "Files: %s\nCopyright: %s\nLicense: %s\n", filesOf(one), strings.Join(holders(one), "\n "), short)
		comment := strings.TrimSpace(one.path + " " + one.version)
		if one.notice != "" {
			comment += "\n" + strings.TrimRight(indented(one.notice), "\n")
		}
		if !common(one.licence) {
			fmt.Fprint(w, indented(one.text))
		}
		fmt.Fprintf(w, "Comment: %s\n\n", comment)
	}
	for _, name := range []string{"Apache-2.0", "MPL-2.0"} {
		fmt.Fprintf(w, "License: %s\n On Debian systems the full text is in /usr/share/common-licenses/%s.\n\n", name, name)
	}
	return w.Flush()
}

// filesOf is the place that a module would have in a vendor directory.
func filesOf(w work) string {
	if strings.Contains(w.path, " ") {
		return "go/src/*"
	}
	return "vendor/" + w.path + "/*"
}

// common says whether Debian has the text of a licence on every machine.
func common(licence string) bool { return licence == "Apache-2.0" || licence == "MPL-2.0" }

func readWorks(in io.Reader) ([]work, error) {
	var all []work
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			return nil, fmt.Errorf("module line %q: want path, version and directory", lines.Text())
		}
		w := work{path: fields[0], version: fields[1]}
		var err error
		if w.text, err = first(fields[2], "LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING"); err != nil {
			return nil, fmt.Errorf("licence of %s: %w", w.path, err)
		}
		if w.licence = known(w.text); w.licence == "" {
			return nil, fmt.Errorf("licence of %s: %w", w.path, errUnknown)
		}
		if w.notice, err = first(fields[2], "NOTICE", "NOTICE.txt"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("notice of %s: %w", w.path, err)
		}
		all = append(all, w)
	}
	return all, lines.Err()
}

// first reads the first of some files that there is.
func first(dir string, names ...string) (string, error) {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			return string(text), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: none of %s", fs.ErrNotExist, strings.Join(names, ", "))
}

var errUnknown = errors.New("its text is none that is known: look at it, and teach packaging/papers its name")

// known is the name in SPDX of a licence by words that only it has, empty for
// others.
func known(text string) string {
	folded := strings.Join(strings.Fields(text), " ")
	for _, sign := range [][2]string{
		{"Apache License Version 2.0", "Apache-2.0"},
		{"Mozilla Public License, version 2.0", "MPL-2.0"},
		{"Neither the name of", "BSD-3-Clause"},
		{"Redistribution and use in source and binary forms", "BSD-2-Clause"},
		{"Permission is hereby granted, free of charge", "MIT"},
		{"Permission to use, copy, modify, and/or distribute this software", "ISC"},
	} {
		if strings.Contains(folded, sign[0]) {
			return sign[1]
		}
	}
	return ""
}

// holders are the lines of a licence that say whose work it is. The Apache
// licence has none, its notice may.
func holders(w work) []string {
	var all []string
	for line := range strings.Lines(w.text + "\n" + w.notice) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "Copyright "); ok && !strings.Contains(line, "[yyyy]") && !slices.Contains(all, rest) {
			all = append(all, rest)
		}
	}
	if len(all) == 0 {
		return []string{"the authors of " + w.path}
	}
	return all
}

// indented is a text as the value of a field: no empty lines, a blank before
// each.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			line = "."
		}
		b.WriteString(" " + line + "\n")
	}
	return b.String()
}
