package engine

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tocsin"
)

// firstSpread is the time over which the first readings after a start are
// spread, so that a start is no storm.
const firstSpread = 500 * time.Millisecond

// Engine reads the checks and steps their rules. One goroutine decides; each
// reading has a goroutine of its own, so that one that hangs delays no other.
type Engine struct {
	host  string
	log   *slog.Logger
	epoch string

	emitter *emitter
	watches []*watch
	byID    map[string]*watch // the same by the id of their check
	tree    Tree
	// rules are by rule id, ahead of what is saved. A rule that was never
	// anything but fine, as most are, is not in it.
	rules   map[string]RuleState
	states  map[string]CheckState // by the id of the check, as rules
	results chan []result
	room    []result // for those of the next batch; may be nil
	due     []*watch // room for those of a tick
	alerts  chan alert
	reload  chan reload
	ping    chan chan struct{}
	asks    chan chan []CheckStatus
	// inquiries are questions of any kind; see inquire.
	inquiries chan func()
	clock     chan struct{} // the clock on the wall was set
	orders    chan order
	ends      chan jobEnd
	execs     chan execEnd
	acting    sync.WaitGroup // actions and programs of rules
	// jobs are the actions that are under way, by the id of their check, and
	// programs those of rules, by the id of the rule: a check that a reload
	// removes and another brings back finds its own.
	jobs     map[string]*job
	programs map[string]bool
	asking   map[string]*asking // by the id of the rule
	hurried  bool               // a check is to be read sooner than was known
	search   search
	began    time.Time
	first    time.Time // no check is read before
	quiet    atomic.Bool
}

// watch is a check at run time.
type watch struct {
	check   *Check   // never changed in place
	data    *Rule    // perhaps that of others too
	ids     []string // of the rules: first that of the data
	history *History
	next    time.Time
	planned time.Time // when next was, by the clock on the wall
	phase   time.Duration
	// started is when the reading that is out began; zero when none is.
	started time.Time
	late    bool          // and it has missed its timeout
	excused time.Duration // for so long the agent was held up meanwhile
	read    time.Time     // when the last reading began
	again   bool          // something changed while the reading was out
	paid    time.Time     // when each hastened reading so far has had its gap
	// listening says that the kernel is listened to; deafen ends that.
	listening bool
	deafen    func()
	heard     uint64 // the round whose listening has told
	replaced  bool   // a reload has another check in its place, or none
	round     uint64
	reading   tocsin.Reading
	readErr   error
	owed      tocsin.Values // news that no rule has decided on
	asked     time.Time     // of the reading that a failure left there
	warm      bool          // more than one reading, and every window has had its time
	first     time.Time     // when the first reading was
	idle      bool          // nobody wants it read; see CheckState
	job       *job          // the action on its service that is under way
	settling  bool          // no reading has come since
	rested    time.Time     // when the last one ended
	seen      time.Time     // when the last reading began that has come
	wanted    time.Time     // when a reading is wanted for the sake of another check
	freed     time.Time     // when that recovered behind which a failure was held
	left      string        // the incident in which an action was left to somebody else
	needs     []*watch      // what the check itself depends on
	// behind has, for each rule, the check behind which its failure is held, or
	// for which it waits, when that was looked for last; nil entries, or nil, for
	// none. It is looked at first.
	behind  []*watch
	visited uint64 // the search that came by last
	turn    uint64 // counts what was read and decided
}

type result struct {
	watch   *watch
	round   uint64
	reading tocsin.Reading
	err     error
	deafen  func() // ends listening for a change; may be nil
}

// unheard ends the listening of a reading that nobody takes in.
func (r result) unheard() {
	if r.deafen != nil {
		r.deafen()
	}
}

type reload struct {
	host   string
	checks []Check
	done   chan struct{}
}

// New makes an engine for checks that goes on from state. It reads nothing
// before delay is over.
func New(host string, checks []Check, state *State, sink Sink, delay time.Duration, log *slog.Logger) *Engine {
	e := &Engine{
		host: host, log: log, epoch: state.Epoch, emitter: newEmitter(sink, state, log),
		rules: maps.Clone(state.Rules), results: make(chan []result, 64), alerts: make(chan alert, 64),
		reload: make(chan reload), ping: make(chan chan struct{}), asks: make(chan chan []CheckStatus), clock: make(chan struct{}, 1), inquiries: make(chan func()),
		states: maps.Clone(state.Checks), orders: make(chan order), ends: make(chan jobEnd), execs: make(chan execEnd),
		jobs: make(map[string]*job), programs: make(map[string]bool), asking: make(map[string]*asking),
	}
	if e.states == nil {
		e.states = make(map[string]CheckState)
	}
	now := time.Now()
	e.first = now.Add(delay)
	e.watches = e.arrange(checks, nil, state.Read, now)
	e.forgiveOthers()
	e.tellCutShort(now)
	e.retire(now)
	return e
}

