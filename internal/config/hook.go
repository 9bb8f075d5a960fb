package config

import (
	"path"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"tocsin"
	"tocsin/internal/program"
	"tocsin/notify"
)

// Hook is a hook block: what follows when the machine comes up, goes down, or
// one of its units fails.
type Hook struct {
	notify.Hook
	// Exec is a program with its arguments; empty means none. It gets the
	// event in its environment, and what it prints is in the mail.
	Exec []string
	// Timeout is how long Exec may take.
	Timeout time.Duration
	// User and Group are whom Exec runs as; empty is the agent's own.
	User, Group string
	// Limits is what Exec may use.
	Limits program.Limits
	// Wait is how long the agent tries to send its mail before it lets the
	// machine go down. Only of hook "shutdown".
	Wait time.Duration
	// Match and Except are shell patterns (path.Match) of unit names; empty
	// Match means every unit. Only of hook "unit".
	Match, Except []string
	// Severity is that of a failed unit. Only of hook "unit".
	Severity tocsin.Severity
}

// Wants says whether a hook "unit" is about the unit with the name.
func (h *Hook) Wants(unit string) bool {
	matches := func(pattern string) bool {
		ok, err := path.Match(pattern, unit)
		return ok && err == nil
	}
	return (len(h.Match) == 0 || slices.ContainsFunc(h.Match, matches)) && !slices.ContainsFunc(h.Except, matches)
}

// DefaultHookSeverity is that of a failed unit.
const DefaultHookSeverity = tocsin.Warning

// The bounds of a hook block. TimeoutStopSec= of the unit is 30s: what is tried
// while the machine goes down must be over before.
const (
	defaultHookTimeout = 10 * time.Second
	defaultWait        = 10 * time.Second
	maxHookTimeout     = 5 * time.Minute
	maxWait            = 20 * time.Second
	maxExec            = 100
	maxPatterns        = 100
)

// hookLabels are what a hook block can be about.
func hookLabels() []string { return []string{notify.HookBoot, notify.HookShutdown, notify.HookUnit} }

// hook decodes one hook block.
func (l *loader) hook(f found) {
	s := l.scope(f.source, f.block)
	label := f.block.Labels[0]
	if !slices.Contains(hookLabels(), label) {
		s.fail(f.block.LabelRanges[0], "Unknown hook", "There is no hook %q.%s A hook is one of %s.", label, didYouMean(label, hookLabels()), list(quoted(hookLabels()), "or"))
		return
	}
	h := &Hook{Timeout: defaultHookTimeout, Wait: defaultWait, Severity: DefaultHookSeverity}
	if s.body.Attributes["notify"] != nil {
		h.Notify = s.refs("notify", "mail")
	} else {
		s.attr("notify")
	}
	h.Template = s.ref("template", "template")
	h.Exec = s.program("exec")
	h.User, h.Group = s.account("user"), s.account("group")
	h.Limits = s.programLimits()
	timeout, at := s.duration("timeout", h.Timeout)
	if s.atMost("timeout", timeout, maxHookTimeout, at) {
		h.Timeout = timeout
	}
	if label == notify.HookShutdown {
		wait, at := s.duration("wait", h.Wait)
		if s.atMost("wait", wait, maxWait, at) {
			h.Wait = wait
		}
	}
	if label == notify.HookUnit {
		h.Match, h.Except, h.Severity = s.patterns("match"), s.patterns("except"), s.severity()
	}
	s.done()
	if l.config.Hooks == nil {
		l.config.Hooks = map[string]*Hook{}
	}
	l.config.Hooks[label] = h
}

func (s *scope) atMost(name string, d, most time.Duration, at hcl.Range) bool {
	if s.body.Attributes[name] != nil && d > most {
		s.fail(at, "Invalid duration", "%q is at most %s.", name, durationText(most))
		return false
	}
	return true
}

// patterns reads a list of shell patterns of unit names.
func (s *scope) patterns(name string) []string {
	values := s.texts(name)
	if attr := s.body.Attributes[name]; attr != nil && (len(values) > maxPatterns || isEmptyList(attr.Expr)) {
		s.fail(attr.Expr.Range(), "Invalid list", "%q takes 1 to %d patterns, such as [\"nginx.service\", \"backup-*\"].", name, maxPatterns)
		return nil
	}
	var out []string
	for _, v := range values {
		if _, err := path.Match(v.text, ""); err != nil || v.text == "" {
			s.fail(v.at, "Invalid pattern", "%s is no pattern of unit names: * is any text, ? any character, [a-z] one of several.", v.shown())
			continue
		}
		out = append(out, v.text)
	}
	return out
}

// NotifyHooks are the hooks as a router takes them.
func (c *Config) NotifyHooks() map[string]notify.Hook {
	hooks := make(map[string]notify.Hook, len(c.Hooks))
	for label, h := range c.Hooks {
		hooks[label] = h.Hook
	}
	return hooks
}
