package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/engine"
	"tocsin/notify"
	"tocsin/templates"
)

// told is the question who hears of a failure.
type told struct {
	asked bool
	at    string
}

func (q *told) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&q.asked, "told", false, "say for each rule who is told of its failure")
	cmd.Flags().StringVar(&q.at, "at", "", "with --told: not now but at \"15:04\" or \"2006-01-02 15:04\"")
}

// write answers, rule by rule.
func (q told) write(w io.Writer, cfg *config.Config, now time.Time) error {
	if q.at != "" && !q.asked {
		return &exitError{exitUsage, fmt.Errorf("validate: --at %s is for --told", q.at)}
	}
	if !q.asked {
		return nil
	}
	at, err := moment(q.at, now, cfg.Agent.Zone)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	router, t := newRouter(cfg), tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "told at %s:\n", at.Format("Monday, 2006-01-02 15:04 MST"))
	for i := range cfg.Checks {
		c := &cfg.Checks[i]
		fmt.Fprintf(t, "%s %q\n", c.Kind, c.Name)
		data := engine.DataRule(c)
		writeTold(t, cfg, router, c, &data, at)
		for j := range c.Rules {
			writeTold(t, cfg, router, c, &c.Rules[j], at)
		}
	}
	return failed(t.Flush())
}

// writeTold says who is told of a failure of one rule.
func writeTold(w io.Writer, cfg *config.Config, router *notify.Router, c *engine.Check, r *engine.Rule, at time.Time) {
	ev := &tocsin.Event{
		Type: tocsin.Failed, Name: r.Failed, Host: cfg.Agent.Host, Kind: c.Kind, Check: c.Name, Rule: r.Name,
		Severity: r.Severity, Groups: c.Groups, Labels: c.Labels, Metric: r.Metric, At: at,
		Mark: &tocsin.Mark{Epoch: "none"}, // as those of the engine have one
	}
	var names []string
	for _, t := range router.Targets(ev) {
		names = append(names, fmt.Sprintf("%s (%s)", t.Notifier, strings.Join(t.Addresses, ", ")))
	}
	parts := []string{cmp.Or(strings.Join(names, ", "), "nobody")}
	var follow notify.FollowUp
	if says := router.FollowUp(ev); says != nil {
		follow = says(at)
	}
	if d := cmp.Or(r.Reminder, follow.Reminder); d > 0 {
		parts = append(parts, "reminder "+templates.Span(d))
	}
	for _, e := range follow.Escalations {
		parts = append(parts, fmt.Sprintf("after %s %s", templates.Span(e.After), strings.Join(e.Notify, ", ")))
	}
	fmt.Fprintf(w, "  rule %q (%s)\t%s\n", r.Name, r.Severity, printable(strings.Join(parts, "; ")))
}

// moment reads a time of day, or a time, on the clock of a zone; empty is now.
func moment(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.Local
	}
	now = now.In(zone)
	if text == "" {
		return now, nil
	}
	if t, err := time.ParseInLocation("2006-01-02 15:04", text, zone); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation("15:04", text, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("validate: --at %q is neither \"15:04\" nor \"2006-01-02 15:04\"", text)
	}
	return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, zone), nil
}
