package main

import (
	"context"
	"time"

	"tocsin/internal/config"
)

// followEvery is how often the agent looks what the checks stand for that stand
// for several, when nothing tells; followGap is the least time between two
// looks.
const (
	followEvery = time.Minute
	followGap   = time.Second
)

// changes says when the host may have other file systems than before, at least
// every followEvery, until ctx ends.
func (a *agent) changes(ctx context.Context) <-chan struct{} {
	told := make(chan struct{})
	go func() {
		for {
			// What happens from here on is heard, so that nothing is missed
			// between the look and the wait.
			wait := a.alert(a.config.Load())
			select {
			case told <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if !pause(ctx, followGap) {
				return
			}
			limited, cancel := context.WithTimeout(ctx, followEvery)
			if err := wait(limited); err != nil {
				<-limited.Done() // what cannot be heard is looked for
			}
			cancel()
		}
	}()
	return told
}

// alert is what waits for a change that a configuration cares for; without one
// it waits for the end of its context.
func (a *agent) alert(cfg *config.Config) func(context.Context) error {
	if several, ok := cfg.Several(); ok && cfg.Agent.Events {
		return several.Alert(a.host)
	}
	return func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

// pause waits; false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// follow has the engine watch what is there now.
func (a *agent) follow(ctx context.Context) {
	old := a.config.Load()
	cfg, fresh := old.Follow(a.host)
	if cfg == old {
		return
	}
	remind(cfg, fresh, a.router.Load())
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
