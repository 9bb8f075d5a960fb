package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/machine"
	"tocsin/internal/program"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// shutdownKinds are what event shutdown --kind takes.
func shutdownKinds() []string {
	return []string{
		string(systemd.Reboot), string(systemd.Poweroff), string(systemd.Halt), string(systemd.Kexec),
		string(systemd.SoftReboot), string(systemd.Exit), string(systemd.Shutdown),
	}
}

func isShutdownKind(kind string) error {
	if slices.Contains(shutdownKinds(), kind) {
		return nil
	}
	return fmt.Errorf("%q is no kind: %s", printable(kind), strings.Join(shutdownKinds(), ", "))
}

func newEventCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "event boot|shutdown|unit",
		Short: "Tell that the machine came up, goes down, or that a unit failed",
		Long: `Tell what the agent cannot notice itself: for machines and containers without
systemd's login1, for scripts, and for OnFailure= of a unit. What the running
agent has told already is not told again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEventBootCommand(opt), newEventShutdownCommand(opt), newEventUnitCommand(opt))
	return cmd
}

func newEventBootCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "boot",
		Short: "Tell that the machine came up, and how it had gone down",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return asFailed(withMachine(cmd.Context(), opt, "boot", func(ctx context.Context, m *machine.Machine) {
				m.Wake(ctx)
			}))
		},
	}
}

func newEventShutdownCommand(opt *options) *cobra.Command {
	kind := string(systemd.Shutdown)
	cmd := &cobra.Command{
		Use:   "shutdown",
		Short: "Tell that the machine goes down, and wait for the mail as hook \"shutdown\" says",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := isShutdownKind(kind); err != nil {
				return &exitError{exitUsage, fmt.Errorf("event shutdown: %w", err)}
			}
			cfg, err := opt.peek(config.Optional)
			if err != nil {
				return err
			}
			err = control.Client{Path: cfg.Agent.Socket}.Down(cmd.Context(), kind)
			if !errors.Is(err, control.ErrNotRunning) {
				return failed(err)
			}
			return asFailed(withMachine(cmd.Context(), opt, "shutdown", func(ctx context.Context, m *machine.Machine) {
				if m.AlreadyDown() {
					fmt.Fprintln(opt.std.err, "told already")
					return
				}
				m.Wake(ctx)
				m.Down(ctx, systemd.Going{Kind: systemd.Kind(kind)})
			}))
		},
	}
	cmd.Flags().StringVar(&kind, "kind", kind, "how it goes down: "+strings.Join(shutdownKinds(), ", "))
	return cmd
}

// withMachine lets this process do what the agent would, when none runs, and
// delivers the mail of it.
func withMachine(ctx context.Context, opt *options, hook string, do func(context.Context, *machine.Machine)) error {
	cfg, err := opt.load(config.Required)
	if err != nil {
		return err
	}
	if cfg.Hooks[hook] == nil {
		fmt.Fprintf(opt.std.err, "nothing to tell: the rule file has no block: hook %q {}\n", hook)
		return nil
	}
	log := newLogger(opt.std.err, nil)
	s, err := openStore(ctx, cfg, holderEvent, lockPatience, log)
	if heldByAgent(err) {
		fmt.Fprintln(opt.std.err, "the running agent tells it")
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	cage := program.OpenCage(false, log)
	defer cage.Close()
	courier, err := s.courier(cage, log)
	if err != nil {
		return err
	}
	desk := &notify.Desk{Spool: s.spool, Log: log, Router: func() notify.Router { return *newRouter(cfg) }, Silenced: s.silences.Over}
	m := newMachine(s, desk, func() *config.Config { return cfg }, courier.Hurry, func(bool) {}, "", log)
	m.Cage, m.Journal.Spare = cage, cage.Spare
	defer func() { m.Leave(time.Now()) }()
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	delivering, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	courier.Configure(delivering, courierSetup(cfg))
	go func() { courier.Run(delivering); close(done) }()
	defer func() { stop(); <-done }()
	m.Rush()
	do(ctx, m)
	for _, w := range s.spool.Waiting() {
		select {
		case <-s.spool.Gone(w.Item.ID):
		case <-ctx.Done():
			fmt.Fprintf(opt.std.err, "not delivered yet: kept in the spool as %.12s\n", w.Item.ID)
		}
	}
	return nil
}

func newEventUnitCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "unit NAME",
		Short: "Tell that a systemd unit failed (for OnFailure=tocsin-unit@%n.service)",
		Long: `Tell that a systemd unit failed, for OnFailure=tocsin-unit@%n.service of a unit:
