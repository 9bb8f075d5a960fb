package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tocsin/notify/provider"
	"tocsin/notify/quota"
)

func newProvidersCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "providers [NAME]",
		Short: "List the mail providers that have a preset, or show one in full",
		Long: `List the mail providers that have a preset: mailserver "NAME" { provider = "…" }.
With a name show all that is known of one: hosts, ports, login, limits, what its
replies mean, what to do about a refused login, and where that is from.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return showProviders(opt, args) },
	}
	addJSONFlag(cmd, opt)
	return cmd
}

func showProviders(opt *options, args []string) error {
	if len(args) == 0 {
		if opt.json {
			return failed(json.NewEncoder(opt.std.out).Encode(provider.All()))
		}
		return failed(listProviders(opt))
	}
	p, ok := provider.Find(args[0])
	switch {
	case !ok:
		return &exitError{exitUsage, fmt.Errorf("providers: there is no preset %q; \"tocsin providers\" lists them", args[0])}
	case opt.json:
		return failed(json.NewEncoder(opt.std.out).Encode(p))
	}
	showProvider(opt, p)
	return nil
}

// listProviders writes a table of at most 80 columns.
func listProviders(opt *options) error {
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tHOST\tPORT\tLIMIT\tPASSWORD")
	for _, p := range provider.All() {
		limit := fmt.Sprintf("%d/d", p.Limit.RecipientsPerDay)
		if p.Limit.RecipientsPerDay == 0 {
			limit = fmt.Sprintf("%d/h", p.Limit.RecipientsPerHour)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", p.Name, hostOf(p), p.Endpoints[0].Port, limit, passwordOf(p))
	}
	return w.Flush()
}

func hostOf(p provider.Preset) string {
	if p.Host != "" {
		return p.Host
	}
	return p.Example
}

func passwordOf(p provider.Preset) string {
	if p.Login == provider.NoLogin {
		return "-"
	}
	return string(p.Login)
}

func showProvider(opt *options, p provider.Preset) {
	field := func(name, text string) {
		for i, line := range fold(text, terminalColumns-fieldIndent) {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(opt.std.out, "%-*s%s\n", fieldIndent, name, line)
		}
	}
	field("name", strings.Join(slices.Concat([]string{p.Name}, p.Aliases), ", "))
	field("provider", p.Title)
	field("host", hostOf(p))
	for _, e := range p.Endpoints {
		field("port", endpoint(e))
	}
	field("password", passwordOf(p))
	field("username", p.Username)
	field("mechanisms", strings.Join(p.Mechanisms, ", "))
	if p.OAuth.TokenURL != "" {
		field("oauth", p.OAuth.TokenURL+", scope "+p.OAuth.Scope)
	}
	field("sender", string(p.From))
	for _, line := range limitLines(p.Limit) {
		field("limit", line)
	}
	if !p.Fixed {
		field("", "(the rule file may raise these limits)")
	}
	if p.MaxSize > 0 {
		field("max size", fmt.Sprintf("%d bytes", p.MaxSize))
	}
	field("published", p.Published)
	for _, r := range p.Replies {
		field("reply", replyLine(r))
	}
	field("limit full", p.Full.String())
	field("hint", p.Hint)
	field("note", p.Note)
	for _, source := range p.Sources {
		field("source", source)
	}
}

// The shape of showProvider.
const (
	terminalColumns = 80
	fieldIndent     = 12
)

func endpoint(e provider.Endpoint) string {
	if e.Implicit {
		return fmt.Sprintf("%d, tls = \"implicit\"", e.Port)
	}
	return fmt.Sprintf("%d, tls = \"starttls\"", e.Port)
}

func limitLines(l quota.Limit) []string {
	var lines []string
	for _, w := range l.Windows() {
		lines = append(lines, fmt.Sprintf("%s = %d", w.Name, w.Max))
	}
	return append(lines,
		fmt.Sprintf("recipients_per_message = %d", l.RecipientsPerMessage),
		fmt.Sprintf("messages_per_connection = %d", l.MessagesPerConnection),
		fmt.Sprintf("connections = %d", l.Connections))
}

// replyLine reads `550 5.4.5 "daily" at mail: limit reached, pause 15m`.
func replyLine(r provider.Reply) string {
	var parts []string
	if r.Code > 0 {
		parts = append(parts, fmt.Sprint(r.Code))
	}
	if r.Enhanced != "" {
		parts = append(parts, r.Enhanced)
	}
	if r.Text != "" {
		parts = append(parts, fmt.Sprintf("%q", r.Text))
	}
	if r.At != "" {
		parts = append(parts, "at "+r.At)
	}
	line := strings.Join(parts, " ") + ": " + string(r.Means)
	if pause := r.Pause.String(); pause != "" {
		line += ", pause " + pause
	}
	return line
}

// fold breaks a text at its spaces into lines of at most width bytes, where
// its words allow. An empty text has no line.
func fold(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
