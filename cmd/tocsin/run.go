package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/checks"
	"tocsin/internal/boot"
	"tocsin/internal/clock"
	"tocsin/internal/config"
	"tocsin/internal/control"
	"tocsin/internal/engine"
	"tocsin/internal/heartbeat"
	"tocsin/internal/machine"
	"tocsin/internal/program"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// lockPatience is how long the agent waits for a command that is at its state
// directory.
const lockPatience = 10 * time.Second

// actLimit is how long who asks for an action waits for its end.
const actLimit = 15*time.Minute - 5*time.Second

// agent is the running program: every room, in the order of the data.
type agent struct {
	log     *slog.Logger
	started time.Time
	config  atomic.Pointer[config.Config]
	host    *checks.Host
	store   *store
	desk    *notify.Desk
	router  atomic.Pointer[notify.Router]
	courier *notify.Courier
	engine  *engine.Engine
	machine *machine.Machine
	alarms  *notify.Alarms
	beats   *heartbeat.Sender
	gear    *gear
	// reloads asks for the rule files to be read again; rejected is why those on
	// disk are not in force.
	reloads  chan chan control.Reloaded
	rejected atomic.Pointer[string]

	// courierCtx ends the delivery; it outlives the engine, whose last events
	// still go out.
	courierCtx context.Context //nolint:containedctx // the lifetime of the workers that a reload starts
	stops      []func()
	// changes yields when a check that stands for several may stand for others;
	// unattend ends that.
	changes  chan struct{}
	unattend func()
}

// start wires the agent: a rule file becomes checks and rules, their events go
// through the desk into the spool, and the courier delivers from there. Each
// part pushes its stop; they run in reverse, also when a later part fails.
func start(ctx context.Context, cfg *config.Config, log *slog.Logger) (a *agent, err error) {
	a = &agent{log: log, started: time.Now(), gear: newGear(), host: checks.NewHost(""), changes: make(chan struct{}), reloads: make(chan chan control.Reloaded)}
	a.host.Log, a.host.Own, a.host.Busy = log, a.own, a.gear.hold
	a.config.Store(cfg)
	defer func() {
		if err != nil {
			a.stop()
		}
	}()
	// 0. What the programs of checks, hooks and accounts run in.
	a.host.Cage = program.OpenCage(true, log)
	a.host.Cage.Busy = a.gear.work
	a.onStop(a.host.Cage.Close)
	// 1. The checks and rules of the rule file.
	if err := a.open(cfg); err != nil {
		return a, err
	}
	// 2. What is durable: the spool, the ledger, the state of the rules.
	if a.store, err = openStore(ctx, cfg, holderRun, lockPatience, log); err != nil {
		return a, err
	}
	a.onStop(a.store.close)
	state, err := openState(a.store, log)
	if err != nil {
		return a, err
	}
	a.rebooted(state, cfg)
	// 3. The courier takes mail out of the spool.
	if a.courier, err = a.store.courier(a.host.Cage, log); err != nil {
		return a, err
	}
	desk := &notify.Desk{Spool: a.store.spool, Log: log, Router: func() notify.Router { return *a.router.Load() }, Silenced: a.store.silences.Over}
	a.desk = desk
	a.address()
	proof := a.evidence(desk)
	a.engine = engine.New(cfg.Agent.Host, cfg.Checks, state, proof, cfg.Agent.StartDelay, log)
	a.machine = newMachine(a.store, desk, a.config.Load, a.courier.Hurry, a.engine.Quiet, systemd.OwnUnit(), log)
	a.machine.Cage, a.machine.Journal.Spare = a.host.Cage, a.host.Cage.Spare
	a.alarms = &notify.Alarms{Desk: desk, Log: log, Host: func() string { return a.config.Load().Agent.Host }}
	a.courier.Refused, a.courier.FellBack, a.courier.Renew, a.courier.Rush = a.alarms.Refused, a.fellBack, a.renew, a.gear.work
	a.beats = &heartbeat.Sender{Log: log, Well: a.well, Line: a.line}
	a.tellDamage()
	a.courierCtx = a.background(ctx, a.courier.Run)
	a.courier.Configure(a.courierCtx, courierSetup(cfg))
	a.background(ctx, a.courier.Relieve)
	a.attend(cfg)
	a.background(ctx, a.collect)
	a.background(ctx, func(ctx context.Context) { a.pickup(ctx, desk) })
	a.answer(ctx)
	// 4. The engine reads, decides and hands its events to the desk, past what
	// gathers evidence; so does the machine, of what happens to itself.
	a.onStop(proof.Close)
	a.background(ctx, a.engine.Run)
	a.onStop(a.beats.Close)
	a.beats.Configure(a.courierCtx, cfg.Heartbeats)
	a.background(ctx, a.watchClock)
	a.background(ctx, a.machine.Run)
	a.background(ctx, a.machine.Watch)
	return a, nil
}

