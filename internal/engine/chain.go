package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin"
)

// chain is a plan under way. Each check in it has a job until its last task has
// ended, so that nothing else is done to its service and its rules wait.
type chain struct {
	tasks []Task
	parts map[string]*part // by the id of their check
	lead  *part            // whose end is that of the chain
	tree  Tree
	down  func() bool // the machine goes down
	send  func(jobEnd)
}

// part is one check of a chain.
type part struct {
	watch    *watch
	check    *Check // a reload may change that of the watch
	job      *job
	exists   Truth
	last     int  // its last task
	stopped  bool // to be started again
	failed   bool // it is not there, so that nothing is started on it
	remained bool // it did not stop
	err      error
	said     []string
}

// errDown says that an action was not ended because the machine goes down.
var errDown = errors.New("not ended: the machine goes down")

// facts are what a plan has to know of a check.
func (e *Engine) facts(id string) Facts {
	w := e.byID[id]
	can := func(v Verb) bool { return len(moves(w.check, v, Unknown)) > 0 }
	return Facts{Idle: w.idle, Starts: can(Start), Stops: can(Stop), Restarts: can(Restart)}
}

// plan is what an action on some checks leads to.
func (e *Engine) plan(v Verb, watches ...*watch) []Task {
	ids := make([]string, len(watches))
	for i, w := range watches {
		ids[i] = w.check.ID()
	}
	return Plan(e.tree, v, ids, e.facts)
}

// refuses says why an action on the service of a check cannot begin.
func (e *Engine) refuses(w *watch, v Verb) error {
	id := w.check.ID()
	if len(moves(w.check, v, Unknown)) == 0 && !e.tree.Related(id) {
		return fmt.Errorf("%s %s: the rule file does not say how: the check has no \"%s\"", v, id, strings.Join(needs(v), "\" or \""))
	}
	if w.job != nil {
		return fmt.Errorf("%s %s: a %s is under way", v, id, w.job.verb)
	}
	if !e.tree.Related(id) {
		return nil
	}
	for _, task := range e.plan(v, w) {
		if j := e.byID[task.Check].job; j != nil {
			return fmt.Errorf("%s %s: it takes %s, where a %s is under way", v, id, task.Check, j.verb)
		}
	}
	return nil
}

// act begins an action on the service of a check: its verb, and the rule and
// the event that it is for, or, without them, a person's. The channel has its end, or why it was refused.
func (e *Engine) act(ctx context.Context, w *watch, j *job, now time.Time) <-chan outcome {
	j.end = make(chan outcome, 1)
	if err := e.refuses(w, j.verb); err != nil { // whoever asked should have looked
		e.log.Error("action refused", "check", w.check.ID(), "verb", string(j.verb), "err", err)
		j.end <- outcome{err: err}
		return j.end
	}
	tasks := []Task{{Check: w.check.ID(), Verb: j.verb}}
	if e.tree.Related(w.check.ID()) {
		tasks = e.plan(j.verb, w)
	}
	e.begin(ctx, tasks, w, j, now)
	return j.end
}

// begin begins a chain; w and j are its lead.
func (e *Engine) begin(ctx context.Context, tasks []Task, w *watch, j *job, now time.Time) {
	c := &chain{tasks: tasks, parts: make(map[string]*part), tree: e.tree, down: e.quiet.Load}
	c.send = func(end jobEnd) {
		select {
		case e.ends <- end:
		case <-ctx.Done():
			end.job.end <- outcome{err: fmt.Errorf("%s %s: the agent stops", end.job.verb, end.watch.check.ID())}
		}
	}
	for i, task := range tasks {
		p := c.parts[task.Check]
		if p == nil {
			p = e.takePart(w, j, task, now)
			c.parts[task.Check] = p
		}
		p.last = i
	}
	c.lead = c.parts[w.check.ID()]
	saved := j.saved
	e.acting.Go(func() {
		e.remembered(ctx, saved, w.check.ID())
		c.run(ctx)
	})
}

// takePart gives a check its job in a chain that is led by another, or itself.
func (e *Engine) takePart(lead *watch, j *job, task Task, now time.Time) *part {
	w := e.byID[task.Check]
	if w == nil {
		w = lead
	}
	if w.idle && (task.Verb == Start || task.Verb == Monitor) {
		e.monitor(w, now)
	}
	p := &part{watch: w, check: w.check, job: j, exists: existsOf(w.reading)}
	if w != lead {
		p.job = &job{verb: task.Verb}
		if task.Lazy { // it is not what was asked for
			p.job.because, p.job.own = with(lead, j), j.rule != nil
		}
		p.exists = Unknown
	}
	if task.Again {
		p.job.verb = Restart
	}
	one := p.job
	one.began, one.looks = now, make(chan look, 1)
	if one.end == nil {
		one.end = make(chan outcome, 1)
	}
	if one.event == nil {
		one.event = &tocsin.Event{
			Type: tocsin.Action, Name: "Action done", Host: e.host, Kind: w.check.Kind, Check: w.check.Name, Groups: w.check.Groups, Labels: w.check.Labels,
			Severity: tocsin.Info, Description: cause(lead, j), Action: string(one.verb), At: now, Since: now,
		}
	}
	w.job, e.jobs[w.check.ID()] = one, one
	e.forgive(w, false)
	w.lookSoon(now)
	return p
}

