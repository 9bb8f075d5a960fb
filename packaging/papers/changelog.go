package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// release is one version of a package.
type release struct {
	name, version, maintainer string
	date                      time.Time
}

// columns is how wide a changelog is.
const columns = 78

// changelog writes the newest section of a CHANGELOG.md, the entries with
// "- ", as Debian's deb-changelog(5).
func changelog(in io.Reader, out io.Writer, r release) error {
	entries, err := newest(in)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "%s (%s) unstable; urgency=medium\n\n", r.name, r.version)
	for _, entry := range entries {
		line := "  *"
		for word := range strings.FieldsSeq(entry) {
			if len(line)+1+len(word) > columns {
				fmt.Fprintln(w, line)
				line = "   "
			}
			line += " " + word
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "\n -- %s  %s\n", r.maintainer, r.date.Format(time.RFC1123Z))
	return w.Flush()
}

// newest reads the entries of the first section.
func newest(in io.Reader) ([]string, error) {
	var entries []string
	sections := 0
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "## "):
			if sections++; sections > 1 {
				return entries, nil
			}
		case strings.HasPrefix(line, "- "):
			entries = append(entries, line[2:])
		case strings.HasPrefix(line, "  ") && len(entries) > 0:
			entries[len(entries)-1] += " " + strings.TrimSpace(line)
		}
	}
	if len(entries) == 0 && lines.Err() == nil {
		return nil, errors.New("changelog: its first section has no entry")
	}
	return entries, lines.Err()
}
