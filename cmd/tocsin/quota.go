package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/notify"
	"tocsin/notify/quota"
)

func newQuotaCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Show what is left of each mail server's limits",
		Long: `Show how far each limit of each mail server is used, and when its oldest use
leaves it. A fifth of each hour and day is kept for critical events.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return showQuota(opt) },
	}
	addJSONFlag(cmd, opt)
	return cmd
}

// quotaLine is one limit, as JSON has it.
type quotaLine struct {
	Server string    `json:"server"`
	Limit  string    `json:"limit"`
	Max    int       `json:"max"`
	Used   int       `json:"used"`
	Frees  time.Time `json:"frees,omitzero"`
}

type pauseReport struct {
	Until  time.Time `json:"until"`
	Class  string    `json:"class,omitempty"`
	Reason string    `json:"reason"`
	Firm   bool      `json:"firm,omitempty"` // each try makes it longer
}

func showQuota(opt *options) error {
	cfg, err := opt.peek(config.Optional)
	if err != nil {
		return err
	}
	now := time.Now()
	used, err := quota.Read(filepath.Join(cfg.Agent.StateDir, "quota.log"), now)
	if err != nil {
		return failed(err)
	}
	lines := []quotaLine{}
	for _, a := range cfg.Accounts {
		for _, u := range quota.Usages(a.Limit, used[a.Name], now) {
			lines = append(lines, quotaLine{a.Name, u.Window.Name, u.Window.Max, u.Used, u.Frees})
		}
	}
	if opt.json {
		return failed(json.NewEncoder(opt.std.out).Encode(lines))
	}
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tLIMIT\tUSED\tMAX\tLEFT\tFREES IN")
	for _, l := range lines {
		frees := "-"
		if !l.Frees.IsZero() {
			frees = max(0, l.Frees.Sub(now)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", l.Server, l.Limit, l.Used, l.Max, max(0, l.Max-l.Used), frees)
	}
	if len(lines) == 0 {
		fmt.Fprintln(w, "(no mail server has a limit)")
	}
	return failed(w.Flush())
}

// readPauses reads which accounts are paused now.
func readPauses(stateDir string, now time.Time) (map[string]pauseReport, error) {
	data, err := os.ReadFile(filepath.Join(stateDir, "accounts.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all map[string]notify.Pause
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("read accounts.json: %w", err)
	}
	paused := make(map[string]pauseReport)
	for name, p := range all {
		if p.Until.After(now) {
			paused[name] = pauseReport{p.Until, p.Class, p.Reason, p.Firm}
		}
	}
	return paused, nil
}
