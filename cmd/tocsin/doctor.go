package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/doctor"
	"tocsin/internal/engine"
	"tocsin/internal/machine"
	"tocsin/notify"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

func newDoctorCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what commonly goes wrong, and say how it is mended",
		Long: `Look for what commonly goes wrong, and say how it is mended: the rule file and
its secrets, the agent, its state directory, the mail servers (name, port, TLS,
login; no mail is sent), the clock, limits of the kernel, other programs in the
way. It changes nothing. The exit code is 1 when something is wrong.`,
		Args: cobra.NoArgs,
	}
	addJSONFlag(cmd, opt)
	offline := cmd.Flags().Bool("offline", false, "ask no mail server")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		found := diagnose(cmd.Context(), opt, *offline)
		var err error
		if opt.json {
			err = json.NewEncoder(opt.std.out).Encode(doctorReport{control.APIVersion, found})
		} else {
			err = writeFindings(opt.std.out, found)
		}
		if err != nil {
			return failed(err)
		}
		if slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Grade == doctor.Wrong }) {
			return &exitError{exitFailed, nil}
		}
		return nil
	}
	return cmd
}

// doctorReport is what --json prints.
type doctorReport struct {
	API      int              `json:"api"`
	Findings []doctor.Finding `json:"findings"`
}