// cause says for whose sake something is done.
func cause(lead *watch, j *job) string {
	if j.rule != nil {
		return fmt.Sprintf("%s of %s by its rule %s", j.verb, lead.check.ID(), j.rule.Name)
	}
	return string(j.verb) + " by hand"
}

// with says why a check is no longer read that was stopped with another.
func with(lead *watch, j *job) string {
	if j.rule != nil {
		return fmt.Sprintf("stopped with %s by its rule %s", lead.check.ID(), j.rule.Name)
	}
	return fmt.Sprintf("stopped with %s by hand", lead.check.ID())
}

// run carries the tasks out. When the agent ends, what was stopped to be started
// again is started within endGrace, unless it is the machine that goes down.
func (c *chain) run(ctx context.Context) {
	last, cancel := outliving(ctx, endGrace)
	defer cancel()
	for i, task := range c.tasks {
		p := c.parts[task.Check]
		if err := c.prevents(ctx, task, p); err != nil {
			p.err = firstOf(p.err, err)
		} else {
			c.do(ctx, last, task, p)
		}
		if i == p.last && p != c.lead {
			c.send(p.end(p.err))
		}
	}
	c.send(c.lead.end(c.result()))
}

// end is the end of a part of a chain, which may end worse than the part.
func (p *part) end(err error) jobEnd {
	return jobEnd{watch: p.watch, job: p.job, said: strings.Join(p.said, "\n"), err: err, done: p.err == nil}
}

// firstOf keeps the first error: what comes after follows from it.
func firstOf(have, fresh error) error {
	if have != nil {
		return have
	}
	return fresh
}

// result is what has become of the chain as a whole.
func (c *chain) result() error {
	err := c.lead.err
	if len(c.parts) == 1 {
		return err
	}
	var others []string
	for _, task := range c.tasks {
		if p := c.parts[task.Check]; p != c.lead && p.err != nil && !slices.Contains(others, task.Check+": "+p.err.Error()) {
			others = append(others, task.Check+": "+p.err.Error())
		}
	}
	switch {
	case len(others) == 0:
		return err
	case err == nil:
		return errors.New("done, but " + strings.Join(others, "; "))
	default:
		return fmt.Errorf("%w; %s", err, strings.Join(others, "; "))
	}
}

// prevents says why a task is not begun.
func (c *chain) prevents(ctx context.Context, task Task, p *part) error {
	again := task.Again && task.Verb == Start && p.stopped
	if ctx.Err() != nil && !again {
		if task.Again || task.Verb == "" {
			return nil // nothing was done to it, and nothing is
		}
		return errors.New("not begun: the agent ends")
	}
	switch {
	case c.down():
		return errDown
	case task.Verb == Start || task.Verb == Restart:
		for _, id := range c.tree.Prerequisites(task.Check) {
			if below := c.parts[id]; below != nil && below.failed {
				p.failed = true
				return fmt.Errorf("not started, for want of %s", id)
			}
		}
	}
	if task.Verb != Stop && task.Verb != Restart {
		return nil
	}
	for _, id := range c.tree.Dependants(task.Check) {
		if above := c.parts[id]; above != nil && above.remained && p.now() != False {
			p.remained = true
			return fmt.Errorf("left running, because %s did not stop", id)
		}
	}
	return nil
}

// do carries out one task.
func (c *chain) do(ctx, last context.Context, task Task, p *part) {
	if !task.Verb.service() || ctx.Err() != nil && !p.stopped {
		return
	}
	during := ctx
	if task.Verb != Stop || len(c.tasks) == 1 {
		during = last
	}
	if task.Lazy && ctx.Err() == nil && p.asItShould(ctx, task) {
		return
	}
	// As in Monit, what is there is not started a second time. It may have been
	// there a moment ago: it is read once more.
	if task.Verb == Start && !task.Again && p.check.Exists && p.now() == True && p.asItShould(ctx, task) {
		p.said = append(p.said, "it is there already: not started")
		return
	}
	said, err := p.job.run(ctx, during, moves(p.check, task.Verb, p.now()), p.check.Patience, c.down)
	if said != "" {
		p.said = append(p.said, said)
	}
	p.err = firstOf(p.err, err)
	if _, left := errors.AsType[leftAlone](err); left {
		return // somebody else is at it
	}
	if task.Verb == Stop {
		p.remained = err != nil
		p.stopped = task.Again // also what failed may have stopped half
		return
	}
	p.failed = err != nil && ctx.Err() == nil // nobody waits for it when the agent ends
}

// asItShould says that the service is already as a lazy task would have it. What
// was stopped here is not: a reading may be from before.
func (p *part) asItShould(ctx context.Context, task Task) bool {
	since := p.job.began
	switch {
	case task.Again && task.Verb == Start && p.stopped && !p.remained:
		return false
	case task.Again && task.Verb == Start:
		since = time.Now()
	}
	there := p.job.seen(ctx, since, p.check.Timeout+time.Second)
	return task.Verb == Start && there == True || task.Verb == Stop && there == False
}

// now is whether the service is there, as far as the newest reading says.
func (p *part) now() Truth {
	select {
	case l := <-p.job.looks:
		p.exists = l.exists
	default:
	}
	return p.exists
}

// seen waits for a reading that began at since or later and says whether the
// service is there; Unknown where none comes in time.
func (j *job) seen(ctx context.Context, since time.Time, limit time.Duration) Truth {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case l := <-j.looks:
			if !l.at.Before(since) {
				return l.there
			}
		case <-timer.C:
			return Unknown
		case <-ctx.Done():
			return Unknown
		}
	}
}
