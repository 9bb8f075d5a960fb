package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/notify/spool"
)

func newEventsCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [NAME...]",
		Short: "Show what happened",
		Long: `Show what happened, the newest last: of all checks, or of those with the names
(KIND.NAME or NAME). Events are kept as long as the mails about them.`,
	}
	addJSONFlag(cmd, opt)
	since := cmd.Flags().String("since", "1d", `how far back: "90m", "12h", "7d"`)
	severity := cmd.Flags().String("severity", "info", "no less than: info, warning or critical")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		back, err := config.ParseDuration(*since)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("events: --since: %w", err)}
		}
		least, err := tocsin.ParseSeverity(*severity)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("events: --severity: %w", err)}
		}
		from := time.Now().Add(-back)
		e, err := client(opt).Events(cmd.Context(), from)
		if errors.Is(err, control.ErrNotRunning) {
			e, err = remembered(opt, from)
		}
		if err != nil {
			return asFailed(err)
		}
		e.Events = slices.DeleteFunc(e.Events, func(e tocsin.Event) bool {
			of := len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return tocsin.GoesBy(e.Kind, e.Check, name) })
			return !of || e.Severity < least
		})
		if opt.json {
			return failed(json.NewEncoder(opt.std.out).Encode(e))
		}
		return failed(writeEvents(opt, e.Events))
	}
	return cmd
}

// remembered is what the spool of an agent that does not run remembers.
func remembered(opt *options, since time.Time) (control.Events, error) {
	cfg, err := opt.peek(config.Optional)
	if err != nil {
		return control.Events{}, err
	}
	all, err := spool.Events(spoolDir(cfg.Agent.StateDir), since)
	if err != nil {
		return control.Events{}, err
	}
	return eventsSince(all, since), nil
}

func writeEvents(opt *options, events []tocsin.Event) error {
	if len(events) == 0 {
		fmt.Fprintln(opt.std.out, "nothing happened")
		return nil
	}
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tSEVERITY\tTYPE\tRULE\tWHAT")
	for _, e := range events {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.At.Local().Format(time.DateTime), e.Severity, e.Type, printable(e.Check+"/"+e.Rule), oneLine(e.Description))
	}
	return w.Flush()
}
