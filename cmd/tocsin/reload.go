package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
)

func newReloadCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the agent read its rule file again",
		Long: `Have the running agent read its rule file again, and show what is different: each
check that was added, removed or changed, and each other block. What is not
listed goes on as if nothing had happened. A file that cannot be used changes
nothing; its problems are shown, and the exit code is 78.`,
		Args: cobra.NoArgs,
	}
	addJSONFlag(cmd, opt)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := client(opt).Reload(cmd.Context())
		if err != nil {
			return failed(errors.New(printable(err.Error())))
		}
		if opt.json {
			if err := json.NewEncoder(opt.std.out).Encode(r); err != nil {
				return failed(err)
			}
		} else if _, err := io.WriteString(opt.std.err, shown(r.Problems)); err != nil {
			return failed(err)
		}
		switch {
		case !r.Valid && opt.json:
			return &exitError{exitBadConfig, nil}
		case !r.Valid:
			return &exitError{exitBadConfig, errors.New("the rule file is rejected: what was in force still is")}
		case opt.json:
			return nil
		}
		_, err = io.WriteString(opt.std.out, changesText(r.Changes))
		return failed(err)
	}
	return cmd
}

// shown is a text of several lines that is safe for a terminal.
func shown(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// changesText lists what a reload has changed, a line each.
func changesText(c config.Changes) string {
	if c.None() {
		return "nothing changed\n"
	}
	var b strings.Builder
	for _, part := range []struct {
		prefix string
		config.Difference
	}{{"check ", c.Checks}, {"", c.Blocks}} {
		for _, one := range []struct {
			word  string
			names []string
		}{{"added", part.Added}, {"removed", part.Removed}, {"changed", part.Changed}} {
			for _, name := range one.names {
				fmt.Fprintf(&b, "%-7s  %s%s\n", one.word, part.prefix, printable(name))
			}
		}
	}
	return b.String()
}

// maxSummary bounds how many names a line of the log has.
const maxSummary = 10

// summary says in one line what a reload has changed.
func summary(c config.Changes) string {
	lines := strings.Split(strings.TrimSuffix(changesText(c), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	if more := len(lines) - maxSummary; more > 0 {
		lines = append(lines[:maxSummary], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, ", ")
}
