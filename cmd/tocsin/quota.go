package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/durable"
	"tocsin/notify"
	"tocsin/notify/quota"
	"tocsin/notify/silence"
	"tocsin/notify/spool"
)

func newQuotaCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Show what is left of each mail server's limits, and when what waits will be gone",
		Long: `Show how far each limit of each mail server is used, and when its oldest use
leaves it. A fifth of each hour and day is kept for critical events. What waits
in the spool goes as fast as the limits let it: the last line says until when,
if the servers take it.`,
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

// drainReport is when what waits will have gone.
type drainReport struct {
	Waiting int       `json:"waiting"`
	Mails   int       `json:"mails"`
	Until   time.Time `json:"until,omitzero"`
	More    int       `json:"more,omitempty"`  // waits longer than is looked ahead
	Stuck   int       `json:"stuck,omitempty"` // no mail server of the rule file takes it
	OnHold  int       `json:"on_hold,omitempty"`
}

type quotaReport struct {
	Limits []quotaLine `json:"limits"`
	Drain  drainReport `json:"drain"`
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
	report := quotaReport{Limits: []quotaLine{}}
	if report.Drain, err = drain(cfg, used, now); err != nil {
		return failed(err)
	}
	for _, a := range cfg.Accounts {
		for _, u := range quota.Usages(a.Limit, used[a.Name], now) {
			report.Limits = append(report.Limits, quotaLine{a.Name, u.Window.Name, u.Window.Max, u.Used, u.Frees})
		}
	}
	if opt.json {
		return failed(json.NewEncoder(opt.std.out).Encode(report))
	}
	return failed(report.write(opt.std.out, now))
}

// drain looks ahead. It needs the same as the courier and changes nothing.
func drain(cfg *config.Config, used map[string][]quota.Use, now time.Time) (drainReport, error) {
	listing, err := spool.List(spoolDir(cfg.Agent.StateDir))
	if err != nil {
		return drainReport{}, err
	}
	pauses, err := readPauses(cfg.Agent.StateDir, now)
	if err != nil {
		return drainReport{}, err
	}
	b := notify.Backlog{Setup: courierSetup(cfg), Letters: listing.Going(), Waiting: listing.Waiting(), Used: used, Paused: make(map[string]time.Time), Silenced: make(map[string]time.Time)}
	book := silence.Read(silencesPath(cfg.Agent.StateDir), cfg.Maintenances)
	for _, w := range b.Waiting {
		if s := w.Item.Silence; s != nil {
			b.Silenced[s.Key] = book.Until(s.Key, now)
		}
	}
	for name, p := range pauses {
		b.Paused[name] = p.Until
	}
	f := b.Forecast(now)
	return drainReport{Waiting: len(b.Letters) + len(b.Waiting), Mails: f.Mails, Until: f.Last, More: f.More, Stuck: f.Stuck, OnHold: len(listing.OnHold)}, nil
}

func (r quotaReport) write(out io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tLIMIT\tUSED\tMAX\tLEFT\tFREES IN")
	for _, l := range r.Limits {
		frees := "-"
		if !l.Frees.IsZero() {
			frees = max(0, l.Frees.Sub(now)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", l.Server, l.Limit, l.Used, l.Max, max(0, l.Max-l.Used), frees)
	}
	if len(r.Limits) == 0 {
		fmt.Fprintln(w, "(no mail server has a limit)")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, r.Drain.text(now))
	return err
}

func (d drainReport) text(now time.Time) string {
	if d.Waiting == 0 && d.OnHold == 0 {
		return "nothing waits"
	}
	text := fmt.Sprintf("%d waiting: in 1 mail now", d.Waiting)
	switch wait := d.Until.Sub(now).Round(time.Second); {
	case d.Mails == 0:
		text = fmt.Sprintf("%d waiting", d.Waiting)
	case wait > 0:
		text = fmt.Sprintf("%d waiting: in %s, the last one in %s, at %s", d.Waiting, amount(d.Mails, "mail"), wait, d.Until.Local().Format(time.DateTime))
	case d.Mails > 1:
		text = fmt.Sprintf("%d waiting: in %d mails now", d.Waiting, d.Mails)
	}
	if d.More > 0 {
		text += fmt.Sprintf("; %d more later than that", d.More)
	}
	if d.OnHold > 0 {
		text += fmt.Sprintf("; %d on hold", d.OnHold)
	}
	if d.Stuck > 0 {
		text += fmt.Sprintf("; for %d there is no mail server", d.Stuck)
	}
	return text
}

// readPauses reads which accounts are paused now.
func readPauses(stateDir string, now time.Time) (map[string]pauseReport, error) {
	data, err := durable.ReadFile(filepath.Join(stateDir, "accounts.json"), 1<<20)
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
