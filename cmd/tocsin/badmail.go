package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/notify/spool"
)

func newQueueExportCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "export ID",
		Short: "Write a mail as it goes out, or as it was given up or sent, to standard output",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := opt.peek(config.Optional)
			if err != nil {
				return err
			}
			data, err := spool.Export(spoolDir(cfg.Agent.StateDir), args[0])
			if err != nil {
				return failed(err)
			}
			_, err = opt.std.out.Write(data)
			return failed(err)
		},
	}
}

// badLine is one row of what was given up, as JSON has it.
type badLine struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Tries      int       `json:"tries"`
	Recipients []string  `json:"recipients"`
	Subject    string    `json:"subject"`
	Reason     string    `json:"reason"`
}

func badmailList(opt *options) error {
	cfg, err := opt.peek(config.Optional)
	if err != nil {
		return err
	}
	bad, err := spool.Badmail(spoolDir(cfg.Agent.StateDir))
	if err != nil {
		return failed(err)
	}
	lines := []badLine{}
	for _, b := range bad {
		line := badLine{ID: b.ID(), At: b.At, Recipients: b.Refused(), Reason: b.Why()}
		if b.Mail != nil {
			line.Subject, line.Tries = b.Mail.Subject, b.Delivery.Attempts
		} else {
			line.Subject = what(*b.Item)
		}
		lines = append(lines, line)
	}
	if opt.json {
		return failed(json.NewEncoder(opt.std.out).Encode(lines))
	}
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	if len(lines) > 0 {
		fmt.Fprintln(w, "ID\tGIVEN UP\tTRIES\tFOR\tWHAT")
	}
	for _, l := range lines {
		fmt.Fprintf(w, "%.12s\t%s\t%d\t%s\t%s\n\t%s\n", l.ID, l.At.Local().Format(time.DateTime), l.Tries,
			strings.Join(l.Recipients, ","), printable(l.Subject), printable(l.Reason))
	}
	if err := w.Flush(); err != nil {
		return failed(err)
	}
	_, err = fmt.Fprintf(opt.std.out, "%d given up; queue requeue ID lets one go once more\n", len(lines))
	return failed(err)
}
