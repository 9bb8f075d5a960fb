package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/systemd"
)

func newRunCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the agent in the foreground",
		Long: `Run the agent in the foreground. It reloads its rule file on SIGHUP and ends on
SIGTERM; nothing that it noticed is lost. Under systemd it says when it is ready.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), opt)
		},
	}
}

// serve runs the agent until ctx ends.
func serve(ctx context.Context, opt *options) error {
	// Before anything else, so that an early reload does not end the process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	// A log that nobody reads any more must not end the agent: in a forced
	// shutdown the journal goes first. Asked for and not ignored, since what is
	// ignored stays so in the programs that the agent runs.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	release := headroom()
	cfg, err := opt.loadFor(config.Options{StateDir: opt.state, Self: true})
	if err != nil {
		return err
	}
	level := &slog.LevelVar{}
	setLevel(level, cfg)
	log := newLogger(opt.std.err, level)
	manager := systemd.Manager{Log: log}
	a, err := start(ctx, cfg, log)
	if err != nil {
		return asFailed(err)
	}
	defer a.stop()
	faults(a)
	manager.Ready(status(cfg))
	release()
	slim()
	a.gear.started()
	announce(log, cfg)
	watching, done := context.WithCancel(ctx)
	defer done()
	go manager.Watch(watching, a.alive)
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	shown := ""
	renewer := &renewer{opt: opt, agent: a, judge: newJudge(opt, a.host.Cage), level: level, manager: manager}
	for {
		select {
		case now := <-ticker.C:
			a.settle()
			if line := a.status(now); line != shown {
				manager.Status(line)
				shown = line
			}
		case <-ctx.Done():
			manager.Stopping()
			a.end(ctx)
			return nil
		case <-a.changes:
			a.follow(ctx)
		case <-hangup:
			renewer.renew(ctx, true)
		case answer := <-a.reloads:
			answer <- renewer.renew(ctx, false)
		}
	}
}

// end tells that the agent stops, while there is time.
func (a *agent) end(ctx context.Context) {
	a.log.Info("agent stopping")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	a.machine.End(ending)
}

// announce says what runs.
func announce(log *slog.Logger, cfg *config.Config) {
	log.Info("agent started", "version", version(), "host", cfg.Agent.Host, "checks", watched(cfg), "state", cfg.Agent.StateDir)
	if cfg.Defaults {
		log.Info(defaultsLine)
	}
	for _, what := range unmailed(cfg) {
		log.Warn("nobody is mailed", "what", what)
	}
}

// endLimit is how long the last mails may take. The unit's TimeoutStopSec= is
// 30s.
const endLimit = 20 * time.Second

// statusEvery is how often the line of systemctl status may change.
const statusEvery = 10 * time.Second

// asFailed gives an error without an exit code that of a failure.
func asFailed(err error) error {
	if exit, ok := err.(*exitError); ok { //nolint:errorlint // only its own level counts
		return exit
	}
	return failed(err)
}

func setLevel(level *slog.LevelVar, cfg *config.Config) {
	if err := level.UnmarshalText([]byte(cfg.Agent.LogLevel)); err != nil {
		level.Set(slog.LevelInfo) // the configuration has checked the word
	}
}

// status is the line of systemctl status while the agent runs: what it watches,
// and what is not as it should be.
func (a *agent) status(now time.Time) string {
	parts := []string{status(a.config.Load())}
	if n := len(a.store.spool.Waiting()) + len(a.store.spool.Letters()); n > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting to be mailed", n))
	}
	parts = slices.Concat(parts, unmailed(a.config.Load()), a.machine.Missing(), a.config.Load().Lacking(), a.refused())
	for _, account := range a.courier.Accounts() {
		if account.Pause.Until.After(now) {
			parts = append(parts, fmt.Sprintf("mail server %s paused until %s: %s",
				account.Name, account.Pause.Until.Format(time.TimeOnly), account.Pause.Reason))
		}
	}
	return strings.Join(parts, "; ")
}

// status is the part of the line that the configuration alone decides.
func status(cfg *config.Config) string {
	checks, rules := cfg.Watched()
	return fmt.Sprintf("watching %s with %s; mail through %s", amount(checks, "check"), amount(rules, "rule"), amount(len(cfg.Accounts), "server"))
}

// watched counts the checks for the log.
func watched(cfg *config.Config) int {
	checks, _ := cfg.Watched()
	return checks
}
