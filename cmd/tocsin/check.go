package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin"
	"tocsin/checks"
	"tocsin/internal/config"
	"tocsin/internal/engine"
	"tocsin/internal/program"
)

// rateGap is the time between the two readings that rates need.
const rateGap = time.Second

func newCheckCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [NAME...]",
		Short: "Read now and show what each rule would do",
		Long: `Read the checks (all, or those with the names) now, print their readings and
what each rule says of them. Nothing is sent. The exit code is 1 when a check
cannot be read. With --explain the running agent says why each rule is as it is:
which parts of its condition hold, and what is missing until something happens.`,
	}
	addJSONFlag(cmd, opt)
	explain := cmd.Flags().Bool("explain", false, "why each rule is as it is, asked of the running agent")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *explain {
			return explainRules(cmd.Context(), opt, args)
		}
		cfg, err := opt.load(config.Optional)
		if err != nil {
			return err
		}
		return checkNow(cmd.Context(), opt, cfg, args)
	}
	return cmd
}

// checkReport is what one check says, as JSON has it.
type checkReport struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	Values  map[string]any    `json:"values"`
	Errors  map[string]string `json:"errors,omitempty"`
	Error   string            `json:"error,omitempty"`
	Rules   []ruleReport      `json:"rules"`
	shown   map[string]string // values with their units
	ordered []string
}

type ruleReport struct {
	Name        string `json:"name"`
	Says        string `json:"says"` // "ok", "would fail" or "no data"
	Severity    string `json:"severity"`
	Description string `json:"description"`
	Do          string `json:"do,omitempty"` // what is done about a failure
}

func checkNow(ctx context.Context, opt *options, cfg *config.Config, names []string) error {
	chosen, readings, err := readNow(ctx, opt, cfg, names)
	if err != nil {
		return err
	}
	reports := make([]checkReport, 0, len(chosen))
	unread := 0
	for _, c := range chosen {
		r := report(c, readings)
		if r.Error != "" || len(r.Errors) > 0 {
			unread++
		}
		reports = append(reports, r)
	}
	if opt.json {
		err = json.NewEncoder(opt.std.out).Encode(reports)
	} else {
		err = writeReports(opt, reports)
	}
	if err == nil && unread > 0 {
		err = fmt.Errorf("%d of %s could not be read", unread, amount(len(chosen), "check"))
	}
	return failed(err)
}

// readNow reads the checks with the names, or all, and those that their rules
// refer to. The readings are by the id of the check.
func readNow(ctx context.Context, opt *options, cfg *config.Config, names []string) ([]engine.Check, map[string]answer, error) {
	host := checks.NewHost("")
	host.Cage = program.OpenCage(false, newLogger(opt.std.err, nil))
	defer host.Cage.Close()
	if err := cfg.Open(host); err != nil {
		return nil, nil, failed(err)
	}
	for _, what := range cfg.Lacking() {
		fmt.Fprintf(opt.std.err, "not watched: %s\n", printable(what))
	}
	chosen, err := choose(cfg, names)
	if err != nil {
		return nil, nil, &exitError{exitUsage, err}
	}
	needed := referred(cfg, chosen)
	for _, c := range needed {
		_, _ = readOnce(ctx, c) // rates need a reading before; its errors show in the next
	}
	select {
	case <-ctx.Done():
		return nil, nil, failed(ctx.Err())
	case <-time.After(rateGap):
	}
	readings := make(map[string]answer, len(needed))
	for _, c := range needed {
		reading, err := readOnce(ctx, c)
		readings[c.ID()] = answer{reading, err}
	}
	return chosen, readings, nil
}

func choose(cfg *config.Config, names []string) ([]engine.Check, error) {
	if len(names) == 0 {
		return cfg.Checks, nil
	}
	var chosen []engine.Check
	for _, name := range names {
		n := len(chosen)
		for _, c := range cfg.Checks {
			if tocsin.GoesBy(c.Kind, c.Name, name) {
				chosen = append(chosen, c)
			}
		}
		if len(chosen) == n {
			var there []called
			for _, c := range cfg.Checks {
				there = append(there, called{c.Kind, c.Name})
			}
			return nil, unknownCheck(name, there)
		}
	}
	return chosen, nil
}

