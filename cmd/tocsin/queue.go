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

	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/notify/silence"
	"tocsin/notify/spool"
)

func newQueueCommand(opt *options) *cobra.Command {
	queue := &cobra.Command{
		Use:   "queue",
		Short: "Look at and act on the mail that waits",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List what waits and why",
		Args:  cobra.NoArgs,
	}
	addJSONFlag(list, opt)
	bad := list.Flags().Bool("badmail", false, "what was given up instead")
	list.RunE = func(*cobra.Command, []string) error {
		if *bad {
			return badmailList(opt)
		}
		return queueList(opt)
	}
	show := &cobra.Command{
		Use:   "show ID",
		Short: "Show one mail or event, with the server's replies",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return queueShow(opt, args[0]) },
	}
	addJSONFlag(show, opt)
	queue.AddCommand(
		list,
		show,
		newQueueExportCommand(opt),
		&cobra.Command{
			Use:   "hold ID",
			Short: "Keep a mail or event back until it is retried by its ID",
			Args:  cobra.ExactArgs(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return queueHold(cmd.Context(), opt, args[0]) },
		},
		&cobra.Command{
			Use:   "requeue ID",
			Short: "Let a mail of badmail go once more, to those who did not get it",
			Args:  cobra.ExactArgs(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return queueRequeue(cmd.Context(), opt, args[0]) },
		},
		&cobra.Command{
			Use:   "retry [ID]",
			Short: "Try a mail now; without ID all of them, and end every pause",
			Args:  cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return queueRetry(cmd.Context(), opt, strings.Join(args, ""))
			},
		},
		&cobra.Command{
			Use:   "drop ID",
			Short: "Give a mail or event up; it is kept in badmail",
			Args:  cobra.ExactArgs(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return queueDrop(cmd.Context(), opt, args[0]) },
		},
	)
	return queue
}

// queueLine is one row of the list, as JSON has it.
type queueLine struct {
	ID         string    `json:"id"`
	State      string    `json:"state"` // "waiting", "silenced", "trying" or "on hold"
	Severity   string    `json:"severity"`
	Queued     time.Time `json:"queued"`
	Next       time.Time `json:"next,omitzero"`
	Attempts   int       `json:"attempts"`
	Recipients []string  `json:"recipients"`
	Subject    string    `json:"subject"`
	Reason     string    `json:"reason,omitempty"`
}

type queueReport struct {
	Mails   []queueLine            `json:"mails"`
	Paused  map[string]pauseReport `json:"paused,omitempty"`
	Badmail int                    `json:"badmail"`
	Corrupt int                    `json:"corrupt"`
}

func queueList(opt *options) error {
	cfg, err := opt.peek(config.Optional)
	if err != nil {
		return err
	}
	listing, err := spool.List(spoolDir(cfg.Agent.StateDir))
	if err != nil {
		return failed(err)
	}
	paused, err := readPauses(cfg.Agent.StateDir, time.Now())
	if err != nil {
		return failed(err)
	}
	book := silence.Read(silencesPath(cfg.Agent.StateDir), cfg.Maintenances)
	report := queueReport{Mails: queueLines(listing, book, time.Now()), Paused: paused, Badmail: listing.Badmail, Corrupt: listing.Corrupt}
	if opt.json {
		return failed(json.NewEncoder(opt.std.out).Encode(report))
	}
	return failed(report.write(opt, cfg))
}

func queueLines(listing spool.Listing, book *silence.Book, now time.Time) []queueLine {
	lines := []queueLine{}
	for _, l := range listing.Letters {
		lines = append(lines, queueLine{
			ID: l.Mail.ID, State: state("trying", listing.OnHold[l.Mail.ID]), Severity: l.Mail.Severity.String(), Queued: l.Mail.Queued,
			Next: l.Delivery.Next, Attempts: l.Delivery.Attempts, Recipients: l.Delivery.Pending(*l.Mail),
			Subject: l.Mail.Subject, Reason: l.Delivery.LastError,
		})
	}
	for _, item := range listing.Items {
		line := queueLine{ID: item.ID, State: state("waiting", listing.OnHold[item.ID]), Severity: item.Severity.String(), Queued: item.Queued, Subject: what(item)}
		if s := item.Silence; s != nil && line.State == "waiting" {
			if until := book.Until(s.Key, now); until.After(now) {
				line.State, line.Next, line.Reason = "silenced", until, s.Text
			}
		}
		for _, t := range item.Targets {
			line.Recipients = append(line.Recipients, t.Addresses...)
		}
		lines = append(lines, line)
	}
	return lines
}

// what an item is about.
func what(item spool.Item) string {
	if ev := item.Event; ev != nil {
		return fmt.Sprintf("%s: %s %s", ev.Check, ev.Rule, ev.Type)
	}
	return "(message)"
}

func state(word string, onHold bool) string {
	if onHold {
		return "on hold"
	}
	return word
}

