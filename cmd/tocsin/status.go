package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/templates"
)

// The exit codes of status, which are those of a Nagios plugin.
const (
	exitWarning  = 1
	exitCritical = 2
	exitUnknown  = 3
)

// tableWidth is what the table is cut to: the width that every terminal has.
const tableWidth = 80

func newStatusCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [NAME...|-g GROUP]",
		Short: "Show the state of every check",
		Long: `Show the state of every check, the worst first, as the running agent knows it;
with names, all that it knows of those. The exit code is 0 when nothing has
failed, 1 when something has, 2 when something critical has, and 3 when nobody can
say: the agent does not answer, or no check or group has the name. With --nagios
the output is that of a monitoring plugin, too.`,
	}
	addJSONFlag(cmd, opt)
	nagios := cmd.Flags().Bool("nagios", false, "one line, as a monitoring plugin prints it")
	watch := cmd.Flags().Bool("watch", false, "show it again every two seconds, with the course of what is read")
	groups := addGroupFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if len(names) > 0 && len(*groups) > 0 {
			return &exitError{exitUsage, errors.New("status: name the checks or their group, not both")}
		}
		opt.groups = *groups
		switch {
		case *nagios:
			opt.patience = control.PluginPatience
			return statusNagios(cmd.Context(), opt, names)
		case *watch:
			return statusWatch(cmd.Context(), opt, names)
		}
		s, err := askStatus(cmd.Context(), opt, names)
		if unanswered(err) {
			return &exitError{exitUnknown, errors.New(printable(err.Error()))}
		}
		if err != nil {
			return asFailed(err)
		}
		switch {
		case opt.json:
			err = json.NewEncoder(opt.std.out).Encode(s)
		case len(names) > 0:
			err = writeDetails(opt.std.out, s)
		default:
			_, err = io.WriteString(opt.std.out, statusTable(s, isTerminal(opt.std.out)))
		}
		if err != nil {
			return failed(err)
		}
		return verdict(s)
	}
	return cmd
}

// askStatus asks the agent of the rule file; where that cannot be read, which
// may hold secrets, the one that everybody has.
func askStatus(ctx context.Context, opt *options, names []string) (control.Status, error) {
	c := client(opt)
	c.Patience = opt.patience
	s, err := c.Status(ctx, names)
	if err == nil && len(opt.groups) > 0 {
		var ids []string
		ids, err = membersOf(s.Checks, opt.groups)
		s.Checks = slices.DeleteFunc(s.Checks, func(c control.Check) bool { return !slices.Contains(ids, c.Kind+"."+c.Name) })
	}
	if errors.Is(err, control.ErrNotRunning) {
		err = fmt.Errorf("%w: %s", err, howToStart())
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: ask as root, or as a member of the agent's group (adduser YOU tocsin)", err)
	}
	return s, err
}

// howToStart is what to do about an agent that does not run (sd_booted(3)).
func howToStart() string {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return "start it as services are started here, such as with rc-service tocsin start"
	}
	return "start it with systemctl start tocsin, or look at journalctl -u tocsin"
}

// unanswered says that nobody knows how things are, or how that is which was asked
// for.
func unanswered(err error) bool {
	silent, unknown := new(control.NoAnswer), new(control.Unknown)
	return errors.As(err, &unknown) || errors.Is(err, control.ErrNotRunning) || errors.Is(err, fs.ErrPermission) || errors.Is(err, control.ErrLongPath) || errors.As(err, &silent)
}

// client is the client of the agent that the rule file means, also one that
// cannot be used. --state says more than a rule file that cannot be read.
func client(opt *options) control.Client {
	cfg, problems := config.Load(opt.config, config.Options{Secrets: config.Optional, StateDir: opt.state})
	switch {
	case !problems.HasErrors():
	case opt.state != "":
		return control.Client{Path: filepath.Join(opt.state, "control.sock")}
	default:
		return control.Client{Path: config.Socket(opt.config, config.Options{})}
	}
	return control.Client{Path: cfg.Agent.Socket}
}

// verdict is the exit code of what was shown.
func verdict(s control.Status) error {
	switch worst, failing := worstOf(s); {
	case !failing:
		return nil
	case worst == tocsin.Critical:
		return &exitError{exitCritical, nil}
	default:
		return &exitError{exitWarning, nil}
	}
}

// notFine says whether a check is to be looked at: also one that a rule or the
// agent has given up, but not one that a person has.
func notFine(c control.Check) bool {
	return c.State == control.Failed || c.State == control.Held || c.State == control.NoData || c.State == control.Unmonitored && c.Severity > tocsin.Info
}

