package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// newActCommands makes the commands that act on checks and their services.
func newActCommands(opt *options) []*cobra.Command {
	return []*cobra.Command{
		newActCommand(opt, "monitor", "Read checks again", `Read checks again, with all that they depend on, and begin anew to count what was
done to them.`, true),
		newActCommand(opt, "unmonitor", "Read checks no more", `Read checks no more, until "monitor", nor those that depend on them. What was told
of them stays as it is; the agent remembers over restarts and reloads.`, true),
		newActCommand(opt, "start", "Start the services of checks", `Start the services of checks, as their rule file says, and read them again: first
what they depend on and does not run. It returns when they run, or says why not.`, false),
		newActCommand(opt, "stop", "Stop the services of checks", `Stop the services of checks, as their rule file says, and read them no more: a
service that is stopped by hand has not failed. What depends on them is stopped
before.`, false),
		newActCommand(opt, "restart", "Restart the services of checks", `Restart the services of checks, as their rule file says, and read them again. What
depends on them and is monitored is stopped before and started again after. It
returns when they run, or says why not.`, false),
	}
}

func newActCommand(opt *options, verb, short, long string, all bool) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " {NAME...|-g GROUP}", Short: short, Long: long}
	groups := addGroupFlag(cmd)
	every := new(bool)
	if all {
		cmd.Use = verb + " {NAME...|-g GROUP|--all}"
		every = cmd.Flags().Bool("all", false, "every check")
	}
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if *every == (len(names)+len(*groups) > 0) {
			return &exitError{exitUsage, fmt.Errorf("%s: name the checks, as NAME or KIND.NAME, or their group with -g%s", verb, map[bool]string{true: ", or give --all"}[all])}
		}
		members, err := grouped(cmd.Context(), opt, *groups)
		if err != nil {
			return failed(fmt.Errorf("%s: %s", verb, printable(err.Error())))
		}
		names = append(names, members...)
		if err := client(opt).Act(cmd.Context(), verb, names, *every); err != nil {
			return failed(errors.New(printable(err.Error())))
		}
		return nil
	}
	return cmd
}
