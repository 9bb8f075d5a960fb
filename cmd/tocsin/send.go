package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/durable"
	"tocsin/notify/spool"
	"tocsin/templates"
)

func newSendCommand(opt *options) *cobra.Command {
	var subject, from string
	var attach []string
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "send -s SUBJECT [-a FILE]... ADDRESS...",
		Short: "Send a mail, its text from standard input",
		Long: `Send a mail, its text from standard input, through the spool and within the
limits. The running agent delivers it; when none runs, send does that itself and
leaves what it cannot deliver in the spool. Exit code 0 means that the mail is
delivered or safe in the spool, 1 that some recipient was refused or nothing
could be kept.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := opt.peek(config.Optional)
			if err != nil {
				return err
			}
			item, err := draft(opt, cfg, from, subject, attach, args)
			if errors.Is(err, templates.ErrAddress) {
				return &exitError{exitUsage, err}
			}
			if err != nil {
				return failed(err)
			}
			return asFailed(submit(cmd.Context(), opt, cfg, item, patience))
		},
	}
	cmd.Flags().StringVarP(&subject, "subject", "s", "", "subject")
	cmd.Flags().StringVarP(&from, "from", "r", "", "author (default that of the first mail block, or you in the domain of masquerade)")
	cmd.Flags().StringArrayVarP(&attach, "attach", "a", nil, "attach this file; may be given more than once")
	cmd.Flags().DurationVar(&patience, "wait", time.Minute, "when no agent runs, how long to try to deliver it here")
	return cmd
}

// draft makes the spool item of a person's own mail.
func draft(opt *options, cfg *config.Config, from, subject string, attach, to []string) (spool.Item, error) {
	if from == "" {
		from = ownFrom(cfg, os.Getuid())
	}
	body, err := readAll(opt.std.in, maxInput)
	if err != nil {
		return spool.Item{}, err
	}
	d := templates.Draft{ID: spool.NewID(), From: from, To: to, Subject: subject, Body: string(body), Date: time.Now()}
	for _, path := range attach {
		data, err := readAttachment(path)
		if err != nil {
			return spool.Item{}, err
		}
		d.Attachments = append(d.Attachments, templates.Attachment{Name: filepath.Base(path), Data: data})
	}
	message, err := templates.Compose(d)
	if err != nil {
		return spool.Item{}, err
	}
	item := spool.Item{ID: d.ID, Queued: d.Date, Severity: tocsin.Warning, Raw: message.Data}
	_, item.From, err = templates.Address(from)
	if err != nil {
		return spool.Item{}, err
	}
	target := spool.Target{}
	for _, mailbox := range to {
		_, address, err := templates.Address(mailbox)
		if err != nil {
			return spool.Item{}, err
		}
		target.Addresses = append(target.Addresses, address)
	}
	item.Targets = cfg.Domains.Split(target)
	return item, nil
}

// ownFrom is the author of a user's mail: the user in the domain of masquerade,
// or else that of the first mail block.
func ownFrom(cfg *config.Config, uid int) string {
	if domain := cfg.Pickup.Masquerade; domain != "" {
		own := userName(uint32(uid)) + "@" + domain //nolint:gosec // a user id is never negative
		if _, _, err := templates.Address(own); err == nil {
			return own
		}
	}
	return defaultFrom(cfg)
}

func defaultFrom(cfg *config.Config) string {
	if len(cfg.Mails) > 0 {
		return cfg.Mails[0].From
	}
	for _, a := range cfg.Accounts {
		if _, address, err := templates.Address(a.Username); err == nil {
			return address
		}
	}
	return "tocsin@" + cmp.Or(cfg.Pickup.Masquerade, cfg.Agent.Host)
}

func readAttachment(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("attach %s: no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	defer f.Close()
	return readAll(f, maxInput)
}

// submit hands the item to the agent, or tries for as long as patience to
// deliver it here.
func submit(ctx context.Context, opt *options, cfg *config.Config, item spool.Item, patience time.Duration) error {
	log := newLogger(opt.std.err, nil)
	s, err := openStore(ctx, cfg, holderSend, patience, log)
	if errors.Is(err, durable.ErrLocked) || errors.Is(err, errForeign) {
		// An agent, or another send that collects as well, or an agent's user.
		if err := spool.Submit(spoolDir(cfg.Agent.StateDir), item); err != nil {
			return err
		}
		taker := "the agent, when it runs"
		if heldByAgent(err) {
			taker = "the running agent"
		}
		fmt.Fprintf(opt.std.err, "queued as %.12s for %s\n", item.ID, taker)
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.spool.Put(item); err != nil {
		return err
	}
	fmt.Fprintf(opt.std.err, "queued as %.12s; no agent runs, so it is delivered from here\n", item.ID)
	withSecrets, err := opt.peek(config.Required)
	if err != nil {
		fmt.Fprintf(opt.std.err, "tocsin: kept in the spool, the agent will send it: the account cannot be used from here\n")
		return nil
	}
	if len(withSecrets.Accounts) == 0 {
		return errors.New("send: kept in the spool, but there is no mailserver block to send through")
	}
	return deliver(ctx, opt, withSecrets, s, item, patience)
}

// deliver runs a courier until the item is gone or patience is over.
func deliver(ctx context.Context, opt *options, cfg *config.Config, s *store, item spool.Item, patience time.Duration) error {
	courier, err := s.courier(nil, newLogger(opt.std.err, nil))
	if err != nil {
		return err
	}
	gone := s.spool.Gone(item.ID)
	ctx, cancel := context.WithTimeout(ctx, patience)
	done := make(chan struct{})
	courier.Configure(ctx, courierSetup(cfg))
	go func() { courier.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	collect := time.NewTicker(pickupEvery) // of a send that found this one here
	defer collect.Stop()
	for {
		select {
		case <-collect.C:
			if _, err := s.spool.Collect(); err != nil {
				return err
			}
		case <-ctx.Done():
			fmt.Fprintf(opt.std.err, "not delivered yet: kept in the spool as %.12s, the agent goes on trying\n", item.ID)
			return nil
		case <-gone:
			for _, what := range s.spool.Damaged() {
				if strings.Contains(what, item.ID) {
					return fmt.Errorf("send: not delivered: %s", what)
				}
			}
			for _, target := range item.Targets {
				if reason := s.spool.Refusal(spool.MailID(target, []string{item.ID})); reason != "" {
					return fmt.Errorf("send: refused, kept in badmail: %s", reason)
				}
			}
			return nil
		}
	}
}