// Run reads and decides until ctx ends. When it returns, every event that it
// made is durable, or was logged as not.
func (e *Engine) Run(ctx context.Context) {
	e.began = time.Now()
	defer e.emit(ctx)()
	alarm := e.wake()
	timer := time.NewTimer(time.Until(alarm))
	defer timer.Stop()
	// Only a tick looks at all watches: of a thousand that answer, each would
	// look at a thousand.
	sooner := func(w *watch) {
		if at := e.wakeFor(w, time.Now()); !w.resting() && at.Before(alarm) {
			alarm = at
			timer.Reset(time.Until(alarm))
		}
	}
	again := func() {
		alarm = e.wake()
		timer.Reset(time.Until(alarm))
	}
	for {
		if e.hurried {
			e.hurried = false
			again()
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			now := time.Now()
			e.excuse(now.Sub(alarm))
			e.tick(ctx, now)
			again()
		case <-e.clock:
			e.tick(ctx, time.Now())
			again()
		case all := <-e.results:
			e.takeAll(ctx, all, sooner)
		case a := <-e.alerts:
			e.alerted(a, time.Now())
			sooner(a.watch)
		case r := <-e.reload:
			e.replace(r)
			close(r.done)
			again()
		case o := <-e.orders:
			e.obey(ctx, o, time.Now())
			again()
		case end := <-e.ends:
			sooner(e.ended(end, time.Now()))
		case end := <-e.execs:
			e.executed(end, time.Now())
		case done := <-e.ping:
			close(done)
		case look := <-e.inquiries:
			look()
		case answer := <-e.asks:
			answer <- e.report(time.Now())
		}
	}
}

// emit lets the events go until the returned stop is called, which comes after the
// last decision, so that the emitter sees every event.
func (e *Engine) emit(ctx context.Context) (stop func()) {
	emitting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { e.emitter.run(emitting) })
	return func() {
		for _, w := range e.watches {
			w.stopListening()
		}
		e.awaitActions()
		e.emitter.read = lastRead(e.watches)
		cancel()
		wg.Wait()
	}
}

// replace puts the checks of a reload in the place of those that there are.
func (e *Engine) replace(r reload) {
	e.host = r.host
	old := e.watches
	e.watches = e.arrange(r.checks, old, lastRead(old), time.Now())
	for _, w := range old {
		if w.replaced = !slices.Contains(e.watches, w); w.replaced {
			w.stopListening()
		}
	}
	for id, j := range e.jobs {
		j.unseen.Store(e.byID[id] == nil)
	}
	e.beginAnew(old)
	e.retire(time.Now())
	e.freeAll(time.Now())
}

// Reload replaces the checks. One whose configuration is unchanged keeps its
// history and its place in time; the state of a rule is kept by its name.
func (e *Engine) Reload(ctx context.Context, host string, checks []Check) error {
	r := reload{host, checks, make(chan struct{})}
	select {
	case e.reload <- r:
		<-r.done
		return nil
	case <-ctx.Done():
		return fmt.Errorf("reload: %w", ctx.Err())
	}
}

// Quiet stops the readings, or lets them go on: services that stop because the
// machine goes down have not failed. What is being read when it gets quiet
// counts no more.
func (e *Engine) Quiet(on bool) { e.quiet.Store(on) }

// ClockSet has the engine look at once which schedules the clock on the wall has
// come to, after it was set.
func (e *Engine) ClockSet() {
	select {
	case e.clock <- struct{}{}:
	default: // it will look
	}
}

// Ping returns when the deciding goroutine has answered, or with ctx's error.
func (e *Engine) Ping(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case e.ping <- done:
		<-done
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ping engine: %w", ctx.Err())
	}
}

// arrange makes the watches for checks, out of old ones where they are
// unchanged. read is when those with a timed schedule were read last.
func (e *Engine) arrange(checks []Check, old []*watch, read map[string]time.Time, now time.Time) []*watch {
	byID := make(map[string]*watch, len(old))
	for _, w := range old {
		byID[w.check.ID()] = w
	}
	if now.Before(e.first) {
		now = e.first
	}
	watches, data := make([]*watch, 0, len(checks)), dataRules{}
	for i := range checks {
		c := &checks[i]
		have := byID[c.ID()]
		if have != nil && have.check.Fingerprint == c.Fingerprint && c.Fingerprint != "" {
			// Routes may have changed a reminder; the reader is the old one,
			// with what it knows.
			same := *c
			same.Reader = have.check.Reader
			have.check, have.data = &same, data.of(&same)
			watches = append(watches, have)
			continue
		}
		w := &watch{
			check: c, data: data.of(c), history: NewHistory(c.Windows, c.Picks), phase: phase(c), read: read[c.ID()], ids: ruleIDs(c),
			idle: !e.states[c.ID()].Unmonitored.IsZero(), job: e.jobs[c.ID()],
		}
		if have != nil {
			w.rested, w.owed = have.rested, have.owed
			e.forgive(w, true) // its rules may do something else now
		}
		w.begin(now)
		watches = append(watches, w)
	}
	e.tree = NewTree(checks)
	e.byID = make(map[string]*watch, len(watches))
	for _, w := range watches {
		e.byID[w.check.ID()] = w
	}
	e.connect(watches)
	return watches
}

// The moments of an interval over which the checks are spread: enough that they
// are no storm, few enough that the agent sleeps in between. Each moment wakes
// Go's threads: 20 file systems read every second cost 8.2 ms in sixteen
// moments and 1.8 ms in one.
const (
	maxSlots  = 16
	leastSlot = time.Second
)

// phase spreads the checks over their interval; those of a pass share one.
func phase(c *Check) time.Duration {
	name := c.Pass
	if name == "" {
		name = c.ID()
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	slots := min(max(c.Interval/leastSlot, 1), maxSlots)
	return c.Interval / slots * (time.Duration(h.Sum32()) % slots)
}

// read reads one check. A panic in a reader is an error of that check alone.
func read(ctx context.Context, c *Check) (r tocsin.Reading, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read %s %q: panic: %v", c.Kind, c.Name, p)
		}
	}()
	if here, ok := c.Reader.(HereReader); ok && c.Quick {
		return here.ReadHere(ctx)
	}
	return c.Reader.Read(ctx)
}
