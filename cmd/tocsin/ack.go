package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tocsin/internal/control"
)

func newAckCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ack {INCIDENT|NAME[/RULE]}...",
		Short: "Say that you look after a failure: it is repeated no more",
		Long: `Say that you look after a failure: there are no reminders of it and nobody else
is called, until it is over or fails anew. An incident is named by the beginning
of its id, which its mails and "tocsin status NAME" have, or by its check and rule.`,
		Args: cobra.MinimumNArgs(1),
	}
	ask := control.Request{}
	cmd.Flags().StringVar(&ask.Reason, "reason", "", "why, for those who look meanwhile")
	end := cmd.Flags().Bool("end", false, "you look after it no longer")
	addJSONFlag(cmd, opt)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		ask.Names = names
		meant, err := client(opt).Ack(cmd.Context(), ask, !*end)
		if err != nil {
			return failed(errors.New(printable(err.Error())))
		}
		if opt.json {
			return failed(json.NewEncoder(opt.std.out).Encode(meant))
		}
		for _, f := range meant.Failures {
			fmt.Fprintln(opt.std.out, acknowledged(f, meant.On))
		}
		return nil
	}
	return cmd
}

// acknowledged says what became of a failure, and until when.
func acknowledged(f control.Failure, on bool) string {
	what := fmt.Sprintf("%s, incident %.8s", printable(f.Rule), f.Incident)
	switch {
	case on:
		return "acknowledged: " + what + ", until it recovers or fails anew"
	case !f.Acked:
		return "was not acknowledged: " + what
	}
	return "not acknowledged any more: " + what + ", people are reminded again"
}
