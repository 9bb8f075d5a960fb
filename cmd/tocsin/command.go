package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/durable"
	"tocsin/internal/systemd"
)

// The exit codes, as DESIGN and sysexits(3) have them.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitBadConfig = 78
)

// streams are the three of a process: data goes to out, everything else to
// err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitError ends the program with a code. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "failed"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// options are the flags of every command.
type options struct {
	config   string
	state    string
	json     bool
	groups   []string      // of which status is asked
	patience time.Duration // of status; 0 is that of the client
	std      streams
}

// run is the program without its process: main adds the signals and the exit.
func run(ctx context.Context, args []string, std streams) int {
	opt := &options{std: std}
	root := newRoot(opt)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	exit := &exitError{exitUsage, err} // cobra's own errors are about usage
	errors.As(err, &exit)
	if exit.err != nil {
		fmt.Fprintf(std.err, "tocsin: %v\n", exit.err)
	}
	if exit.code == exitUsage && exit.err != nil {
		fmt.Fprintln(std.err, `Run "tocsin --help" for usage.`)
	}
	return exit.code
}

func newRoot(opt *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "tocsin",
		Short: "Watch a Linux server and mail what matters",
		Long: `Tocsin watches CPU, memory, file systems and processes of a Linux server and
mails what its rules notice, through an authenticated TLS SMTP account, within
that provider's limits and without ever losing an alert.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.PersistentFlags().StringVarP(&opt.config, "config", "c", "", "rule file or directory (default $TOCSIN_CONFIG, then /etc/tocsin)")
	root.PersistentFlags().StringVar(&opt.state, "state", "", "state directory (default agent.state_dir, then /var/lib/tocsin)")
	root.AddCommand(
		newInitCommand(opt), newRunCommand(opt), newReloadCommand(opt), newJudgeCommand(opt), newStatusCommand(opt), newEventsCommand(opt), newDemoCommand(opt), newDefaultsCommand(opt), newValidateCommand(opt), newFmtCommand(opt), newCheckCommand(opt),
		newTestMailCommand(opt), newSendCommand(opt), newSendmailCommand(opt), newDoctorCommand(opt), newQueueCommand(opt), newQuotaCommand(opt), newProvidersCommand(opt), newMetricsCommand(opt), newExplainCommand(opt), newEventCommand(opt),
		newBootmarkCommand(), newVersionCommand(opt),
	)
	root.AddCommand(newSilenceCommand(opt), newAckCommand(opt))
	root.AddCommand(newActCommands(opt)...)
	sortIn(root)
	return root
}

// sortIn puts the commands under the headings of "tocsin --help".
func sortIn(root *cobra.Command) {
	for _, group := range []struct{ id, title, names string }{
		{"see", "See how things are:", "status events check doctor queue quota"},
		{"act", "Act:", "silence ack monitor unmonitor start stop restart reload test-mail send"},
		{"rules", "Write rule files:", "init validate fmt defaults metrics providers explain demo"},
		{"run", "For systemd and other programs:", "run event sendmail"},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for name := range strings.FieldsSeq(group.names) {
			for _, c := range root.Commands() {
				if c.Name() == name {
					c.GroupID = group.id
				}
			}
		}
	}
}

// failed ends a command with exit code 1.
func failed(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, durable.ErrNewer) { // no restart mends it
		return &exitError{exitBadConfig, err}
	}
	return &exitError{exitFailed, err}
}

// load reads the configuration, tells what is wrong with it, and ends with
// exit code 78 when it cannot be used.
func (o *options) load(secrets config.SecretPolicy) (*config.Config, error) {
	return o.loadFor(config.Options{Secrets: secrets, StateDir: o.state})
}

// loadFor is load with options of its own.
func (o *options) loadFor(options config.Options) (*config.Config, error) {
	cfg, problems := config.Load(o.config, options)
	if problems.Len() > 0 {
		problems.Write(o.std.err, isTerminal(o.std.err), terminalWidth)
	}
	if problems.HasErrors() {
		return nil, &exitError{exitBadConfig, nil}
	}
	return cfg, nil
}

// peek is load without the warnings, which are for validate and run. A command
// that needs no secret takes them as optional.
func (o *options) peek(secrets config.SecretPolicy) (*config.Config, error) {
	cfg, problems := config.Load(o.config, config.Options{Secrets: secrets, StateDir: o.state})
	if problems.HasErrors() {
		problems.Write(o.std.err, isTerminal(o.std.err), terminalWidth)
		return nil, &exitError{exitBadConfig, nil}
	}
	return cfg, nil
}

// terminalWidth is how wide diagnostics are folded.
const terminalWidth = 100

// isTerminal says whether w is a terminal, so that it may be colored.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// newLogger writes to w: to the journal with fields when that is where w goes,
// else as text. A nil level means info.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	if level == nil {
		level = slog.LevelInfo
	}
	journal := os.Getenv("JOURNAL_STREAM") != "" // which has its own clock
	text := slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if journal && len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	f, _ := w.(*os.File) // nil is no journal
	return slog.New(systemd.NewLogHandler(text, level, f))
}
