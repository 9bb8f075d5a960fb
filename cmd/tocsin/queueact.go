package main

import (
	"context"
	"errors"
	"time"

	"tocsin/internal/control"
	"tocsin/notify/spool"
)

// act has the running agent do something to its queue; when none runs, it is
// done here.
func act(ctx context.Context, opt *options, ask func(control.Client) error, do func(*spool.Spool) error) error {
	cfg, err := askAgent(opt, ask)
	if !errors.Is(err, control.ErrNotRunning) {
		return asFailed(err)
	}
	s, err := openStore(ctx, cfg, holderQueue, 0, newLogger(opt.std.err, nil))
	if err != nil {
		return failed(err)
	}
	defer s.close()
	if _, err := s.spool.Collect(); err != nil {
		return failed(err)
	}
	return failed(do(s.spool))
}

func queueDrop(ctx context.Context, opt *options, id string) error {
	return act(ctx, opt,
		func(c control.Client) error { return c.Drop(ctx, id) },
		func(s *spool.Spool) error { return s.Drop(id, "dropped by hand", time.Now()) })
}

func queueHold(ctx context.Context, opt *options, id string) error {
	return act(ctx, opt,
		func(c control.Client) error { return c.Hold(ctx, id) },
		func(s *spool.Spool) error { return s.PutOnHold(id) })
}

func queueRequeue(ctx context.Context, opt *options, id string) error {
	return act(ctx, opt,
		func(c control.Client) error { return c.Requeue(ctx, id) },
		func(s *spool.Spool) error { return s.Requeue(id, time.Now()) })
}