whoever writes that wants it told, also without a hook "unit" block, which says
how severe it is and which units are left out. Of a unit that systemd does not
know nothing is told (exit code 1), unless systemd itself has started the command.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !systemd.IsUnitName(args[0]) {
				return &exitError{exitUsage, fmt.Errorf("event unit: %q is no name of a unit", printable(args[0]))}
			}
			cfg, err := opt.peek(config.Optional)
			if err != nil {
				return err
			}
			return asFailed(unitFailed(cmd.Context(), opt, cfg, args[0]))
		},
	}
}

// unitFailed tells of one unit, unless the rule file says that it is of no
// interest.
func unitFailed(ctx context.Context, opt *options, cfg *config.Config, unit string) error {
	severity := config.DefaultHookSeverity
	if h := cfg.Hooks[notify.HookUnit]; h != nil {
		if !h.Wants(unit) {
			fmt.Fprintf(opt.std.err, "not told: hook %q leaves %s out\n", notify.HookUnit, unit)
			return nil
		}
		severity = h.Severity
	}
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	known, err := systemd.Bus{}.Unit(asking, unit)
	if err != nil {
		known = systemd.UnitEvent{} // then what the caller says is all there is
	}
	e, err := failure(unit, known, time.Now())
	if err != nil {
		return err
	}
	lines := machine.UnitLines(asking, systemd.Journal{}, e)
	ev := machine.UnitFailed(cfg.Agent.Host, e, lines)
	ev.Severity = severity
	item, ok := newRouter(cfg).Item(ev, time.Now())
	if !ok {
		return errors.New("event unit: no route and no mail block take it, so nobody hears of it")
	}
	return submit(ctx, opt, cfg, item, endLimit)
}

// askLimit is how long systemd and the journal may take to say what happened.
const askLimit = 5 * time.Second

// failure is what there is to tell of a unit, by what systemd knows of it. That
// it was collected when it had ended is no reason to tell nothing, when the service
// manager started this process about it; a person has mistyped the name.
func failure(unit string, known systemd.UnitEvent, now time.Time) (systemd.UnitEvent, error) {
	if known.Failed {
		return known, nil
	}
	e := monitored(unit, now)
	if !known.NotFound || os.Getenv("MONITOR_UNIT") == unit {
		return e, nil
	}
	if !systemd.UnderManager() {
		return e, fmt.Errorf("event unit: systemd knows no unit %s, so nothing is told", unit)
	}
	e.NotFound = true
	return e, nil
}

// monitored is what the service manager tells an OnFailure= unit of the one
// that failed (MONITOR_*, systemd.exec(5)).
func monitored(unit string, now time.Time) systemd.UnitEvent {
	e := systemd.UnitEvent{Unit: unit, Failed: true, At: now}
	if os.Getenv("MONITOR_UNIT") != unit {
		return e
	}
	e.Result, e.ExitCode, e.InvocationID = os.Getenv("MONITOR_SERVICE_RESULT"), os.Getenv("MONITOR_EXIT_CODE"), os.Getenv("MONITOR_INVOCATION_ID")
	if status, err := strconv.ParseInt(os.Getenv("MONITOR_EXIT_STATUS"), 10, 32); err == nil {
		e.ExitStatus = int(status)
	}
	return e
}
