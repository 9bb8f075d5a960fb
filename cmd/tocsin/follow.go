package main

import (
	"context"
	"time"

	"tocsin/checks"
	"tocsin/internal/config"
)

// followEvery is how often the agent looks what the checks stand for that stand
// for several, when nothing tells; followGap is the least time between two
// looks.
const (
	followEvery = time.Minute
	followGap   = time.Second
)

// attend begins to say on a.changes when the host may have other file systems
// than before, at least every followEvery, where a configuration cares. It ends
// what an earlier call began.
func (a *agent) attend(cfg *config.Config) {
	if a.unattend != nil {
		a.unattend()
		a.unattend = nil
	}
	several, ok := cfg.Several()
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(a.courierCtx)
	a.unattend = cancel
	alert := several.Alert
	if !cfg.Agent.Events {
		alert = unheard
	}
	go a.tellChanges(ctx, alert)
}

// unheard waits for the end of its context.
func unheard(*checks.Host) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

func (a *agent) tellChanges(ctx context.Context, alert func(*checks.Host) func(context.Context) error) {
	for {
		// What happens from here on is heard, so that nothing is missed
		// between the look and the wait.
		wait, gap := alert(a.host), time.After(followGap)
		select {
		case a.changes <- struct{}{}:
		case <-ctx.Done():
			return
		}
		limited, cancel := context.WithTimeout(ctx, followEvery)
		if wait(limited) != nil {
			<-limited.Done() // what cannot be heard is looked for
		}
		cancel()
		select {
		case <-gap:
		case <-ctx.Done():
			return
		}
	}
}

// follow has the engine watch what is there now.
func (a *agent) follow(ctx context.Context) {
	old := a.config.Load()
	cfg, fresh := old.Follow(a.host)
	if cfg == old {
		return
	}
	followUp(cfg.Agent.Host, cfg.Checks, a.router.Load())
	if err := a.engine.Reload(ctx, cfg.Agent.Host, cfg.Checks); err != nil {
		return // the agent ends
	}
	a.config.Store(cfg)
	for _, c := range fresh {
		a.log.Info("watched from now on", "check", c.ID())
	}
	for _, what := range cfg.Lacking() {
		a.log.Warn("not watched", "what", what)
	}
}