// worstOf is the worst severity of what has failed; false when nothing has. What
// cannot be read has failed as its rule about the data did.
func worstOf(s control.Status) (tocsin.Severity, bool) {
	worst, failing := tocsin.Info, false
	for _, c := range s.Checks {
		if notFine(c) {
			worst, failing = max(worst, c.Severity), true
		}
	}
	return worst, failing
}

// statusNagios is status as a monitoring plugin: one line, a bar, the figures.
// https://nagios-plugins.org/doc/guidelines.html
func statusNagios(ctx context.Context, opt *options, names []string) error {
	s, err := askStatus(ctx, opt, names)
	if err != nil {
		fmt.Fprintf(opt.std.out, "TOCSIN UNKNOWN - %s\n", plugged(err.Error()))
		return &exitError{exitUnknown, nil}
	}
	var bad []string
	counts := map[control.State]int{}
	for _, c := range s.Checks {
		counts[c.State]++
		if notFine(c) {
			bad = append(bad, c.Kind+" "+c.Name+" "+c.What)
		}
	}
	word, code := "OK", exitOK
	switch worst, failing := worstOf(s); {
	case failing && worst == tocsin.Critical:
		word, code = "CRITICAL", exitCritical
	case failing:
		word, code = "WARNING", exitWarning
	}
	text := amount(len(s.Checks), "check")
	if len(bad) > 0 {
		text = fmt.Sprintf("%d of %s: %s", len(bad), text, strings.Join(bad, "; "))
	}
	fmt.Fprintf(opt.std.out, "TOCSIN %s - %s | failed=%d no_data=%d waiting_mail=%d\n",
		word, plugged(text), counts[control.Failed], counts[control.NoData], s.Mail.Waiting)
	if code == exitOK {
		return nil
	}
	return &exitError{code, nil}
}

// plugged is text that may stand before the bar of a plugin's line.
func plugged(text string) string {
	return strings.NewReplacer("|", "/", "\n", " ", "\t", " ").Replace(printable(text))
}

// writeDetails writes all that is known of some checks.
func writeDetails(out io.Writer, s control.Status) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i, c := range s.Checks {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s %q: %s%s\n", c.Kind, printable(c.Name), stateWord(c), forHow(c.Since, s.Now))
		if c.State == control.Unmonitored {
			fmt.Fprintf(w, "  unmonitored\t%s; tocsin monitor %s ends that\n", printable(c.What), printable(c.Name))
		}
		if !c.Read.IsZero() {
			again := ""
			if !c.Next.IsZero() {
				again = ", again in " + short(c.Next.Sub(s.Now))
			}
			fmt.Fprintf(w, "  read\t%s ago%s\n", short(s.Now.Sub(c.Read)), again)
		}
		if !c.Silenced.IsZero() {
			fmt.Fprintf(w, "  silenced\tfor %s; tocsin silence list says why\n", templates.Span(c.Silenced.Sub(s.Now)))
		}
		if len(c.DependsOn) > 0 {
			fmt.Fprintf(w, "  depends on\t%s\n", printable(strings.Join(c.DependsOn, ", ")))
		}
		if c.Error != "" {
			fmt.Fprintf(w, "  not read\t%s\n", printable(c.Error))
		}
		for _, v := range c.Values {
			fmt.Fprintf(w, "  %s\t%s\n", v.Metric, printable(v.Text))
		}
		for _, metric := range sortedKeys(c.Errors) {
			fmt.Fprintf(w, "  %s\tnot read: %s\n", metric, printable(c.Errors[metric]))
		}
		for _, r := range c.Rules {
			line := string(r.State) + forHow(r.Since, s.Now)
			if r.Cause != "" {
				line += ", told with " + printable(r.Cause)
			}
			if !r.Acked.IsZero() {
				line += fmt.Sprintf(", %s looks after it since %s", printable(r.AckedBy), short(s.Now.Sub(r.Acked)))
			}
			if r.Incident != "" && r.State == control.Failed {
				line += fmt.Sprintf(" (incident %.8s)", r.Incident)
			}
			if r.Description != "" {
				line += ": " + printable(r.Description)
			}
			fmt.Fprintf(w, "  rule %s (%s)\t%s\n", printable(r.Name), r.Severity, line)
		}
	}
	return w.Flush()
}

func forHow(since, now time.Time) string {
	if since.IsZero() {
		return ""
	}
	return " for " + short(now.Sub(since))
}
