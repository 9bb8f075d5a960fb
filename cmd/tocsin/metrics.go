package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tocsin/checks"
)

func newMetricsCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metrics [KIND]",
		Short: "List the kinds of checks with their attributes and metrics",
		Long: `List the kinds of checks, or all of them in full with --json. With a kind show
its attributes, and its metrics with their units and what they mean. Under a
metric stand the words of an event ($EVENT) whose rule begins with it, where they
are other than "Resource limit matched" and "Resource limit succeeded".`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: kindNames(),
		RunE:      func(_ *cobra.Command, args []string) error { return showMetrics(opt, args) },
	}
	addJSONFlag(cmd, opt)
	return cmd
}

func kindNames() []string {
	var names []string
	for _, kind := range checks.Kinds() {
		names = append(names, kind.Name)
	}
	return names
}

// kindReport is a kind as --json shows it.
type kindReport struct {
	Kind       string            `json:"kind"`
	Doc        string            `json:"doc"`
	Attributes []attributeReport `json:"attributes"`
	OneOf      []string          `json:"one_of,omitempty"` // exactly one of these is set
	Metrics    []metricReport    `json:"metrics"`
}

type attributeReport struct {
	Name     string `json:"name"`
	Doc      string `json:"doc"`
	Required bool   `json:"required"`
}

type metricReport struct {
	Name      string `json:"name"`
	Unit      string `json:"unit"`
	Doc       string `json:"doc"`
	Failed    string `json:"failed,omitempty"`
	Recovered string `json:"recovered,omitempty"`
}

func reportKind(kind checks.Kind) kindReport {
	r := kindReport{Kind: kind.Name, Doc: kind.Doc, OneOf: kind.OneOf, Attributes: []attributeReport{}, Metrics: []metricReport{}}
	for _, a := range kind.Attributes {
		r.Attributes = append(r.Attributes, attributeReport{a.Name, a.Doc, a.Required})
	}
	for _, m := range kind.Metrics {
		r.Metrics = append(r.Metrics, metricReport{m.Name, string(m.Unit), m.Doc, m.Failed, m.Recovered})
	}
	return r
}

func showMetrics(opt *options, args []string) error {
	if len(args) == 0 {
		if !opt.json {
			return failed(listKinds(opt))
		}
		var all []kindReport
		for _, kind := range checks.Kinds() {
			all = append(all, reportKind(kind))
		}
		return failed(json.NewEncoder(opt.std.out).Encode(all))
	}
	kind, ok := checks.Find(args[0])
	switch {
	case !ok:
		return &exitError{exitUsage, fmt.Errorf("metrics: there is no kind %q; there is %s", args[0], strings.Join(kindNames(), ", "))}
	case opt.json:
		return failed(json.NewEncoder(opt.std.out).Encode(reportKind(kind)))
	}
	showKind(opt, kind)
	return nil
}

// listKinds writes a table with a line a kind.
func listKinds(opt *options) error {
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tMETRICS\tWHAT")
	for _, kind := range checks.Kinds() {
		fmt.Fprintf(w, "%s\t%d\t%s\n", kind.Name, len(kind.Metrics), kind.Doc)
	}
	return w.Flush()
}

// showKind writes the names on the left, and what they mean folded beside them.
func showKind(opt *options, kind checks.Kind) {
	wide := 0
	for _, a := range kind.Attributes {
		wide = max(wide, len(a.Name))
	}
	for _, m := range kind.Metrics {
		wide = max(wide, len(m.Name))
	}
	row := func(name, text string) {
		for i, line := range fold(text, terminalColumns-wide-4) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(opt.std.out, "  %-*s  %s\n", wide, name, line)
		}
	}
	fmt.Fprintf(opt.std.out, "%s: %s\n", kind.Name, kind.Doc)
	if len(kind.Attributes) > 0 {
		fmt.Fprintln(opt.std.out, "\nattributes")
	}
	for _, a := range kind.Attributes {
		required := ""
		if a.Required {
			required = " (required)"
		}
		row(a.Name, a.Doc+required)
	}
	if len(kind.OneOf) > 0 {
		row("", "Exactly one of "+strings.Join(kind.OneOf, ", ")+" is set.")
	}
	fmt.Fprintln(opt.std.out, "\nmetrics")
	for _, m := range kind.Metrics {
		row(m.Name, fmt.Sprintf("(%s) %s", m.Unit, m.Doc))
		if m.Failed != "" {
			row("", fmt.Sprintf("%q, then %q", m.Failed, m.Recovered))
		}
	}
}
