package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
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
		Use:   "events [NAME|KIND...]",
		Short: "Show what happened",
		Long: `Show what happened, the newest last: of all checks, or of those with the names
(KIND.NAME or NAME) or kinds. Events are kept as long as the mails about them. The
exit code is 3 when no check, kind or event has one of the names.`,
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
		e, err := events(cmd.Context(), opt, from)
		if err != nil {
			return asFailed(err)
		}
		quiet := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return slices.ContainsFunc(e.Events, func(e tocsin.Event) bool { return isOf(e, name) })
		})
		var unknown []error
		if len(quiet) > 0 {
			if unknown, err = unknownEvents(cmd.Context(), opt, quiet); err != nil {
				return asFailed(err)
			}
		}
		e.Events = slices.DeleteFunc(e.Events, func(e tocsin.Event) bool {
			of := len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return isOf(e, name) })
			return !of || e.Severity < least
		})
		switch {
		case len(names) > 0 && len(unknown) == len(names):
		case opt.json:
			err = json.NewEncoder(opt.std.out).Encode(e)
		default:
			err = writeEvents(opt, e.Events)
		}
		if err == nil && len(unknown) > 0 {
			return &exitError{exitUnknown, errors.Join(unknown...)}
		}
		return failed(err)
	}
	return cmd
}

// isOf says whether an event is of the check, or the kind of checks, with the
// name.
func isOf(e tocsin.Event, name string) bool {
	return e.Kind == name || tocsin.GoesBy(e.Kind, e.Check, name)
}

// events are those since a time, as the agent knows them, or the spool of one
// that does not run.
func events(ctx context.Context, opt *options, since time.Time) (control.Events, error) {
	e, err := client(opt).Events(ctx, since)
	if errors.Is(err, control.ErrNotRunning) {
		return remembered(opt, since)
	}
	return e, err
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
	// The evidence that follows the first line fills a screen; --json has it.
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tSEVERITY\tTYPE\tRULE\tWHAT")
	for _, e := range events {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.At.Local().Format(time.DateTime), e.Severity, e.Type, printable(e.Check+"/"+e.Rule), oneLine(firstLine(strings.TrimSpace(e.Description))))
	}
	return w.Flush()
}