func (r queueReport) write(opt *options, cfg *config.Config) error {
	w := tabwriter.NewWriter(opt.std.out, 0, 8, 2, ' ', 0)
	if len(r.Mails) > 0 {
		fmt.Fprintln(w, "ID\tSTATE\tSEVERITY\tQUEUED\tTRIES\tTO\tWHAT")
	}
	for _, m := range r.Mails {
		fmt.Fprintf(w, "%.12s\t%s\t%s\t%s\t%d\t%s\t%s\n", m.ID, m.State, m.Severity,
			m.Queued.Local().Format(time.DateTime), m.Attempts, strings.Join(m.Recipients, ","), m.Subject)
		if m.Reason != "" {
			fmt.Fprintf(w, "\t%s\n", m.Reason)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, a := range cfg.Accounts {
		if p, ok := r.Paused[a.Name]; ok {
			fmt.Fprintf(opt.std.out, "mail server %q is paused until %s: %s\n", a.Name, p.Until.Local().Format(time.DateTime), p.Reason)
		}
	}
	fmt.Fprintf(opt.std.out, "%d waiting, %d refused in badmail, %d damaged in corrupt\n", len(r.Mails), r.Badmail, r.Corrupt)
	return nil
}

func queueShow(opt *options, id string) error {
	cfg, err := opt.peek(config.Optional)
	if err != nil {
		return err
	}
	listing, err := spool.List(spoolDir(cfg.Agent.StateDir))
	if err != nil {
		return failed(err)
	}
	letters := slices.DeleteFunc(listing.Letters, func(l spool.Letter) bool { return !strings.HasPrefix(l.Mail.ID, id) })
	items := slices.DeleteFunc(listing.Items, func(i spool.Item) bool { return !strings.HasPrefix(i.ID, id) })
	bad, err := spool.Badmail(spoolDir(cfg.Agent.StateDir))
	if err != nil {
		return failed(err)
	}
	for _, b := range bad { // of those, the mails
		if b.Mail != nil && strings.HasPrefix(b.Mail.ID, id) {
			letters = append(letters, spool.Letter{Mail: b.Mail, Delivery: *b.Delivery})
		}
	}
	switch {
	case len(letters)+len(items) == 0:
		return failed(fmt.Errorf("show %q: %w", id, spool.ErrUnknown))
	case len(letters)+len(items) > 1:
		return failed(fmt.Errorf("show %q: %w: %d ids begin so", id, spool.ErrUnknown, len(letters)+len(items)))
	case opt.json:
		return failed(json.NewEncoder(opt.std.out).Encode(queueDetails(listing, letters, items, silence.Read(silencesPath(cfg.Agent.StateDir), cfg.Maintenances))))
	case len(letters) == 1:
		return failed(showLetter(opt, cfg, letters[0]))
	}
	encoder := json.NewEncoder(opt.std.out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(items[0]); err != nil || items[0].Event != nil {
		return failed(err)
	}
	return failed(showBytes(opt, cfg, items[0].ID))
}

// showBytes writes a mail so that a terminal is safe from it; export writes it
// as it is.
func showBytes(opt *options, cfg *config.Config, id string) error {
	data, err := spool.Export(spoolDir(cfg.Agent.StateDir), id)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(opt.std.out, "\n%s", printable(string(data)))
	return err
}

func showLetter(opt *options, cfg *config.Config, l spool.Letter) error {
	fmt.Fprintf(opt.std.out, "Mail:     %s\nQueued:   %s\nTries:    %d\n", l.Mail.ID, l.Mail.Queued.Local().Format(time.DateTime), l.Delivery.Attempts)
	if !l.Delivery.Next.IsZero() {
		fmt.Fprintf(opt.std.out, "Next:     %s\n", l.Delivery.Next.Local().Format(time.DateTime))
	}
	for _, address := range l.Mail.Recipients {
		r := l.Delivery.Recipients[address]
		status := string(r.Status)
		if status == "" {
			status = "pending"
		}
		fmt.Fprintf(opt.std.out, "%-9s %s %s\n", status+":", address, r.Reply)
	}
	for _, try := range l.Delivery.History {
		fmt.Fprintf(opt.std.out, "%s %s: %s\n", try.At.Local().Format(time.DateTime), try.Server, printable(try.Result))
	}
	return showBytes(opt, cfg, l.Mail.ID)
}

// askAgent asks the running agent.
func askAgent(opt *options, do func(control.Client) error) (*config.Config, error) {
	cfg, err := opt.peek(config.Optional)
	if err != nil {
		return nil, err
	}
	return cfg, do(control.Client{Path: cfg.Agent.Socket})
}

func queueRetry(ctx context.Context, opt *options, id string) error {
	_, err := askAgent(opt, func(c control.Client) error { return c.Retry(ctx, id) })
	if errors.Is(err, control.ErrNotRunning) {
		err = fmt.Errorf("%w: start it, it tries what is due", err)
	}
	return asFailed(err)
}
