package main

import (
	"github.com/spf13/cobra"

	"tocsin/internal/config"
)

// defaultsLine says what is watched when the rule file does not.
const defaultsLine = `no check block in the rule file: the built-in checks are in force, which "tocsin defaults" prints`

func newDefaultsCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "defaults",
		Short: "Print the checks of a rule file without any",
		Long: `Print the checks and hooks that are in force when the rule file has no check
block, as a rule file with comments: to learn from, and to begin one's own with.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := opt.std.out.Write(config.Defaults())
			return failed(err)
		},
	}
}
