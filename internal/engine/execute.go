package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tocsin"
)

// execute runs the program of a rule beside everything else, once it is on disk
// that it was begun.
func (e *Engine) execute(ctx context.Context, w *watch, r *Rule, ev *tocsin.Event, now time.Time) {
	id := w.check.ID() + "/" + r.Name
	state := e.rules[id]
	state.Acted, state.Runs, state.Owed = now, true, false
	e.keepRule(id, state)
	saved := make(chan error, 1)
	e.emitter.add(transition{rule: id, state: state, saved: saved})
	e.programs[id] = true
	rule, method := *r, r.Exec
	e.acting.Go(func() {
		e.remembered(ctx, saved, id)
		end := execEnd{watch: w, rule: &rule, began: now}
		if end.unbegun = ctx.Err() != nil; !end.unbegun {
			end.said, end.err = doUntilTheEnd(ctx, method, ev)
		}
		e.execs <- end // which awaitActions takes when the agent ends
	})
}

// errCutShort is of a program that would have gone on.
var errCutShort = errors.New("cut short: the agent ended")

// doUntilTheEnd is Do that says so when it was the agent that ended.
func doUntilTheEnd(ctx context.Context, m Method, ev *tocsin.Event) (said string, err error) {
	during, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(errCutShort) })()
	said, err = m.Do(during, ev)
	if errors.Is(err, context.Canceled) {
		err = errCutShort
	}
	return said, err
}

// execEnd is the end of a rule's program.
type execEnd struct {
	watch *watch
	rule  *Rule
	said  string
	err   error
	began time.Time
	// unbegun says that the agent ended before.
	unbegun bool
}

// awaitActions returns when all actions and programs have ended. What became of the
// programs is told, with the agent's last breath.
func (e *Engine) awaitActions() {
	all := make(chan struct{})
	go func() { e.acting.Wait(); close(all) }()
	for {
		select {
		case end := <-e.execs:
			e.executed(end, time.Now())
		case look := <-e.inquiries: // a mail may wait for the answer
			look()
		case <-all:
			return
		}
	}
}

// tellCutShort tells of the programs of which an agent before this one could tell
// nothing: it was killed while they ran. They are not run again, half done as they
// may be.
func (e *Engine) tellCutShort(now time.Time) {
	for id, state := range e.rules {
		check, rule, ok := splitRule(id)
		if !state.Runs || !ok {
			continue
		}
		w, severity := &watch{check: &check}, tocsin.Warning
		if have := e.byID[check.ID()]; have != nil {
			w = have
			if n := slices.Index(w.ids, id); n >= 0 {
				severity = max(severity, w.rule(n).Severity)
			}
		}
		state.Runs = false
		e.keepRule(id, state)
		one := Rule{Name: rule, Severity: severity, Failed: "Execution failed"}
		e.tell(w, &one, Exec, string(Exec)+": the agent ended before the end of the program was known; it may be half done, or not begun", "", now)
	}
}

// forgiveOthers leaves nothing but programs owed over a restart of the agent: a rule
// that was edited meanwhile may stop now what it was to tell of.
func (e *Engine) forgiveOthers() {
	for _, w := range e.watches {
		for n, id := range w.ids {
			if s := e.rules[id]; s.Owed && w.rule(n).Do != Exec {
				s.Owed = false
				e.keepRule(id, s)
				e.emitter.add(transition{rule: id, state: s})
			}
		}
	}
}

func (e *Engine) executed(end execEnd, now time.Time) {
	id := end.watch.check.ID() + "/" + end.rule.Name
	delete(e.programs, id)
	state := e.rules[id]
	idle := e.byID[end.watch.check.ID()] == nil || e.byID[end.watch.check.ID()].idle
	state.Runs, state.Owed = false, state.Owed || end.unbegun && !idle && (state.Failed || len(end.rule.Changes) > 0)
	e.keepRule(id, state)
	if end.unbegun {
		e.log.Info("program of a rule not begun, because the agent ends; it is owed", "rule", id)
		e.emitter.add(transition{rule: id, state: state})
		return
	}
	if w := e.byID[end.watch.check.ID()]; w != nil && e.rules[id].Owed {
		w.hasten(now)
	}
	took := now.Sub(end.began).Round(time.Millisecond)
	if end.err != nil {
		e.log.Warn("program of a rule failed", "rule", id, "took", took.String(), "err", end.err)
		end.err = fmt.Errorf("%s: %w", Exec, end.err)
	}
	e.tellAction(end.watch, end.rule, Exec, end.said, end.err, took, now)
}
