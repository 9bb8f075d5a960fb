package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin"
)

// maxReasons bounds how many unreadable metrics a description names.
const maxReasons = 5

// stuck notes that a reading is late. The rules wait; the check's own rule
// says so.
func (e *Engine) stuck(ctx context.Context, w *watch, now time.Time) {
	since := now.Sub(w.started)
	if s, ok := w.check.Reader.(Stucker); ok && w.check.Quick {
		w.readErr = s.Stuck(since)
	} else {
		w.readErr = fmt.Errorf("stuck: no answer for %s (timeout %s)", since.Round(time.Second), w.check.Timeout)
	}
	e.observe(ctx, w, tocsin.Reading{At: now}, w.readErr.Error(), now)
}

// takeAll takes in the results of a batch, after each of which its check is told.
func (e *Engine) takeAll(ctx context.Context, all []result, told func(w *watch)) {
	for _, r := range all {
		e.take(ctx, r, time.Now())
		told(r.watch)
	}
	e.leaveRoom(all)
}

// take takes in the result of a reading.
func (e *Engine) take(ctx context.Context, r result, now time.Time) {
	w := r.watch
	if r.round != w.round || w.replaced {
		r.unheard()
		if next := e.byID[w.check.ID()]; next != nil {
			next.owe(r.reading)
		}
		return // of a check that a reload replaced
	}
	late, began := w.late, w.started
	w.started, w.late = time.Time{}, false
	w.hear(r)
	if w.again {
		w.hasten(now)
	}
	if w.resting() || e.quiet.Load() {
		return
	}
	if late {
		w.owe(r.reading)
		w.history.Add(tocsin.Reading{At: r.reading.At, Values: gather(w.check.News, nil, r.reading.Values)})
		return // it is as old as its start; the next reading is soon
	}
	w.reading, w.readErr = r.reading, r.err
	if w.reading.At.IsZero() {
		w.reading.At = now
	}
	w.history.Add(w.reading)
	w.warmUp(w.reading.At)
	w.seen = began
	w.turn++
	w.sight(w.reading, began)
	e.observe(ctx, w, w.reading, failures(r), now)
	w.settling = w.settling && w.job != nil
	e.settleAsking(ctx, now)
}

// warmUp notes a reading at a moment. Rates need a second one, and windows are
// to be covered.
func (w *watch) warmUp(at time.Time) {
	if w.warm || w.readErr != nil {
		return
	}
	if w.first.IsZero() {
		w.first = at
		return
	}
	longest := time.Duration(0)
	for _, window := range w.check.Windows {
		longest = max(longest, window.Length)
	}
	w.warm = at.Sub(w.first) >= longest
}

