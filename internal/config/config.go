// Package config turns rule files (HCL 2) into the typed configuration of the
// agent. It is strict, finds every problem in one pass, and is safe on any
// bytes: what would overflow the HCL parser is refused before it is parsed.
package config

import (
	"cmp"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"

	"tocsin/checks"
	"tocsin/internal/engine"
	"tocsin/internal/heartbeat"
	"tocsin/notify"
	"tocsin/notify/pickup"
	"tocsin/notify/silence"
	"tocsin/notify/transport"
	"tocsin/templates"
)

// Config is a whole configuration. Nothing of it changes after Load and Open;
// Follow makes another one.
type Config struct {
	Agent    Agent
	Accounts []notify.Account
	Mails    []notify.Mail
	Routes   []notify.Route
	// Servers names, in order, the mail servers for mail that is no mail
	// block's.
	Servers []string
	// Domains is what goes another way because of whom it is to.
	Domains transport.Table
	// Hooks holds the hook blocks by their label.
	Hooks map[string]*Hook
	// Maintenances are the times that come back in which nobody is told.
	Maintenances []silence.Maintenance
	// Pickup is how the mail of other programs is taken in: the pickup and
	// aliases blocks.
	Pickup pickup.Config
	// Templates holds the template blocks by their name.
	Templates map[string]templates.Template
	// Heartbeats are the heartbeat blocks.
	Heartbeats []heartbeat.Beat
	// Checks is in the order of the files. Until Open, Reader is nil, and one
	// that stands for several is there itself.
	Checks []engine.Check
	// Defaults says that the files have no check block, and that therefore the
	// checks are those of the function Defaults.
	Defaults bool
	// Files names the files that were read, in order.
	Files []string

	written []written        // the checks as the files have them
	members [][]engine.Check // what each of them stands for, once they are open
	lacking []string
	added   bool // the check of the agent itself

	blocks  map[string]string // hashes of those that are no checks
	outside string            // a hash
}

// Agent is the agent block.
type Agent struct {
	// Host is $HOST: the name of this machine, an FQDN where it has one.
	Host string
	// Interval and Timeout are the defaults of every check.
	Interval, Timeout time.Duration
	// StartDelay is how long after its start the agent reads no check.
	StartDelay time.Duration
	// Zone is where the clock of schedules hangs; nil means time.Local.
	Zone *time.Location
	// StateDir holds the spool, the quota ledger and the engine's state.
	StateDir string
	// Socket is the path of the control socket.
	Socket string
	// Public says that everybody on the machine may look through the socket;
	// who may act is the same.
	Public bool
	// Events says that the kernel is listened to: a change is noticed at once,
	// not only at the next interval.
	Events bool
	// Labels are those of every check that does not have them otherwise.
	Labels map[string]string
	// OnReboot is the default of every check.
	OnReboot engine.OnReboot
	// LogLevel is "debug", "info", "warn" or "error".
	LogLevel string
	// MailLog is the path of the mail log, empty for none; MailLogFields are
	// its fields, none for all.
	MailLog       string
	MailLogFields []string
}

// DefaultSocket is the control socket of an agent whose rule file names none.
const DefaultSocket = "/run/tocsin/control.sock"

// The defaults of the agent block.
const (
	defaultInterval = 30 * time.Second
	defaultTimeout  = 10 * time.Second
	defaultStateDir = "/var/lib/tocsin"
	defaultPath     = "/etc/tocsin"
)

// SecretPolicy says what an absent secret is.
type SecretPolicy uint8

// The policies. The zero value, Required, is for running; Optional is for
// validating a configuration away from its host.
const (
	Required SecretPolicy = iota // an absent secret or CA file is an error
	Optional                     // … is a warning
)

// Options is what Load takes from its surroundings. The zero value is that of
// a running agent.
type Options struct {
	Secrets SecretPolicy
	// Strict refuses files that others may write also where absent secrets are
	// warnings. Required always does.
	Strict bool
	// Host finds the name of this machine; nil means DefaultHost.
	Host func() string
	// Env looks up the environment, for env(), credential() and
	// TOCSIN_CONFIG; nil means os.LookupEnv.
	Env func(name string) (value string, set bool)
	// Credentials are secrets that credential() finds by their name before it
	// looks for those of the service, for who has them in hand; nil is none.
	Credentials map[string]string
	// Zone finds a time zone by its name; nil means the files of this host.
	Zone func(name string) (*time.Location, error)
	// Self adds the check of the agent itself where the files have none, for who
	// runs it.
	Self bool
	// StateDir, when set, wins over agent.state_dir, and the control socket
	// is in it: so several agents run side by side.
	StateDir string
}

// Load reads the rule file at path, or every *.hcl file of the directory
// there, sorted and not recursively. An empty path means $TOCSIN_CONFIG, then
// /etc/tocsin. The configuration is nil when the problems have errors; the
// problems are never nil and may hold warnings beside a configuration.
func Load(path string, opt Options) (*Config, *Problems) {
	opt = opt.defaults()
	if path == "" {
		path, _ = opt.Env("TOCSIN_CONFIG")
	}
	path = cmp.Or(path, defaultPath)
	p := newProblems()
	sources := readSources(path, opt, p)
	if p.unread {
		return nil, p.finish()
	}
	return load(sources, opt, p)
}

// LoadBytes is Load for the text of one rule file that is not on disk. Paths
// in it are relative to the folder of filename.
func LoadBytes(src []byte, filename string, opt Options) (*Config, *Problems) {
	opt = opt.defaults()
	p := newProblems()
	s := &source{name: filename, dir: filepath.Dir(filename), text: src}
	p.sources[filename] = s
	if p.versions([]*source{s}) {
		p.add(checkText(s)...)
	}
	if p.HasErrors() {
		return nil, p.finish()
	}
	return load([]*source{s}, opt, p)
}

func load(sources []*source, opt Options, p *Problems) (*Config, *Problems) {
	for _, s := range sources {
		p.sources[s.name] = s
		if !s.broken {
			s.parse(p)
		}
	}
	if p.HasErrors() {
		p.alone(sources, opt)
		return nil, p.finish()
	}
	l := newLoader(opt, p)
	for _, s := range sources {
		l.config.Files = append(l.config.Files, s.name)
	}
	l.load(sources)
	if p.HasErrors() {
		return nil, p.finish()
	}
	return l.config, p.finish()
}

func newLoader(opt Options, p *Problems) *loader {
	return &loader{opt: opt, problems: p, config: &Config{}, kinds: map[string]*checks.Kind{}, wanted: map[string]map[string]bool{}, alike: map[string][]engine.Rule{}, unknowns: map[string]*hcl.EvalContext{}}
}

func (o Options) defaults() Options {
	if o.Host == nil {
		o.Host = DefaultHost
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Zone == nil {
		o.Zone = loadZone
	}
	return o
}
