package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/notify"
	"tocsin/notify/mx"
	"tocsin/notify/oauth"
	"tocsin/notify/quota"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
	"tocsin/notify/transport"
	"tocsin/templates"
)

func newTestMailCommand(opt *options) *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use:   "test-mail [--server NAME] [ADDRESS...]",
		Short: "Send one mail through each mail server now and show the conversation",
		Long: `Send one mail through each mail server (or the one named) now, to the addresses
or else to those of the first mail block, and show the conversation step by step.
Secrets are not shown. The mail counts in the limits like any other.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := opt.load(config.Required)
			if err != nil {
				opt.explainCredentials()
				return err
			}
			return testMail(cmd.Context(), opt, cfg, server, args)
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "only this mail server")
	return cmd
}

// explainCredentials says how a command gets at what only the service has.
func (o *options) explainCredentials() {
	if os.Getenv("CREDENTIALS_DIRECTORY") == "" {
		fmt.Fprintln(o.std.err, "tocsin: what credential() names exists inside the service only. To run this with it:\n"+
			"  "+inService("test-mail"))
	}
}

// inService is a command with the secret that only the service has.
func inService(command string) string {
	given := "LoadCredential=smtp:/etc/tocsin/smtp.secret"
	if hasSealed() {
		given = "LoadCredentialEncrypted=smtp:/etc/tocsin/smtp.cred"
	}
	return "systemd-run --pipe --wait -p " + given + " tocsin " + command
}

// hasSealed says whether the unit has its secret encrypted, as init makes it.
func hasSealed() bool {
	_, err := os.Stat("/etc/tocsin/smtp.cred")
	return err == nil
}

func testMail(ctx context.Context, opt *options, cfg *config.Config, server string, to []string) error {
	if len(to) == 0 && len(cfg.Mails) > 0 {
		to = cfg.Mails[0].To
	}
	if len(to) == 0 {
		return &exitError{exitUsage, errors.New("test-mail: no address given and no mail block to take one from")}
	}
	paused, err := readPauses(cfg.Agent.StateDir, time.Now())
	if err != nil {
		return failed(err)
	}
	tried, bad := 0, 0
	for _, a := range cfg.Accounts {
		if server != "" && a.Name != server {
			continue
		}
		tried++
		fmt.Fprintf(opt.std.out, "mail server %q: %s port %d\n", a.Name, cmp.Or(a.Host, "those of the recipients' domains,"), a.Port)
		if p := paused[a.Name]; p.Firm {
			bad++
			fmt.Fprintf(opt.std.out, "  NOT TRIED: paused until %s, and each try before makes that later: %s\n", p.Until.Format(time.RFC3339), p.Reason)
			continue
		}
		if err := testAccount(ctx, opt, cfg, a, to); err != nil {
			bad++
			fmt.Fprintf(opt.std.out, "  FAILED: %v\n", err)
			if hint := hintFor(err, a); hint != "" {
				fmt.Fprintf(opt.std.out, "  hint: %s\n", hint)
			}
		}
	}
	switch {
	case tried == 0 && server != "":
		return &exitError{exitUsage, fmt.Errorf("test-mail: no mail server named %q", server)}
	case tried == 0:
		return failed(errors.New("test-mail: no mailserver block"))
	case bad > 0:
		return failed(fmt.Errorf("test-mail: %d of %d mail servers did not take the mail", bad, tried))
	}
	return nil
}

// hintFor is what a person can do about a mail server that did not take the mail.
// One that offers no login is mostly one that wants TLS first: to check username
// and password leads nowhere.
func hintFor(err error, a notify.Account) string {
	if errors.Is(err, smtp.ErrMechanism) && a.TLS == smtp.TLSNone {
		return "this server takes no login that is known here over a connection without TLS: set tls to \"starttls\" or \"implicit\" (and the port for it); or, where it takes mail without a login, leave username and password out"
	}
	return smtp.Hint(err, a.Provider)
}

func testAccount(ctx context.Context, opt *options, cfg *config.Config, a notify.Account, to []string) error {
	message, from, addresses, err := testMessage(cfg, a, to)
	if err != nil {
		return err
	}
	if err := reserve(ctx, cfg, a, len(addresses)); err != nil {
		return err
	}
	session, err := testSession(ctx, opt, cfg, a)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	var refused []string
	for len(addresses) > 0 {
		group := transport.Table(nil).Together(addresses, addresses[0], a.Direct)
		addresses = slices.DeleteFunc(slices.Clone(addresses), func(to string) bool { return slices.Contains(group, to) })
		result, err := session.Send(ctx, smtp.Envelope{From: from, To: group}, message)
		if err != nil {
			return err
		}
		for _, v := range result.Recipients {
			if v.Status != smtp.Accepted {
				refused = append(refused, fmt.Sprintf("%s: %s", v.Address, v.Reply))
			}
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("refused: %s", strings.Join(refused, "; "))
	}
	fmt.Fprintln(opt.std.out, "  ok: taken for every recipient")
	return nil
}

// testSession opens a session that says what it does.
func testSession(ctx context.Context, opt *options, cfg *config.Config, a notify.Account) (notify.Session, error) {
	trace := func(s smtp.Step) {
		fmt.Fprintf(opt.std.out, "  %-8s %7s  %s\n", s.Phase, s.Took.Round(time.Millisecond/10), s.Text)
	}
	if a.Direct {
		return &mx.Session{Server: a.Server, Resolver: mx.DNS{}, Trace: func(s smtp.Server) smtp.Trace {
			fmt.Fprintf(opt.std.out, "  mail server %s at %s\n", s.Host, s.Address)
			return trace
		}}, nil
	}
	dialer := smtp.Dialer{Resolve: true, Tokens: &oauth.Keeper{Dir: cfg.Agent.StateDir, Log: newLogger(opt.std.err, nil)}}
	return dialer.Dial(ctx, a.Server, trace)
}

func testMessage(cfg *config.Config, a notify.Account, to []string) (data []byte, from string, addresses []string, err error) {
	now := time.Now()
	author := defaultFrom(cfg)
	message, err := templates.Render(templates.Envelope{ID: spool.NewID(), From: author, To: to}, []tocsin.Event{{
		ID: spool.NewID(), Type: tocsin.Test, Name: "Test", Host: cfg.Agent.Host, Check: a.Name, Kind: "mailserver",
		Rule: "test", Severity: tocsin.Info, Action: "alert", At: now, Since: now,
		Description: "a test mail, asked for by a person",
	}})
	if err != nil {
		return nil, "", nil, err
	}
	if _, from, err = templates.Address(author); err != nil {
		return nil, "", nil, err
	}
	for _, mailbox := range to {
		_, address, err := templates.Address(mailbox)
		if err != nil {
			return nil, "", nil, err
		}
		addresses = append(addresses, address)
	}
	return message.Data, from, addresses, nil
}

// reserve counts the mail in the account's limits: through the running agent,
// or in its ledger when none runs.
func reserve(ctx context.Context, cfg *config.Config, a notify.Account, recipients int) error {
	err := control.Client{Path: cfg.Agent.Socket}.Reserve(ctx, a.Name, recipients)
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	dir := cfg.Agent.StateDir
	lock, err := takeDir(dir, holderTest)
	if errors.Is(err, errForeign) && os.Geteuid() == 0 {
		return nil // of an agent that is stopped; one mail that is not counted is no harm
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	ledger, _, err := quota.Open(filepath.Join(dir, "quota.log"), accountNames(cfg.Accounts), time.Now())
	if err != nil {
		return err
	}
	defer func() { _ = ledger.Close() }()
	_, err = ledger.ReserveAll(a.Name, a.Limit, recipients, true, time.Now())
	return err
}