// failures puts into words what could not be read; empty when all could.
func failures(r result) string {
	if r.err != nil {
		return r.err.Error()
	}
	if len(r.reading.Errors) == 0 {
		return ""
	}
	reasons := make([]string, 0, len(r.reading.Errors))
	for metric, err := range r.reading.Errors {
		reasons = append(reasons, fmt.Sprintf("%s: %v", metric, err))
	}
	slices.Sort(reasons)
	if n := len(reasons) - maxReasons; n > 0 {
		reasons = append(reasons[:maxReasons], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(reasons, "; ")
}

// observe steps every rule of a check with a reading; bad says why (a part of)
// it could not be read. While an action is under way they wait.
func (e *Engine) observe(ctx context.Context, w *watch, reading tocsin.Reading, bad string, now time.Time) {
	if w.job != nil {
		w.owe(reading)
		return
	}
	reading = w.settleNews(reading)
	data := Observation{When: False}
	if bad != "" {
		data.When = True
	}
	e.step(ctx, w, 0, View{}, data, bad, now)
	for i := range w.check.Rules {
		if w.idle {
			return // one before has ended it
		}
		view := e.view(w, i+1, reading, now)
		e.step(ctx, w, i+1, view, Observe(&w.check.Rules[i], view), "", now)
	}
}

// ruleIDs are the ids of a check's rules, first that of its data.
func ruleIDs(c *Check) []string {
	ids := []string{tocsin.RuleID(c.Kind, c.Name, dataRule)}
	for i := range c.Rules {
		ids = append(ids, tocsin.RuleID(c.Kind, c.Name, c.Rules[i].Name))
	}
	return ids
}

// rule is the n-th rule of a watch: 0 is the one about its data.
func (w *watch) rule(n int) *Rule {
	if n == 0 {
		return w.data
	}
	return &w.check.Rules[n-1]
}

// view is what the n-th rule looks at.
func (e *Engine) view(w *watch, n int, reading tocsin.Reading, now time.Time) View {
	v := View{Reading: reading, History: w.history, Now: now, News: w.check.News, Seen: e.rules[w.ids[n]].Seen}
	if len(v.News) > 0 && n > 0 {
		e.addNews(&v, w, n)
	}
	if len(w.rule(n).Refs) > 0 {
		v.Other = func(r Ref) tocsin.Value { return e.other(r, now) }
	}
	return v
}

// maxAge is after how many of its intervals what a check read last says nothing
// any more to the rules of others.
const maxAge = 3

// other is the last value of a metric of another check.
func (e *Engine) other(r Ref, now time.Time) tocsin.Value {
	w := e.byID[r.Check]
	if w == nil || now.Sub(w.reading.At) > maxAge*w.check.Interval {
		return tocsin.Value{}
	}
	return w.reading.Values.Of(r.Metric)
}

// seeing is what a rule has seen with a view; nil when that is nothing new.
func (v View) seeing(r *Rule) map[string]string {
	var fresh map[string]string
	for _, metric := range r.Changes {
		value := v.Reading.Values.Of(metric)
		before, known := v.Seen[metric]
		if value.Kind() == tocsin.NoValue || known && before == value.String() || value.String() == "" && v.isNews(metric) {
			continue
		}
		if fresh == nil {
			fresh = make(map[string]string, len(r.Changes))
			maps.Copy(fresh, v.Seen)
		}
		fresh[metric] = value.String()
	}
	return fresh
}

// Observe evaluates a rule's conditions.
func Observe(r *Rule, v View) Observation {
	o := Observation{When: r.When.Eval(v)}
	if r.Clear != nil {
		o.Clear = r.Clear.Eval(v)
	}
	return o
}

// step steps the n-th rule and hands its event on. bad says why the check could
// not be read.
func (e *Engine) step(ctx context.Context, w *watch, n int, v View, o Observation, bad string, now time.Time) {
	r, id := w.rule(n), w.ids[n]
	before, known := e.rules[id]
	if !known && o.When != True && len(r.Changes) == 0 && e.asking[id] == nil {
		return // it was never anything but fine, and is
	}
	state, kind := Step(r, before, o, now)
	fresh := v.seeing(r)
	if fresh != nil {
		state.Seen = fresh
	}
	e.foresee(w, r, before, state, now)
	switch {
	case kind != tocsin.Failed:
		delete(e.asking, id)
	case e.postpones(asking{watch: w, n: n, view: v, when: o, bad: bad}, &state, now):
		state.Flap, kind = before.Flap, ""
	case before.Held.IsHeld():
		state.Flap = flap(r, state, now)
	}
	e.conclude(ctx, decided{watch: w, n: n, kind: kind, before: before, state: state, view: v, when: o, bad: bad}, now)
}

// keepRule remembers the state of a rule, as far as there is anything.
func (e *Engine) keepRule(id string, s RuleState) {
	if s.isZero() {
		delete(e.rules, id)
		return
	}
	e.rules[id] = s
}

// decided is what an observation has made of a rule, with what it saw.
type decided struct {
	watch         *watch
	n             int
	kind          tocsin.EventType // empty for no event
	before, state RuleState
	view          View
	when          Observation
	bad           string
	// said takes the place of what the view says, when that is old; empty for none.
	said string
}

// describe puts what was seen into words.
func (d *decided) describe() (description, value string) {
	description, value = describe(d.watch.rule(d.n), d.n, d.view, d.bad)
	return cmp.Or(d.said, description), value
}

// conclude hands the event on and does what follows.
func (e *Engine) conclude(ctx context.Context, d decided, now time.Time) {
	w, r, id, state := d.watch, d.watch.rule(d.n), d.watch.ids[d.n], d.state
	decision := e.decide(w, r, d.when, &state, d.kind, now)
	var about *tocsin.Event
	switch {
	case d.kind != "":
		description, value := d.describe()
		t := raise(e.host, e.epoch, w.check, r, state, d.kind, description, value, now)
		t.event.Dependants, t.event.MoreDependants = e.dependants(w, d.n, t.state.Since)
		e.note(&t, decision, r)
		state, about = t.state, t.event
		e.log.Info("event", "type", string(d.kind), "rule", id, "severity", r.Severity.String(), "event", t.event.ID, "description", t.event.Description)
		e.emitter.add(t)
	case state.Flap != d.before.Flap, !maps.Equal(state.Seen, d.before.Seen), state.Held != d.before.Held, state.Owed != d.before.Owed:
		// A change while the agent is down is one, every failure counts, what is
		// held is told some day, and what is owed done.
		e.emitter.add(transition{rule: id, state: state})
	}
	e.keepRule(id, state)
	w.turn++
	e.spread(w, d.kind, now)
	if decision == (Decision{}) {
		return
	}
	if about == nil {
		description, value := d.describe()
		about = raise(e.host, e.epoch, w.check, r, state, tocsin.Reminder, description, value, now).event
		about.ID, about.Action = "", string(decision.Verb) // nobody is told of it
	}
	e.carryOut(ctx, w, r, decision, about, now)
}

// spread has the checks read that depend on one whose rule has failed or
// recovered.
func (e *Engine) spread(w *watch, kind tocsin.EventType, now time.Time) {
	switch kind {
	case tocsin.Failed:
		for _, id := range e.tree.Dependants(w.check.ID()) {
			e.lookAnew(e.byID[id])
			e.rouse(e.byID[id], now)
		}
	case tocsin.Recovered:
		e.free(w.check.ID(), now)
	default:
	}
}

// describe puts what the n-th rule saw into words.
func describe(r *Rule, n int, v View, bad string) (description, value string) {
	switch {
	case n > 0:
		return r.Explain(v)
	case bad == "":
		return "readable again", ""
	default:
		return bad, ""
	}
}