// rebooted has the state know which boot this is.
func (a *agent) rebooted(state *engine.State, cfg *config.Config) {
	key, _, err := boot.ReadKey("/proc")
	if err != nil {
		a.log.Debug("nobody knows which boot this is: onreboot does nothing", "err", err)
		return
	}
	state.Rebooted(cfg.Checks, string(key), a.started)
}

// watchClock tells the engine that the clock was set.
func (a *agent) watchClock(ctx context.Context) {
	if err := clock.Watch(ctx, a.engine.ClockSet); ctx.Err() == nil {
		a.log.Debug("the kernel does not say when the clock is set: schedules look once a minute", "err", err)
	}
}

// tellDamage tells what was damaged, of what the agent keeps.
func (a *agent) tellDamage() {
	for _, what := range append(a.store.damage, a.store.spool.Damaged()...) {
		a.alarms.Damaged(what, time.Now())
	}
	a.store.damage = nil
}

func newRouter(cfg *config.Config) *notify.Router {
	return &notify.Router{Routes: cfg.Routes, Mails: cfg.Mails, Hooks: cfg.NotifyHooks(), Labels: cfg.Agent.Labels, Domains: cfg.Domains}
}

// courierSetup is what the courier works by.
func courierSetup(cfg *config.Config) notify.Setup {
	return notify.Setup{Accounts: cfg.Accounts, Mails: cfg.Mails, Servers: cfg.Servers, Domains: cfg.Domains, Templates: cfg.Templates}
}

// newMachine looks at which boot this is. It comes before the first mail goes.
// unit is the agent's own, when a service manager runs it.
func newMachine(s *store, desk *notify.Desk, cfg func() *config.Config, hurry func(), quiet func(bool), unit string, log *slog.Logger) *machine.Machine {
	m := &machine.Machine{
		Log: log, Desk: desk, Spool: s.spool, Config: cfg, Hurry: hurry, Quiet: quiet,
		StateDir: s.dir, Mark: machine.MarkPath, Root: "/", Proc: "/proc", Version: version(), Unit: unit,
	}
	m.Open(time.Now())
	return m
}

// open makes the readers of a configuration and its routes.
func (a *agent) open(cfg *config.Config) error {
	if err := cfg.Open(a.host); err != nil {
		return &exitError{exitBadConfig, err}
	}
	for _, what := range cfg.Lacking() {
		a.log.Warn("not watched", "what", what)
	}
	router := newRouter(cfg)
	followUp(cfg.Agent.Host, cfg.Checks, router)
	a.router.Store(router)
	return nil
}

func openState(s *store, log *slog.Logger) (*engine.State, error) {
	state, damaged, err := engine.OpenState(filepath.Join(s.dir, "state.json"), time.Now())
	if damaged != nil {
		log.Error("state was damaged and begins anew: what still fails is told once more", "err", damaged)
		s.damage = append(s.damage, fmt.Sprintf("the state of the rules, state.json, was damaged and begins anew, so what still fails is told once more: %v", damaged))
	}
	if err != nil {
		return nil, err
	}
	events, err := s.spool.Events()
	if err != nil {
		return nil, err
	}
	n := state.RollForward(events)
	if clock.Synchronised() {
		state.Correct(time.Now())
	}
	if n == 0 {
		return state, nil
	}
	log.Info("state rolled forward from the spool", "events", n)
	// The spool forgets what it has sent, and an agent that is killed again and
	// again before it saves would forget what it has told, and number it anew.
	if err := state.Save(time.Now()); err != nil {
		log.Error("state not saved, the next event saves it", "err", err)
	}
	return state, nil
}

