package config

import (
	"slices"
	"time"

	"tocsin/checks"
	"tocsin/internal/act"
	"tocsin/internal/engine"
	"tocsin/internal/program"
)

// The defaults and bounds of what is done about a failure. Monit gives a
// service 30 seconds, too.
const (
	defaultActionTimeout = 30 * time.Second
	defaultRestarts      = 5
	defaultWithin        = 15 * time.Minute
	maxRestarts          = 1000
	maxWithin            = 7 * 24 * time.Hour
)

// existsMetric is the metric that an action on a process leads to.
const existsMetric = "exists"

// The kinds whose services can be acted on in ways of their own.
const (
	processKind = "process"
	unitKind    = "unit"
)

// actions is how the service of a check is acted on, before Open.
type actions struct {
	Programs map[engine.Verb]act.Program
	Unit     string // of a check of a unit
	Timeout  time.Duration
	// Passive says that only people act on the service, not rules.
	Passive bool

	rules []*act.Program // of each rule
	// needed says that others depend on the check, to which what is done spreads.
	needed bool
}

// serviceVerbs are the attributes that say how a service is acted on.
func serviceVerbs() []engine.Verb {
	return []engine.Verb{engine.Start, engine.Stop, engine.Restart}
}

// actions reads how the service of a check is acted on.
func (s *scope) actions(c *engine.Check, kind *checks.Kind) *actions {
	a := &actions{Timeout: defaultActionTimeout}
	timeout, at := s.duration("action_timeout", a.Timeout)
	if s.atMost("action_timeout", timeout, maxHookTimeout, at) {
		a.Timeout = timeout
	}
	user, group := s.account("action_user"), s.account("action_group")
	const passive = "passive"
	a.Passive = s.oneOf("mode", "active", passive).text == passive
	for _, verb := range serviceVerbs() {
		if args := s.command(string(verb), false); len(args) > 0 {
			if a.Programs == nil {
				a.Programs = make(map[engine.Verb]act.Program)
			}
			a.Programs[verb] = act.Program{Program: program.Program{
				Args: args, Timeout: a.Timeout, User: user, Group: group, Lasting: true,
			}}
		}
	}
	c.Limit = engine.Limit{Times: defaultRestarts, Within: defaultWithin}
	if n, set, _ := s.integer("restarts", 1, maxRestarts); set {
		c.Limit.Times = n
	}
	within, at := s.duration("restarts_within", c.Limit.Within)
	if s.atMost("restarts_within", within, maxWithin, at) {
		c.Limit.Within = within
	}
	c.Patience = a.Timeout
	c.Exists = kind.Name == processKind && len(a.Programs) > 0
	return a
}

// unit notes the unit of a check that has one. What no program does, the
// service manager does.
func (a *actions) unit(kind *checks.Kind, spec checks.Spec) {
	if kind.Name == unitKind {
		a.Unit = spec.Attributes.Of("unit")
	}
}

// can says whether there is a way to do something.
func (a *actions) can(verb engine.Verb, kind *checks.Kind) bool {
	_, itself := a.Programs[verb]
	_, starts := a.Programs[engine.Start]
	_, stops := a.Programs[engine.Stop]
	return itself || kind.Name == unitKind || verb == engine.Restart && starts && stops
}

// allow refuses a rule that wants what nobody knows how to do. One of a passive
// check does nothing to the service.
func (a *actions) allow(s *scope, r *engine.Rule, kind *checks.Kind) {
	verb := r.Do
	if !slices.Contains(serviceVerbs(), verb) {
		return
	}
	if a.Passive {
		r.Do = ""
	}
	if a.can(verb, kind) || a.needed {
		return
	}
	at := s.header
	if attr := s.body.Attributes["do"]; attr != nil {
		at = attr.Expr.Range()
	}
	alone := ""
	if verb == engine.Restart {
		alone = ", or both \"start\" and \"stop\""
	}
	s.fail(at, "Nobody knows how", "The check does not say how to %s its service. Give it %s = [\"/usr/bin/systemctl\", \"%s\", \"NAME\"]%s.", verb, verb, verb, alone)
}

// open makes the methods of a check.
func (a *actions) open(c *engine.Check, h *checks.Host) {
	if len(a.Programs) > 0 || a.Unit != "" {
		c.Methods = make(map[engine.Verb]engine.Method)
	}
	for _, verb := range serviceVerbs() {
		p, ok := a.Programs[verb]
		switch p.Cage = h.Cage; {
		case ok:
			c.Methods[verb] = p
		case a.Unit != "":
			c.Methods[verb] = act.Unit{Name: a.Unit, Verb: string(verb), Timeout: a.Timeout}
		}
	}
	for i, exec := range a.rules {
		if exec != nil {
			p := *exec
			p.Cage = h.Cage
			c.Rules[i].Exec = p
		}
	}
}

// deed reads what a rule has done about a failure, with the program for that,
// if there is one.
func (s *scope) deed(r *engine.Rule) *act.Program {
	const alert = "alert"
	v := s.oneOf("do", alert, string(engine.Restart), string(engine.Start), string(engine.Stop), string(engine.Exec), string(engine.Unmonitor))
	if v.text != alert {
		r.Do = engine.Verb(v.text)
	}
	p := &act.Program{Program: program.Program{
		Args: s.command("exec", false), Timeout: defaultHookTimeout,
		User: s.account("user"), Group: s.account("group"), Limits: s.programLimits(),
	}}
	timeout, at := s.duration("timeout", p.Timeout)
	if s.atMost("timeout", timeout, maxHookTimeout, at) {
		p.Timeout = timeout
	}
	r.Repeat, _ = s.duration("repeat", 0)
	if r.Do == engine.Exec {
		if s.body.Attributes["exec"] == nil {
			s.fail(v.at, "Missing attribute", "do = \"exec\" needs the program, for instance: exec = [\"/usr/local/bin/told\", \"now\"]")
		}
		return p
	}
	s.onlyOfExec()
	return nil
}

// onlyOfExec refuses what belongs to the program of a rule that has none.
func (s *scope) onlyOfExec() {
	if s.body.Attributes["exec"] != nil {
		s.fail(s.body.Attributes["exec"].NameRange, "Program never runs", "\"exec\" needs do = \"exec\".")
		return
	}
	for _, name := range []string{"user", "group", "timeout", "repeat", "memory", "processes"} {
		if attr := s.body.Attributes[name]; attr != nil {
			s.fail(attr.NameRange, "No program", "%q belongs to a program: do = \"exec\", exec = […]. What starts, stops and restarts the service has action_timeout, action_user and action_group, of the check.", name)
		}
	}
}

var _ engine.Method = act.Program{}
