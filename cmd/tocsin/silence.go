package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/control"
)

func newSilenceCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence {NAME|KIND...|-k KIND|-g GROUP|--all} {--for DURATION|--until TIME}",
		Short: "Tell nobody of some checks for a while",
		Long: `Tell nobody of some checks for a while. They are watched and acted on as before,
and nothing is lost: what happened meanwhile is told in one mail at the end. The
agent remembers over restarts and reloads. A name that is one of checks and of a
kind is refused: KIND.NAME means the check, -k the kind. What comes back at the
same time every night or week is a maintenance block of the rule file.`,
		Example: `  tocsin silence nginx --for 2h --reason "new certificate"
  tocsin silence filesystem process.backup --until 18:30
  tocsin silence --all --for 30m
  tocsin silence list
  tocsin silence end 3`,
	}
	ask := control.Request{}
	var length, until string
	cmd.Flags().StringVar(&length, "for", "", `how long, such as "2h" or "1d"`)
	cmd.Flags().StringVar(&until, "until", "", `until when, such as "18:30" or "2026-12-24 08:00"`)
	cmd.Flags().StringVar(&ask.Reason, "reason", "", "why, for the mail at the end and those who look meanwhile")
	cmd.Flags().BoolVar(&ask.All, "all", false, "everything, also boots and shutdowns, but not that mail was lost")
	cmd.Flags().StringArrayVarP(&ask.Kinds, "kind", "k", nil, "the checks of a kind")
	cmd.Flags().StringArrayVarP(&ask.Groups, "group", "g", nil, "the checks of a group")
	addJSONFlag(cmd, opt)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		ask.Names = names
		switch named := len(names)+len(ask.Kinds)+len(ask.Groups) > 0; {
		case ask.All && named:
			return &exitError{exitUsage, errors.New("silence: --all is everything: it and the names of checks, kinds or groups exclude each other")}
		case !ask.All && !named:
			return &exitError{exitUsage, errors.New("silence: name checks, kinds or groups, or give --all")}
		}
		end, err := endOf(length, until, time.Now())
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("silence: %w", err)}
		}
		ask.Until = end
		s, err := client(opt).Silence(cmd.Context(), ask)
		if err != nil {
			return failed(errors.New(printable(err.Error())))
		}
		if opt.json {
			return failed(json.NewEncoder(opt.std.out).Encode(s))
		}
		_, err = fmt.Fprintf(opt.std.out, "silence %s: %s until %s; tocsin silence end %s ends it\n", s.Name, printable(s.About), s.Until.Local().Format(time.DateTime), s.Name)
		return failed(err)
	}
	cmd.AddCommand(newSilenceListCommand(opt), newSilenceEndCommand(opt))
	return cmd
}

func newSilenceListCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is silenced, for how long, by whom and why",
		Args:  cobra.NoArgs,
	}
	addJSONFlag(cmd, opt)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := client(opt).Silences(cmd.Context())
		if err != nil {
			return failed(errors.New(printable(err.Error())))
		}
		if opt.json {
			return failed(json.NewEncoder(opt.std.out).Encode(all))
		}
		return failed(writeSilences(opt.std.out, all.Silences))
	}
	return cmd
}

func newSilenceEndCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "end {NAME|--all}",
		Short: "End a silence or a maintenance before its time",
		Long: `End a silence by its number or by what it is about, or a maintenance that is in
force by its name. What it held back is told at once.`,
	}
	all := cmd.Flags().Bool("all", false, "every one that is in force")
	addJSONFlag(cmd, opt)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if *all == (len(names) == 1) || len(names) > 1 || !*all && names[0] == "" {
			return &exitError{exitUsage, errors.New("silence end: name one, or give --all; tocsin silence list has them")}
		}
		ended, err := client(opt).Unsilence(cmd.Context(), strings.Join(names, ""))
		if err != nil {
			return failed(errors.New(printable(err.Error())))
		}
		if opt.json {
			return failed(json.NewEncoder(opt.std.out).Encode(ended))
		}
		for _, s := range ended.Silences {
			fmt.Fprintf(opt.std.out, "ended: %s of %s, %s\n", titled(s), printable(s.About), let(s.Waiting))
		}
		if len(ended.Silences) == 0 {
			fmt.Fprintln(opt.std.out, "nothing was silenced")
		}
		return nil
	}
	return cmd
}

// titled is a silence as people know it.
func titled(s control.Silence) string {
	if s.Maintenance {
		return "maintenance " + printable(s.Name)
	}
	return "silence " + s.Name
}

// let says how much goes now that a silence held back.
func let(n int) string {
	switch n {
	case 0:
		return "nothing was held back"
	case 1:
		return "1 event goes now"
	default:
		return amount(n, "event") + " go now"
	}
}

func writeSilences(out io.Writer, all []control.Silence) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "nothing is silenced")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tUNTIL\tHELD\tBY\tREASON\tABOUT")
	for _, s := range all {
		by := s.By
		if s.Maintenance {
			by = "the rule file"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", printable(s.Name), s.Until.Local().Format(time.DateTime), s.Waiting, printable(by), cmp.Or(printable(s.Reason), "-"), printable(s.About))
	}
	return w.Flush()
}

// endOf is when a silence ends: after a while, or at a time of today or
// tomorrow, or of a day.
func endOf(length, until string, now time.Time) (time.Time, error) {
	switch {
	case length != "" && until != "":
		return time.Time{}, errors.New("--for and --until exclude each other: give one of them")
	case length == "" && until == "":
		return time.Time{}, errors.New("give --for or --until: one that is forgotten is how a failure goes unnoticed")
	case length != "":
		d, err := config.ParseDuration(length)
		if err != nil {
			return time.Time{}, fmt.Errorf("--for %q is %w", length, err)
		}
		return now.Add(d), nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, until, time.Local); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.Parse(layout, until); err == nil {
			y, m, d := now.Date()
			end := time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, time.Local)
			if !end.After(now) {
				end = time.Date(y, m, d+1, at.Hour(), at.Minute(), at.Second(), 0, time.Local)
			}
			return end, nil
		}
	}
	return time.Time{}, fmt.Errorf("--until %q is no time: write it as \"18:30\" or \"2026-12-24 08:00\"", until)
}
