package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// renewer gives the agent new rule files, one reload after the other: it belongs
// to one goroutine.
type renewer struct {
	opt     *options
	agent   *agent
	judge   judge
	level   *slog.LevelVar
	manager systemd.Manager
	// told are the mistakes that were mailed since the files were good, and
	// rounds is how often they were.
	told   map[string]bool
	rounds int
}

// maxTold bounds how many different mistakes are mailed in a row.
const maxTold = 20

// maxAlarmText bounds the problems in a mail, in runes.
const maxAlarmText = 4000

// renew reads the rule files again. Those that cannot be used change nothing.
// What is wrong with them is in the reply; loud puts it into the log, too.
func (n *renewer) renew(ctx context.Context, loud bool) control.Reloaded {
	n.manager.Reloading()
	defer func() { n.manager.Ready(status(n.agent.config.Load())) }()
	reply, sum, err := n.try(ctx)
	if ctx.Err() != nil {
		return reply // the agent ends
	}
	if loud && reply.Problems != "" {
		_, _ = io.WriteString(n.opt.std.err, reply.Problems)
	}
	if err != nil {
		n.agent.log.Error("configuration rejected, the old one stays in force", "err", err)
		n.tell(sum, &reply, time.Now())
		why := firstLine(err.Error())
		n.agent.rejected.Store(&why)
		return reply
	}
	n.told, n.rounds = nil, n.rounds+1
	n.agent.rejected.Store(nil)
	cfg := n.agent.config.Load()
	setLevel(n.level, cfg)
	n.agent.log.Info("configuration reloaded", "checks", watched(cfg), "changes", summary(reply.Changes))
	return reply
}

// try reads the rule files, first in a process of their own and, when that went
// well, the same bytes here. sum stands for what is wrong with them.
func (n *renewer) try(ctx context.Context) (reply control.Reloaded, sum string, err error) {
	reply = control.Reloaded{API: control.APIVersion, Changes: config.NoChanges()}
	said, err := n.judge.ask(ctx)
	if err != nil {
		reply.Problems = "Error: Rule files not usable\n\n" + upperFirst(printable(err.Error())) + ".\n"
		return reply, err.Error(), err
	}
	reply.Problems, reply.Diagnostics = said.Problems, said.Diagnostics
	if !said.Valid {
		return reply, said.Sum, errors.New(firstProblem(said.Problems))
	}
	n.agent.gear.work()
	cfg, problems := config.LoadFiles(said.Files, config.Options{StateDir: n.opt.state, Self: true})
	if problems.HasErrors() {
		err = problems
	} else if cfg.Outside() != said.Outside {
		err = errors.New("what env(), file() or credential() bring in changed while it was read: reload once more")
	}
	old := n.agent.config.Load()
	if err == nil {
		err = n.agent.reload(ctx, cfg)
	}
	if err != nil {
		reply.Problems += "Error: Configuration not taken\n\n" + upperFirst(printable(err.Error())) + ".\n"
		return reply, said.Sum + err.Error(), err
	}
	reply.Valid, reply.Changes = true, n.agent.config.Load().Since(old)
	return reply, "", nil
}

// tell mails what is wrong with the rule files: each mistake once, until they
// have been good again.
func (n *renewer) tell(sum string, reply *control.Reloaded, now time.Time) {
	if n.told[sum] || len(n.told) >= maxTold {
		return
	}
	if n.told == nil {
		n.told = make(map[string]bool)
	}
	n.told[sum] = true
	text := []rune(strings.TrimSpace(reply.Problems))
	if len(text) > maxAlarmText {
		text = append(text[:maxAlarmText], []rune("\n… \"tocsin validate\" shows all of it.")...)
	}
	n.agent.alarms.Raise(notify.Alarm{
		Rule: "configuration", Cause: fmt.Sprintf("%d %s", n.rounds, sum), Name: "Configuration rejected", Severity: tocsin.Warning,
		Text: "the rule files were reloaded and cannot be used: nothing has changed, and what was in force still is.\n\n" + string(text),
	}, now)
}

// firstProblem is the first error of what validate prints, in one line.
func firstProblem(problems string) string {
	_, rest, _ := strings.Cut("\n"+problems, "\nError: ")
	what, rest, _ := strings.Cut(rest, "\n")
	for line := range strings.Lines(rest) {
		if where, ok := strings.CutPrefix(line, "  on "); ok {
			return strings.TrimSuffix(strings.TrimSpace(where), ":") + ": " + what
		}
	}
	return what
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func upperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// asked has the rule files read again because somebody asks over the socket.
func (a *agent) asked(ctx context.Context) (control.Reloaded, error) {
	answer := make(chan control.Reloaded, 1)
	select {
	case a.reloads <- answer:
	case <-ctx.Done():
		return control.Reloaded{}, fmt.Errorf("reload: %w", ctx.Err())
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-ctx.Done():
		return control.Reloaded{}, fmt.Errorf("reload: %w", ctx.Err())
	}
}

// refused says that the rule files on disk are others than those in force,
// because they cannot be used.
func (a *agent) refused() []string {
	if why := a.rejected.Load(); why != nil {
		return []string{"the rule files on disk: rejected at the last reload: " + *why}
	}
	return nil
}
