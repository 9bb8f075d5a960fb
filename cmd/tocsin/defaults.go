package main

import (
	"github.com/spf13/cobra"

	"tocsin/internal/config"
)

// defaultsLine says what is watched when the rule file does not.
const defaultsLine = `no check block in the rule file: the built-in checks are in force, which "tocsin defaults" prints`

func newDefaultsCommand(opt *options) *cobra.Command {
	self := false
	cmd := &cobra.Command{
		Use:   "defaults",
		Short: "Print the checks of a rule file without any",
		Long: `Print the checks and hooks that are in force when the rule file has no check
block, as a rule file with comments: to learn from, and to begin one's own with.
With --self the check that the agent has of itself, unless the rule file has one
of the kind "self".`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text := config.Defaults()
			if self {
				text = config.Self()
			}
			_, err := opt.std.out.Write(text)
			return failed(err)
		},
	}
	cmd.Flags().BoolVar(&self, "self", false, "the check of the agent itself instead")
	return cmd
}
