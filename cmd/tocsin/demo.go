package main

import (
	"bytes"
	"context"
	_ "embed" // the demo's rule file
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/postbox"
	"tocsin/notify/spool"
)

//go:embed demo.hcl
var demoRules []byte //nolint:gochecknoglobals // go:embed needs a variable

// demoPatience is how long the demo waits for each mail.
const demoPatience = 20 * time.Second

func newDemoCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the main job with nothing configured",
		Long: `Show the main job with nothing configured: a real process is watched and killed,
and the alert mail and the recovery mail are printed as an embedded SMTP server
with TLS and authentication received them. Nothing leaves this machine and
nothing stays on it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(demo(cmd.Context(), opt))
		},
	}
}

func demo(ctx context.Context, opt *options) (err error) {
	dir, err := os.MkdirTemp("", "tocsin-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say := func(format string, args ...any) { fmt.Fprintf(opt.std.out, "== "+format+"\n", args...) }

	password := spool.NewID()
	box, err := postbox.Start(postbox.Config{Mode: "implicit", Username: "demo@example.com", Password: password})
	if err != nil {
		return err
	}
	defer func() { _ = box.Close() }()
	say("an SMTP server with TLS and a password listens on 127.0.0.1 port %d", box.Port())

	pidfile := filepath.Join(dir, "worker.pid")
	worker, err := startWorker(ctx, pidfile)
	if err != nil {
		return err
	}
	defer func() { worker.kill() }()
	say("a worker runs as process %d", worker.cmd.Process.Pid)

	cfg, err := demoConfig(opt, dir, pidfile, password, box)
	if err != nil {
		return err
	}
	a, err := start(ctx, cfg, newLogger(opt.std.err, slog.LevelInfo))
	defer a.stop()
	if err != nil {
		return err
	}
	say("the agent watches it, once a second, by this rule:\n%s", bytes.TrimSpace(demoRules[bytes.Index(demoRules, []byte("check ")):]))

	began := time.Now()
	say("the worker is killed")
	worker.kill()
	if err := receive(ctx, opt, box, "alert"); err != nil {
		return err
	}
	say("that was %s after the kill; now the worker is started again", time.Since(began).Round(time.Millisecond))
	if worker, err = startWorker(ctx, pidfile); err != nil {
		return err
	}
	if err := receive(ctx, opt, box, "recovery"); err != nil {
		return err
	}
	say("done: a check tripped, a mail arrived, and so did the all-clear")
	return nil
}

// demoConfig loads the embedded rule file.
func demoConfig(opt *options, dir, pidfile, password string, box *postbox.Server) (*config.Config, error) {
	env := map[string]string{
		"TOCSIN_DEMO_PORT":        strconv.Itoa(box.Port()),
		"TOCSIN_DEMO_FINGERPRINT": box.Fingerprint(),
		"TOCSIN_DEMO_PASSWORD":    password,
		"TOCSIN_DEMO_PIDFILE":     pidfile,
	}
	cfg, problems := config.LoadBytes(demoRules, "demo.hcl", config.Options{
		StateDir: dir,
		Env: func(name string) (string, bool) {
			value, ok := env[name]
			return value, ok
		},
	})
	if problems.HasErrors() {
		problems.Write(opt.std.err, isTerminal(opt.std.err), terminalWidth)
		return nil, problems
	}
	return cfg, nil
}

// receive waits for the next mail and prints it as the server got it.
func receive(ctx context.Context, opt *options, box *postbox.Server, what string) error {
	select {
	case m := <-box.Received():
		fmt.Fprintf(opt.std.out, "== the %s mail, as received from %s for %v (TLS: %t, login: %s)\n", what, m.From, m.To, m.TLS, m.Username)
		shown, html := m.Data, bytes.Index(m.Data, []byte("\r\nContent-Type: text/html"))
		if html >= 0 {
			shown = m.Data[:bytes.LastIndex(m.Data[:html], []byte("\r\n--"))]
		}
		for line := range bytes.Lines(shown) {
			fmt.Fprintf(opt.std.out, "   | %s\n", bytes.TrimRight(line, "\r\n"))
		}
		if html >= 0 {
			fmt.Fprintf(opt.std.out, "   (and the same as HTML, %d bytes)\n", len(m.Data)-len(shown))
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(demoPatience):
		return fmt.Errorf("no %s mail within %s", what, demoPatience)
	}
}

// worker is the process that the demo watches.
type worker struct {
	cmd  *exec.Cmd
	dead bool
}

func startWorker(ctx context.Context, pidfile string) (*worker, error) {
	cmd := exec.CommandContext(ctx, "sleep", "600")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	w := &worker{cmd: cmd}
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, "%d\n", cmd.Process.Pid), 0o600); err != nil {
		w.kill()
		return nil, err
	}
	return w, nil
}

// kill ends the worker and reaps it.
func (w *worker) kill() {
	if w.dead {
		return
	}
	w.dead = true
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // killed: the error says just that
}
