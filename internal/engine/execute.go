package engine

import (
	"context"
	"fmt"
	"time"

	"tocsin"
)

// execute runs the program of a rule beside everything else, once it is on disk
// that it was begun.
func (e *Engine) execute(ctx context.Context, w *watch, r *Rule, ev *tocsin.Event, now time.Time) {
	id := w.check.ID() + "/" + r.Name
	state := e.rules[id]
	state.Acted = now
	e.keepRule(id, state)
	saved := make(chan error, 1)
	e.emitter.add(transition{rule: id, state: state, saved: saved})
	e.programs[id] = true
	rule, method := *r, r.Exec
	e.acting.Go(func() {
		e.remembered(ctx, saved, id)
		said, err := method.Do(ctx, ev)
		select {
		case e.execs <- execEnd{w, &rule, said, err, now}:
		case <-ctx.Done():
		}
	})
}

// execEnd is the end of a rule's program.
type execEnd struct {
	watch *watch
	rule  *Rule
	said  string
	err   error
	began time.Time
}

func (e *Engine) executed(end execEnd, now time.Time) {
	id := end.watch.check.ID() + "/" + end.rule.Name
	delete(e.programs, id)
	if w := e.byID[end.watch.check.ID()]; w != nil && e.rules[id].owed {
		w.hasten(now)
	}
	took := now.Sub(end.began).Round(time.Millisecond)
	if end.err != nil {
		e.log.Warn("program of a rule failed", "rule", id, "took", took.String(), "err", end.err)
		end.err = fmt.Errorf("%s: %w", Exec, end.err)
	}
	e.tellAction(end.watch, end.rule, Exec, end.said, end.err, took, now)
}
