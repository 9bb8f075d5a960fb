package main

import (
	"context"
	"os"
	"os/user"
	"strconv"
	"time"

	"tocsin/notify"
	"tocsin/notify/pickup"
	"tocsin/notify/spool"
)

// pickupEvery is how often the directories that others put mail into are looked
// at; hintedEvery is enough where nothing waits for its time, and the kernel says
// when something comes. Each look wakes the agent.
const (
	pickupEvery = time.Second
	hintedEvery = 10 * time.Second
)

// inbox is a directory that others put something into.
type inbox struct {
	name string // for the log
	// take takes in what is there.
	take func(ctx context.Context, now time.Time) error
	// arrivals yields after something came. It is asked for after the first
	// take, which makes the directory.
	arrivals func(context.Context) (<-chan struct{}, error)
	// calm says, after a take, that nothing is left there which waits for its time,
	// and that nothing comes unheard.
	calm func() bool
	// tidy is called every hour.
	tidy func(ctx context.Context, now time.Time) error
}

// collect takes in what other processes submit, and forgets old sent mail.
func (a *agent) collect(ctx context.Context) {
	s, hinted := a.store.spool, false
	a.tend(ctx, inbox{
		name: "spool",
		take: func(context.Context, time.Time) error {
			n, err := s.Collect()
			if n > 0 {
				a.address() // who submitted it may have known of no mail block
			}
			a.tellDamage()
			return err
		},
		arrivals: func(ctx context.Context) (<-chan struct{}, error) {
			hints, err := s.Arrivals(ctx)
			hinted = err == nil
			return hints, err
		},
		calm: func() bool { return hinted }, // a file is whole as soon as it is there
		tidy: func(_ context.Context, now time.Time) error { return s.Prune(now) },
	})
}

// pickup takes in the mail of other programs: of the sendmail command, and
// files that somebody put into the drop directory.
func (a *agent) pickup(ctx context.Context, desk *notify.Desk) {
	config := func() pickup.Config { return a.config.Load().Pickup }
	c := &pickup.Collector{Log: a.log, Spool: a.store.spool, Desk: desk, Config: config, User: userName, Leaver: a.store.spool}
	c.Weigher, _ = any(a.store.spool).(pickup.Weigher)
	dir := config().Dir
	if dir == "" {
		a.log.Debug("mail of other programs is not taken: this agent has a state directory of its own, and no pickup block with a dir")
	}
	var watched os.FileInfo // nil without hints
	a.tend(ctx, inbox{
		name: "pickup",
		take: func(ctx context.Context, now time.Time) error { _, err := c.Look(ctx, now); return err },
		arrivals: func(ctx context.Context) (<-chan struct{}, error) {
			if dir == "" {
				return nil, nil
			}
			hints, err := spool.Watch(ctx, dir)
			if err == nil {
				watched, err = os.Stat(dir)
			}
			return hints, err
		},
		// A directory that a reload brings, or that is another one by now, has no
		// hints: from when that is noticed on it is looked at every second.
		calm: func() bool {
			if !c.Empty() || config().Dir != dir {
				return false
			}
			return dir == "" || isSame(dir, watched)
		},
		tidy: c.Sweep,
	})
}

// isSame says whether what is at a path is what was there before.
func isSame(path string, before os.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && before != nil && os.SameFile(now, before)
}

// tend looks after an inbox until ctx ends.
func (a *agent) tend(ctx context.Context, in inbox) {
	tidy := time.NewTicker(time.Hour)
	defer tidy.Stop()
	log := a.log.With("inbox", in.name)
	err := in.take(ctx, time.Now()) // also by an agent that does not live a second
	arrivals, watchErr := in.arrivals(ctx)
	if watchErr != nil {
		log.Warn("what others put in is noticed within a second, not at once", "err", watchErr)
	}
	if arrivals != nil && err == nil {
		err = in.take(ctx, time.Now()) // what came before it was heard of
	}
	again := time.NewTimer(pickupEvery)
	defer again.Stop()
	told := "" // the same trouble is said once, not every second
	for {
		switch {
		case err == nil:
			told = ""
		case err.Error() != told:
			told = err.Error()
			log.Error("inbox not tended, tried again every second", "err", err)
		}
		wait := pickupEvery
		if err == nil && in.calm() {
			wait = hintedEvery
		}
		again.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-arrivals:
			err = in.take(ctx, time.Now())
		case <-again.C:
			err = in.take(ctx, time.Now())
		case now := <-tidy.C:
			err = in.tidy(ctx, now)
		}
	}
}

// userName is the name of a user of this machine, empty when there is none.
func userName(uid uint32) string {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return ""
	}
	return u.Username
}
