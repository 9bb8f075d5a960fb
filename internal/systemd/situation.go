package systemd

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Situation is what a SIGTERM means.
type Situation struct {
	// Going says how the machine goes down; its Kind is "" when the machine
	// stays up.
	Going Going
	// Job is what the manager does with the agent's own unit while the machine
	// stays up: "stop", "restart", or "" when it does nothing (a signal sent by
	// hand).
	Job string
	// Known is false when nobody could be asked: there is no bus, and PID 1 is
	// not systemd-shutdown.
	Known bool
}

// situationLimit bounds the whole question: what is left of the time to stop
// belongs to the mail.
const situationLimit = 5 * time.Second

// Situation finds out what a SIGTERM means; it never fails, and takes 5 s at
// most. proc is where proc(5) is mounted, unit the agent's own unit (OwnUnit).
// The ctx must not be the one that the signal ends.
func (b Bus) Situation(ctx context.Context, proc, unit string) Situation {
	ctx, cancel := context.WithTimeout(ctx, situationLimit)
	defer cancel()
	f := facts{unit: unit}
	if cmdline, err := readBounded(filepath.Join(proc, "1", "cmdline"), 4096); err == nil {
		f.pid1 = strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	}
	// Nobody answers on a bus after a forced shutdown has begun.
	if _, forced := f.forced(); !forced {
		b.ask(ctx, &f)
	}
	s := judge(f)
	if s.Going.Kind != "" {
		s.Going = readScheduled(scheduledFile).detail(s.Going, time.Now())
	}
	return s
}

// facts are what judge goes by.
type facts struct {
	unit     string
	pid1     []string // its command line
	answered bool     // by the manager
	state    string   // SystemState
	jobs     []job
	wall     string // login1's
}

// job is one of Manager.ListJobs (org.freedesktop.systemd1(5)).
type job struct {
	ID                uint32
	Unit, Type, State string
	Path, UnitPath    dbus.ObjectPath
}

// judge decides. A start job of one of the final targets is what a shutdown
// is, even when SystemState says "starting": it says so until the boot has
// finished, also while the machine already goes down again.
func judge(f facts) Situation {
	if kind, forced := f.forced(); forced {
		return Situation{Going: Going{Kind: kind, Forced: true}, Known: true}
	}
	if !f.answered {
		return Situation{}
	}
	s := Situation{Known: true}
	for _, j := range f.jobs {
		stem, isTarget := strings.CutSuffix(j.Unit, ".target")
		if kind := kindOf(stem); isTarget && j.Type == "start" && kind != "" && (s.Going.Kind == "" || s.Going.Kind == Shutdown) {
			s.Going.Kind = kind
		}
		if j.Unit == f.unit && (j.Type == "stop" || j.Type == "restart") {
			s.Job = j.Type
		}
	}
	if s.Going.Kind == "" && f.state == "stopping" {
		s.Going.Kind = Shutdown
	}
	if s.Going.Kind != "" {
		s.Going.Wall = f.wall
		s.Job = ""
	}
	return s
}

// forced reports whether PID 1 is systemd-shutdown, which kills what is left
// and then does what its first argument says (systemd-shutdown(8)). The
// services of an orderly shutdown have ended before.
func (f facts) forced() (Kind, bool) {
	if len(f.pid1) == 0 || path.Base(f.pid1[0]) != "systemd-shutdown" {
		return "", false
	}
	if len(f.pid1) > 1 {
		if kind := kindOf(f.pid1[1]); kind != "" {
			return kind, true
		}
	}
	return Shutdown, true
}

// kindOf is the kind that systemd, login1 or systemd-shutdown call by a word;
// "" when it is none.
func kindOf(word string) Kind {
	switch word {
	case "poweroff", "power-off":
		return Poweroff
	case "reboot", "halt", "kexec", "soft-reboot", "exit", "shutdown":
		return Kind(word)
	default:
		return ""
	}
}

// ask collects what the manager and login1 know. The message bus may be gone,
// or hang, late in a shutdown: it gets less than half of the time.
func (b Bus) ask(ctx context.Context, f *facts) {
	first, cancel := context.WithTimeout(ctx, situationLimit*2/5)
	defer cancel()
	if l, err := b.dial(first, noFiles); err == nil {
		defer l.close()
		if l.askManager(first, f) {
			if judge(*f).Going.Kind != "" {
				f.wall = l.wall(first)
			}
			return
		}
	}
	if l, err := b.dialPrivate(ctx); err == nil {
		defer l.close()
		l.askManager(ctx, f)
	}
}

// askManager collects what the service manager knows.
func (l *link) askManager(ctx context.Context, f *facts) bool {
	p, err := l.prop(ctx, managerObject(), "SystemState")
	if err != nil {
		return false
	}
	f.state = p.text("SystemState", maxWord)
	var jobs []job
	if err := l.store(ctx, managerObject(), "ListJobs", nil, []any{&jobs}); err != nil {
		return false
	}
	f.jobs, f.answered = jobs, true
	return true
}

// wall is the message that login1 was given to send to all users.
func (l *link) wall(ctx context.Context) string {
	p, err := l.prop(ctx, loginObject(), "WallMessage")
	if err != nil {
		return "" // it says why, not whether
	}
	return p.text("WallMessage", maxWall)
}
