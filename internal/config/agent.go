package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"tocsin/internal/engine"
	"tocsin/notify/maillog"
)

// leastInterval keeps a typing error from making the agent the load.
const leastInterval = 100 * time.Millisecond

// agent decodes the agent blocks; there is at most one.
func (l *loader) agent(blocks []found) {
	a := &l.config.Agent
	*a = Agent{
		Interval: defaultInterval, Timeout: defaultTimeout,
		StateDir: defaultStateDir, Socket: DefaultSocket, LogLevel: "info", Events: true,
	}
	if len(blocks) == 0 {
		a.Host = l.opt.Host()
	} else {
		l.agentBlocks(a, blocks)
	}
	if l.opt.StateDir != "" {
		a.StateDir = filepath.Clean(l.opt.StateDir)
		a.Socket = filepath.Join(a.StateDir, "control.sock")
	}
	// sockaddr_un.sun_path has 108 bytes with its NUL (unix(7)).
	if len(a.Socket) > 107 {
		l.problems.add(&hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Path too long",
			Detail: fmt.Sprintf("The control socket %q has %d bytes; the kernel takes at most 107. Set a shorter \"socket\" or \"state_dir\".", a.Socket, len(a.Socket)),
		})
	}
}

// agentBlocks decodes the first block; a second one is a problem.
func (l *loader) agentBlocks(a *Agent, blocks []found) {
	for _, f := range blocks[1:] {
		l.problems.add(problem(f.block.DefRange(), "Second agent block", "There is one agent; its block is at %s.", place(blocks[0].block.DefRange())))
	}
	s := l.scope(blocks[0].source, blocks[0].block)
	l.labels(blocks[0].block)
	a.Host = s.host()
	a.Interval, a.Timeout = s.cycle(defaultInterval, defaultTimeout)
	a.StartDelay = s.startDelay()
	a.Zone = s.zone(nil)
	if dir := s.text("state_dir"); dir.set && !dir.unknown && s.absolute("state_dir", dir) {
		a.StateDir = filepath.Clean(dir.text)
		a.Socket = filepath.Join(a.StateDir, "control.sock")
	}
	if socket := s.text("socket"); socket.set && !socket.unknown && s.absolute("socket", socket) {
		a.Socket = filepath.Clean(socket.text)
	}
	a.Public = s.oneOf("look", "group", "everybody").text == "everybody"
	a.LogLevel = s.oneOf("log_level", "info", "debug", "warn", "error").text
	a.Events = s.flagOr("events", true)
	l.noDefaults = !s.flagOr("defaults", true)
	a.Labels = s.labels(nil)
	a.OnReboot = s.onReboot(engine.LastState)
	l.config.Domains = s.domains()
	s.mailLog(a)
	s.done()
}

// mailLog reads where the conversations with mail servers are kept.
func (s *scope) mailLog(a *Agent) {
	if path := s.text("mail_log"); path.set && !path.unknown && s.absolute("mail_log", path) {
		a.MailLog = filepath.Clean(path.text)
	}
	for _, v := range s.texts("mail_log_fields") {
		switch {
		case v.unknown:
		case !slices.Contains(maillog.Fields(), v.text):
			s.fail(v.at, "Unknown field", "%s is no field of the mail log, which has %s.%s", v.shown(), list(quoted(maillog.Fields()), "and"), didYouMean(v.text, maillog.Fields()))
		case slices.Contains(a.MailLogFields, v.text):
			s.fail(v.at, "Named twice", "%s is already in this list.", v.shown())
		default:
			a.MailLogFields = append(a.MailLogFields, v.text)
		}
	}
	if attr := s.body.Attributes["mail_log_fields"]; attr != nil && s.body.Attributes["mail_log"] == nil {
		s.fail(attr.NameRange, "Not used", "\"mail_log_fields\" chooses what \"mail_log\" has, which is not set. For instance: mail_log = \"/var/log/tocsin/mail.log\"")
	}
}

// host is the name in mails: the attribute or the machine's own.
func (s *scope) host() string {
	v := s.text("host")
	if !v.set || v.unknown {
		return s.loader.opt.Host()
	}
	if !isHostName(v.text) {
		s.fail(v.at, "Invalid host name", "%s is not a host name: letters, digits, \"-\" and \".\", such as web-1.example.com.", v.shown())
	}
	return v.text
}

// cycle reads interval and timeout, which agent and check share.
func (s *scope) cycle(interval, timeout time.Duration) (time.Duration, time.Duration) {
	interval, at := s.duration("interval", interval)
	if s.body.Attributes["interval"] != nil && interval < leastInterval {
		s.fail(at, "Interval too short", "\"interval\" is at least %s.", durationText(leastInterval))
	}
	timeout, _ = s.duration("timeout", timeout)
	return interval, timeout
}

func (s *scope) absolute(name string, v setting) bool {
	if !filepath.IsAbs(v.text) || strings.ContainsRune(v.text, 0) {
		s.fail(v.at, "Not an absolute path", "%s: %q begins with \"/\".", v.shown(), name)
		return false
	}
	return true
}

// isHostName says whether text is a host name (RFC 1123 2.1, with the
// underscore that real hosts have).
func isHostName(text string) bool {
	if len(text) > 253 {
		return false
	}
	return !slices.ContainsFunc(strings.Split(strings.TrimSuffix(text, "."), "."), func(label string) bool {
		return label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.IndexFunc(label, func(r rune) bool {
				return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
			}) >= 0
	})
}
