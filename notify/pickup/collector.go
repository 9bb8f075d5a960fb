package pickup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"tocsin"
	"tocsin/internal/durable"
	"tocsin/notify/spool"
)

// What one look at the drop directory takes on at most: it is everybody's. No
// more than one part in restFactor of the time goes into reading one that
// somebody has flooded.
const (
	maxTaken   = 500
	restFactor = 10
	leastRest  = 20 * time.Millisecond
	maxRest    = 30 * time.Second
)

// tempAge is after how long an unfinished file is swept.
const tempAge = time.Hour

// Putter makes an item durable; the spool does. An id that was put before is
// not put again.
type Putter interface {
	Put(item spool.Item) error
}

// Emitter hears of what a person must know.
type Emitter interface {
	Emit(ev tocsin.Event) error
}

// Collector takes mail out of the drop directory. It is for one goroutine.
type Collector struct {
	Log   *slog.Logger
	Spool Putter
	Desk  Emitter
	// Weigher and Leaver bound what waits in the queue; without them nothing does.
	Weigher Weigher
	Leaver  Leaver
	// Config is asked at every look, so that a reload can change it.
	Config func() Config
	// User names a user; empty when there is no name.
	User func(uid uint32) string

	allowance allowance
	backlog   backlog
	// refused counts what was quarantined, apart from mail: a file can be had in
	// somebody else's name.
	refused allowance
	// names holds those of users since named.
	names  map[uint32]string
	named  time.Time
	moved  int // files that this look has quarantined, or would have
	alarms map[string]time.Time
	// kept holds the ids of what is in the spool and could not be removed.
	kept      map[string]bool
	published string
	// rest is until when the directory is left alone: a look at one that
	// somebody has flooded takes its time.
	rest time.Time
	scan scan
	// empty says that the last look has found nothing.
	empty bool
}

// Empty says that nothing was in the drop directory when it was looked at last,
// or that there is none.
func (c *Collector) Empty() bool { return c.empty }

// Look takes in what is in the drop directory, the oldest first, and says how
// many messages that were. Each is durable in the spool before its file is
// removed; a crash in between does not double it, since its id is that of the
// file. An error means that something waits in the directory for the next
// look, because of the directory or the spool. When ctx ends the rest waits, and
// that is no error.
func (c *Collector) Look(ctx context.Context, now time.Time) (int, error) {
	config := c.Config()
	if config.Dir == "" {
		c.empty = true
		return 0, nil
	}
	if now.Before(c.rest) && c.rest.Sub(now) <= maxRest {
		c.empty = false // who knows
		return 0, nil
	}
	if err := durable.MakeDropDir(config.Dir); err != nil {
		return 0, fmt.Errorf("no mail of other programs is taken: %w", err)
	}
	c.publish(config)
	began, whole := time.Now(), c.scan.dir == nil
	candidates, all, err := c.scan.next(ctx, config.Dir)
	if took := time.Since(began); took > leastRest {
		c.rest = now.Add(min(restFactor*took, maxRest))
	}
	c.empty = whole && all && len(candidates) == 0
	if err != nil {
		return 0, fmt.Errorf("look for mail of other programs: %w", err)
	}
	if ctx.Err() == nil && (!all || len(candidates) >= maxSeen/2) {
		c.alarm(config, "flood", fmt.Sprintf("There are %d files or more in %s, far more than are sent. Mail of other programs may wait long.", max(len(candidates), maxSeen/2), config.Dir), now)
	}
	taken, failures := 0, 0
	c.moved = 0
	c.backlog.settle()
	var failed error
	for _, candidate := range candidates {
		if taken >= maxTaken || ctx.Err() != nil {
			break
		}
		payer := c.payer(candidate.owner, now)
		if !c.allowance.room(payer, config.MessagesPerHour, now) {
			c.overQuota(config, payer, now)
			continue
		}
		if candidate.size <= config.MaxSize+maxPreamble && !c.fits(config, payer, candidate.size, now) {
			continue
		}
		ok, err := c.take(config, candidate.name, now)
		if err != nil {
			failed = cmp.Or(failed, err) // one of them says it
			if failures++; failures >= maxTaken || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EIO) {
				break // the next one fares no better
			}
		}
		if ok {
			taken++
		}
	}
	if failed != nil {
		failed = fmt.Errorf("mail of other programs waits in %s: %w", config.Dir, failed)
	}
	return taken, failed
}