func writeFindings(out io.Writer, found []doctor.Finding) error {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%-8s %s: %s\n", f.Grade, printable(f.About), printable(f.Text))
		if f.Fix != "" {
			fmt.Fprintf(&b, "         -> %s\n", printable(f.Fix))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// diagnose looks at everything, what matters most first.
func diagnose(ctx context.Context, opt *options, offline bool) []doctor.Finding {
	cfg, found := diagnoseRules(opt)
	host := doctor.Host{Own: os.Getpid()}
	found = append(found, diagnoseAgent(ctx, opt)...)
	if cfg != nil {
		found = append(found, doctor.StateDir(cfg.Agent.StateDir)...)
		found = append(found, diagnoseQueue(cfg)...)
		if !offline {
			for _, a := range cfg.Accounts {
				found = append(found, diagnoseServer(ctx, opt, cfg, a))
			}
		}
		found = append(found, host.Inotify(watchedPaths(cfg.Checks)))
	}
	found = append(found, doctor.Clock(time.Now()), host.BootMark(machine.MarkPath))
	return append(found, host.Processes()...)
}

// diagnoseRules looks at the rule file. The configuration is nil when it cannot
// be used.
func diagnoseRules(opt *options) (*config.Config, []doctor.Finding) {
	const about = "rule file"
	cfg, problems := config.Load(opt.config, config.Options{Secrets: config.Optional, StateDir: opt.state})
	if problems.HasErrors() {
		return nil, []doctor.Finding{{About: about, Grade: doctor.Wrong, Text: firstLine(problems.Error()), Fix: "tocsin validate shows each problem with its line"}}
	}
	found := []doctor.Finding{{About: about, Text: status(cfg)}}
	if problems.Len() > 0 {
		found[0] = doctor.Finding{About: about, Grade: doctor.Doubtful, Text: fmt.Sprintf("%s; warnings: %d", status(cfg), problems.Len()), Fix: "tocsin validate shows each; what credential() names exists inside the service only"}
	}
	switch {
	case len(cfg.Accounts) == 0:
		found = append(found, doctor.Finding{
			About: "mail", Grade: doctor.Wrong, Text: "no mail server is configured yet: nobody hears of anything, and what happens waits in the queue",
			Fix: "tocsin init asks for an account and who gets mail; tocsin providers lists the accounts that need only a name and a password",
		})
	case len(cfg.Mails) == 0:
		found = append(found, doctor.Finding{About: "mail", Grade: doctor.Wrong, Text: "no mail block says who hears of alerts, which wait in the queue", Fix: "add: mail \"ops\" { to = [\"you@example.com\"] }"})
	}
	return cfg, found
}

// diagnoseAgent asks the agent.
func diagnoseAgent(ctx context.Context, opt *options) []doctor.Finding {
	const about = "agent"
	s, err := client(opt).Status(ctx, nil)
	silent := new(control.NoAnswer)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return []doctor.Finding{{About: about, Grade: doctor.Wrong, Text: "it is not running", Fix: startAgent()}}
	case errors.As(err, &silent):
		return []doctor.Finding{{About: about, Grade: doctor.Wrong, Text: silent.Text(), Fix: silent.Advice()}}
	case errors.Is(err, control.ErrLongPath):
		return []doctor.Finding{{About: about, Grade: doctor.Wrong, Text: err.Error()}}
	case err != nil && !errors.Is(err, fs.ErrPermission):
		return []doctor.Finding{{About: about, Grade: doctor.Doubtful, Text: err.Error(), Fix: "journalctl -u tocsin says what it did last"}}
	case err != nil:
		return []doctor.Finding{{About: about, Grade: doctor.Doubtful, Text: err.Error(), Fix: "ask as root, or as a member of the agent's group"}}
	}
	found := []doctor.Finding{{About: about, Text: headline(s)}}
	if s.Version != version() {
		found = append(found, doctor.Finding{About: about, Grade: doctor.Doubtful, Text: fmt.Sprintf("version %s runs, this is %s", s.Version, version()), Fix: "systemctl restart tocsin"})
	}
	for _, missing := range s.Missing {
		found = append(found, doctor.Finding{About: about, Grade: doctor.Doubtful, Text: missing})
	}
	return found
}

// startAgent says how the agent is started, and what to do where it cannot be. A
// secret that was encrypted on another machine, or for another machine-id, is lost.
func startAgent() string {
	fix := "systemctl enable --now tocsin; journalctl -u tocsin says why it ends"
	if hasSealed() {
		fix += "; where that is a credential, tocsin init sets the secret anew"
	}
	return fix
}

// diagnoseQueue looks for mail that a person should look at.
func diagnoseQueue(cfg *config.Config) []doctor.Finding {
	const about = "queue"
	listing, err := spool.List(spoolDir(cfg.Agent.StateDir))
	if err != nil {
		return []doctor.Finding{{About: about, Grade: doctor.Doubtful, Text: err.Error(), Fix: "ask as root, or as the agent's user"}}
	}
	var found []doctor.Finding
	if listing.Badmail > 0 {
		found = append(found, doctor.Finding{About: about, Grade: doctor.Doubtful, Text: "mails that were given up: " + strconv.Itoa(listing.Badmail), Fix: "tocsin queue list --badmail says who did not get them, and why"})
	}
	if listing.Corrupt > 0 {
		found = append(found, doctor.Finding{About: about, Grade: doctor.Doubtful, Text: "damaged files in corrupt: " + strconv.Itoa(listing.Corrupt), Fix: "look at the disk (smartctl, dmesg), then at the files in " + spoolDir(cfg.Agent.StateDir) + "/corrupt"})
	}
	if n := len(listing.OnHold); n > 0 {
		found = append(found, doctor.Finding{About: about, Grade: doctor.Doubtful, Text: "mails and events on hold: " + strconv.Itoa(n), Fix: "tocsin queue list; tocsin queue retry ID lets one go"})
	}
	if len(found) == 0 {
		found = append(found, doctor.Finding{About: about, Text: fmt.Sprintf("%d wait, none was given up", len(listing.Items)+len(listing.Letters))})
	}
	return found
}

// diagnoseServer reaches a mail server and logs in.
func diagnoseServer(ctx context.Context, opt *options, cfg *config.Config, a notify.Account) doctor.Finding {
	about := "mail server " + a.Name
	if a.Direct {
		return doctor.Finding{About: about, Text: "delivers to the domains themselves; tocsin test-mail tries one"}
	}
	found := doctor.Reach(ctx, a.Name, a.Host, a.Port)
	if found.Grade != doctor.Fine {
		return found
	}
	if paused, err := readPauses(cfg.Agent.StateDir, time.Now()); err == nil && paused[a.Name].Firm {
		return doctor.Finding{About: about, Grade: doctor.Doubtful, Text: "paused by its provider: " + paused[a.Name].Reason, Fix: "wait until " + paused[a.Name].Until.Format(time.DateTime)}
	}
	if a.Username != "" && a.Password.Reveal() == "" && a.OAuth.IsZero() {
		return doctor.Finding{About: about, Grade: doctor.Doubtful, Text: found.Text + "; its secret is not here, so nobody logged in", Fix: "inside the service: " + inService("doctor")}
	}
	quiet := *opt
	quiet.std.out = io.Discard
	session, err := testSession(ctx, &quiet, cfg, a)
	if err != nil {
		return doctor.Finding{About: about, Grade: doctor.Wrong, Text: firstLine(err.Error()), Fix: firstLine(smtp.Hint(err, a.Provider))}
	}
	_ = session.Close()
	return doctor.Finding{About: about, Text: fmt.Sprintf("%s port %d: verified TLS or as set, and the login is taken", a.Host, a.Port)}
}

// watchedPaths counts the checks that listen to paths.
func watchedPaths(all []engine.Check) int {
	n := 0
	for _, c := range all {
		if c.Kind == "file" || c.Kind == "directory" || c.Kind == "fifo" {
			n++
		}
	}
	return n
}