// background runs part until the agent stops, and pushes a stop that waits for
// its end. The part's context is not the caller's: stops come in order.
func (a *agent) background(ctx context.Context, part func(context.Context)) context.Context {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { part(ctx) })
	a.onStop(func() { cancel(); wg.Wait() })
	return ctx
}

func (a *agent) onStop(stop func()) { a.stops = append(a.stops, stop) }

// stop ends the parts in reverse: first no more events, then no more mail.
func (a *agent) stop() {
	for len(a.stops) > 0 {
		last := len(a.stops) - 1
		a.stops[last]()
		a.stops = a.stops[:last]
	}
}

// reload replaces the configuration as a whole, or not at all.
func (a *agent) reload(ctx context.Context, cfg *config.Config) error {
	if old := a.config.Load().Agent; cfg.Agent.StateDir != old.StateDir || cfg.Agent.Socket != old.Socket {
		a.log.Error("state_dir and socket stay what they are until a restart; until then give the commands --state",
			"state_dir", old.StateDir, "socket", old.Socket)
		cfg.Agent.StateDir, cfg.Agent.Socket = old.StateDir, old.Socket
	}
	if err := a.open(cfg); err != nil {
		return err
	}
	a.address()
	a.courier.Configure(a.courierCtx, courierSetup(cfg))
	if err := a.engine.Reload(ctx, cfg.Agent.Host, cfg.Checks); err != nil {
		return err
	}
	a.config.Store(cfg)
	a.store.silences.Plan(cfg.Maintenances)
	a.attend(cfg)
	a.beats.Configure(a.courierCtx, cfg.Heartbeats)
	a.machine.Reloaded()
	return nil
}

// answer begins to serve the control socket, so that whoever was told that the
// agent is ready can ask it.
func (a *agent) answer(ctx context.Context) {
	answers := make(chan struct{})
	up := sync.OnceFunc(func() { close(answers) })
	a.background(ctx, func(ctx context.Context) {
		defer up()
		a.listen(ctx, up)
	})
	<-answers
}

// listen serves the control socket, and calls up when it does. Without it the
// agent still watches and mails.
func (a *agent) listen(ctx context.Context, up func()) {
	err := control.Serve(ctx, a.config.Load().Agent.Socket, control.Agent{
		Public:  a.config.Load().Agent.Public,
		Retry:   a.retry,
		Drop:    func(id string) error { return a.store.spool.Drop(id, "dropped by hand", time.Now()) },
		Hold:    a.store.spool.PutOnHold,
		Requeue: a.requeue,
		Reserve: a.reserve,
		Down:    a.down,
		Act:     a.act,
		Ack:     a.ack,
		Silence: a.silence, Unsilence: a.unsilence, Silences: a.silences,
		Reload:  a.asked,
		Status:  a.report,
		Explain: a.why,
		Events:  a.happened,
	}, a.log, up)
	if err != nil {
		a.log.Error("no control socket: queue retry, drop and test-mail cannot reach this agent", "err", err)
	}
}

func (a *agent) retry(id string) error {
	if id == "" {
		a.courier.Lift()
	}
	return a.store.spool.Retry(id)
}

// act does what a person asks of some checks.
func (a *agent) act(verb string, names []string, all bool, by string) error {
	ctx, cancel := a.patient()
	defer cancel()
	return a.engine.Obey(ctx, engine.Order{Verb: engine.Verb(verb), Names: meant(a.config.Load().Checks, names), All: all, By: by})
}

// patient is how long an order of a person may take.
func (a *agent) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(a.courierCtx), actLimit)
}

// reserve counts a mail that another process is about to send.
func (a *agent) reserve(server string, recipients int) error {
	for _, account := range a.config.Load().Accounts {
		if account.Name == server {
			_, err := a.store.ledger.ReserveAll(server, account.Limit, recipients, true, time.Now())
			return err
		}
	}
	return fmt.Errorf("reserve: no mail server %q", server)
}

// down tells that the machine goes down, as a script says that knows.
func (a *agent) down(kind string) error {
	if err := isShutdownKind(kind); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.courierCtx), endLimit)
	defer cancel()
	a.machine.Down(ctx, systemd.Going{Kind: systemd.Kind(kind)})
	return nil
}

// alive returns when every part has answered.
func (a *agent) alive(ctx context.Context) error {
	a.courier.Alive()
	return a.engine.Ping(ctx)
}
