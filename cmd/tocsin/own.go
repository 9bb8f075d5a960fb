package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/checks"
)

// own is what the agent knows of itself, for its check of itself.
func (a *agent) own(ctx context.Context, wants func(metrics ...string) bool) (map[string]tocsin.Value, error) {
	now := time.Now()
	f := checks.OwnFigures{Now: now, Started: a.started, Rejected: a.rejected.Load() != nil}
	mail := a.courier.Health(now)
	f.Queue, f.QueueAge, f.CriticalAge, f.MailFailing = mail.Length, mail.Age, mail.CriticalAge, mail.Failing
	f.ServerFailing, f.Paused, f.Delivered = mail.ServerFailing, mail.Paused, mail.Delivered
	engine, err := a.engine.Health(ctx)
	if err != nil {
		return nil, err
	}
	f.Late, f.Unwritten, f.Unsaved = engine.Late, engine.Unwritten, engine.Unsaved
	f.HeartbeatFailing = a.beatFailing(now)
	if wants("badmail") {
		f.Badmail = a.store.spool.Kept()
	}
	var fs unix.Statfs_t
	if wants("disk.free", "disk.percent") && unix.Statfs(a.store.dir, &fs) == nil {
		size := float64(fs.Bsize)
		f.Free, f.Size = float64(fs.Bavail)*size, float64(fs.Blocks-fs.Bfree+fs.Bavail)*size
	}
	return f.Values(), nil
}