// referred are the chosen checks and those that their rules refer to.
func referred(cfg *config.Config, chosen []engine.Check) []engine.Check {
	wanted := make(map[string]bool)
	for _, c := range chosen {
		wanted[c.ID()] = true
		for _, r := range c.Rules {
			for _, ref := range r.Refs {
				wanted[ref.Check] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(cfg.Checks), func(c engine.Check) bool { return !wanted[c.ID()] })
}

// answer is what a reading said.
type answer struct {
	reading tocsin.Reading
	err     error
}

func readOnce(ctx context.Context, c engine.Check) (tocsin.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return c.Reader.Read(ctx)
}

// wouldFail is what is said of a rule whose condition holds.
const wouldFail = "would fail"

// report is what one check says, and its rules say of it and of the others.
func report(c engine.Check, readings map[string]answer) checkReport {
	reading, err := readings[c.ID()].reading, readings[c.ID()].err
	r := checkReport{Kind: c.Kind, Name: c.Name, Values: map[string]any{}, Rules: []ruleReport{}, shown: map[string]string{}}
	if err != nil {
		r.Error = err.Error()
	}
	kind, _ := checks.Find(c.Kind)
	for _, m := range kind.Metrics {
		v, ok := reading.Values.Find(m.Name)
		if !ok {
			continue
		}
		r.ordered = append(r.ordered, m.Name)
		r.shown[m.Name] = checks.Format(m.Unit, v)
		r.Values[m.Name] = plain(v)
	}
	for metric, err := range reading.Errors {
		if r.Errors == nil {
			r.Errors = map[string]string{}
		}
		r.Errors[metric] = err.Error()
	}
	view := viewOf(c, readings)
	for i := range c.Rules {
		rule := &c.Rules[i]
		says := map[engine.Truth]string{engine.True: wouldFail, engine.False: "ok", engine.Unknown: "no data"}
		description, _ := rule.Explain(view)
		r.Rules = append(r.Rules, ruleReport{rule.Name, says[engine.Observe(rule, view).When], rule.Severity.String(), description, string(rule.Do)})
	}
	return r
}

// viewOf is what the rules of a check look at.
func viewOf(c engine.Check, readings map[string]answer) engine.View {
	return engine.View{
		Reading: readings[c.ID()].reading, History: engine.NewHistory(c.Windows, c.Picks), Now: time.Now(),
		Other: func(r engine.Ref) tocsin.Value { return readings[r.Check].reading.Values.Of(r.Metric) },
	}
}

// plain is a value as JSON has it.
func plain(v tocsin.Value) any {
	switch v.Kind() {
	case tocsin.NumberValue:
		return v.Float()
	case tocsin.BoolValue:
		return v.Truth()
	default:
		return v.String()
	}
}

func writeReports(opt *options, reports []checkReport) error {
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	for _, r := range reports {
		fmt.Fprintf(w, "%s %q\n", r.Kind, r.Name)
		if r.Error != "" {
			fmt.Fprintf(w, "  not read: %s\n", printable(r.Error))
		}
		for _, metric := range r.ordered {
			fmt.Fprintf(w, "  %s\t%s\n", metric, printable(r.shown[metric]))
		}
		for _, metric := range sortedKeys(r.Errors) {
			fmt.Fprintf(w, "  %s\tnot read: %s\n", metric, printable(r.Errors[metric]))
		}
		for _, rule := range r.Rules {
			does := ""
			if rule.Says == wouldFail && rule.Do != "" {
				does = ", do " + rule.Do
			}
			fmt.Fprintf(w, "  rule %q (%s)\t%s%s: %s\n", rule.Name, rule.Severity, rule.Says, does, printable(rule.Description))
		}
	}
	return w.Flush()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
