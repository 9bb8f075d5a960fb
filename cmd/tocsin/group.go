package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tocsin/internal/control"
	"tocsin/internal/engine"
)

// addGroupFlag gives a command -g, for all checks of some groups.
func addGroupFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringArrayP("group", "g", nil, "the checks of a group")
}

// grouped are the ids of the checks of some groups, as the agent has them.
func grouped(ctx context.Context, opt *options, groups []string) ([]string, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	s, err := askStatus(ctx, opt, nil)
	if err != nil {
		return nil, err
	}
	return membersOf(s.Checks, groups)
}

// membersOf are the ids of the checks of some groups. The error names the groups
// that there are.
func membersOf(all []control.Check, groups []string) ([]string, error) {
	var ids, known []string
	for _, group := range groups {
		n := len(ids)
		for _, c := range all {
			known = append(known, c.Groups...)
			if id := engine.CheckID(c.Kind, c.Name); slices.Contains(c.Groups, group) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if n == len(ids) && !slices.Contains(known, group) {
			slices.Sort(known)
			known = slices.Compact(known)
			if len(known) == 0 {
				return nil, &control.Unknown{Name: group, Text: fmt.Sprintf("no group %q: no check has groups", group)}
			}
			return nil, &control.Unknown{Name: group, Text: fmt.Sprintf("no group %q; there is %s", group, strings.Join(known, ", "))}
		}
	}
	return ids, nil
}