// take takes one file in, and says whether it did. What is wrong with a file
// is no error of the look; it is told.
func (c *Collector) take(config Config, name string, now time.Time) (bool, error) {
	path := filepath.Join(config.Dir, name)
	f, err := readFile(path, name, config.MaxSize, now)
	switch {
	case errors.Is(err, errHostile):
		c.quarantine(config, name, "hostile file", err, now)
		return false, nil
	case errors.Is(err, errForeign):
		c.quarantine(config, name, "private file", err, now)
		return false, nil
	case errors.Is(err, errLarge):
		c.quarantine(config, name, "size", err, now)
		return false, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errGrowing):
		return false, nil
	case errors.Is(err, fs.ErrPermission):
		c.alarm(config, "unreadable", fmt.Sprintf("The file %s in %s cannot be read by the agent, which needs the capability CAP_DAC_READ_SEARCH for files of other users. It waits there.",
			shown(name), config.Dir), now)
		return false, nil
	case err != nil:
		return false, err
	}
	if !c.kept[f.id] {
		if ok, err := c.put(config, name, f, now); !ok {
			return false, err
		}
	}
	if err := remove(path, f.inode); err != nil {
		if c.kept == nil {
			c.kept = make(map[string]bool)
		}
		c.kept[f.id] = true
		return true, err
	}
	delete(c.kept, f.id)
	return true, nil
}

// put makes a file's message durable in the spool.
func (c *Collector) put(config Config, name string, f file, now time.Time) (bool, error) {
	drop, err := Decode(f.data)
	if err != nil {
		c.Log.Warn("dropped file is damaged, it goes by its header", "name", name, "user_id", f.owner, "err", err)
	}
	if int64(len(drop.Message)) > config.MaxSize {
		c.quarantine(config, name, "size", fmt.Errorf("%w: %d bytes, at most %d are taken", errLarge, len(drop.Message), config.MaxSize), now)
		return false, nil
	}
	who := Sender{UID: f.owner, Name: c.name(f.owner, now), Trusted: f.owner == 0 || int(f.owner) == os.Geteuid()}
	out, err := Rewrite(drop, who, f.id, config, now)
	switch {
	case errors.Is(err, ErrLoop):
		c.allowance.take(c.payer(f.owner, now), 1, config.MessagesPerHour, now) // it was read
		c.quarantine(config, name, "loop", err, now)
		return false, nil
	case errors.Is(err, ErrNobody):
		return false, fmt.Errorf("%w: add: aliases { root = [\"you@example.com\"] }", err)
	case err != nil:
		return false, err
	}
	item := spool.Item{
		ID: f.id, Queued: now, Severity: tocsin.Warning, From: out.From, Raw: out.Data,
		Targets: config.Domains.Split(spool.Target{Addresses: out.Recipients}),
	}
	if err := c.Spool.Put(item); err != nil {
		return false, err
	}
	c.allowance.take(c.payer(f.owner, now), len(out.Recipients), config.MessagesPerHour, now)
	if c.Leaver != nil {
		c.backlog.add(c.payer(f.owner, now), int64(len(out.Data)), c.Leaver.Gone(f.id))
	}
	log := c.Log.With("item", f.id, "file", name, "user_id", f.owner, "user", who.Name, "recipients", len(out.Recipients), "size", len(drop.Message))
	if out.Wrapped != nil {
		log.Warn("mail of another program taken, it goes as an attachment", "err", out.Wrapped)
	} else {
		log.Info("mail of another program taken")
	}
	return true, nil
}

// remove removes a file that is in the spool, unless another one has its name
// by now.
func remove(path string, inode uint64) error {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Ino != inode {
		return nil
	}
	return durable.Remove(path)
}
