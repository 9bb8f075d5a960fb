package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tarry is how long one reading of a batch may hold up the others.
const tarry = 20 * time.Millisecond

// batch is readings that begin together. Those that are quick share a goroutine:
// waking one costs more than they do. One that does not come back leaves the
// rest to another goroutine.
type batch struct {
	limit    *deadline
	listen   func(dueReading) (stop func())
	send     func([]result)
	readings []dueReading
	next     atomic.Int32 // the reading that is to begin

	mu      sync.Mutex
	ready   []result // not sent yet
	left    int      // readings that have not come back
	more    int      // goroutines that rescue has begun
	before  int      // left when rescue looked last
	watcher *time.Timer
}

// dueReading is one that is due.
type dueReading struct {
	watch  *watch
	check  *Check // a reload may replace the watch's meanwhile
	round  uint64
	listen bool
}

// deadline is the context of readings that began together and have the same
// timeout: a timer for each costs as much as many a reading.
type deadline struct {
	ctx    context.Context //nolint:containedctx // it is what the readings share
	cancel context.CancelFunc
	open   atomic.Int32 // readings that have not come back
}

func (d *deadline) done() {
	if d.open.Add(-1) == 0 {
		d.cancel()
	}
}

// start begins the readings that are due: the quick ones in a batch, the others
// each in a goroutine of its own.
func (e *Engine) start(ctx context.Context, due []*watch, now time.Time) {
	listen := func(d dueReading) func() { return e.listen(ctx, d) }
	send := func(all []result) {
		select {
		case e.results <- all:
		case <-ctx.Done():
			for _, r := range all {
				r.unheard()
			}
		}
	}
	limits := make(map[time.Duration]*deadline)
	quick := make(map[time.Duration]*batch)
	var batches []*batch
	for _, w := range due {
		w.started, w.read, w.late, w.excused, w.again, w.round = now, now, false, 0, false, w.round+1
		timeout := w.check.Timeout
		if limits[timeout] == nil {
			limits[timeout] = &deadline{}
			limits[timeout].ctx, limits[timeout].cancel = context.WithTimeout(ctx, timeout)
		}
		limits[timeout].open.Add(1)
		b := quick[timeout]
		if b == nil || !w.check.Quick {
			b = &batch{limit: limits[timeout], listen: listen, send: send}
			batches = append(batches, b)
			if w.check.Quick {
				quick[timeout] = b
				b.readings, b.ready = make([]dueReading, 0, len(due)), e.takeRoom(len(due))
			}
		}
		listen := w.check.Events && !w.listening && !w.check.Schedule.Timed() && listens(w.check.Reader)
		b.readings = append(b.readings, dueReading{w, w.check, w.round, listen})
	}
	for _, b := range batches {
		b.begin()
	}
}

// takeRoom is room for so many results: mostly that of the last batch.
func (e *Engine) takeRoom(n int) []result {
	room := e.room
	e.room = nil
	if cap(room) < n {
		room = make([]result, 0, n)
	}
	return room
}

// leaveRoom takes back the room of results that were taken in.
func (e *Engine) leaveRoom(all []result) {
	if clear(all); cap(all) > cap(e.room) {
		e.room = all[:0]
	}
}

func (b *batch) begin() {
	b.left, b.before = len(b.readings), len(b.readings)
	if len(b.readings) > 1 {
		b.mu.Lock()
		b.watcher = time.AfterFunc(tarry, b.rescue)
		b.mu.Unlock()
	}
	go b.work()
}

// work reads one after the other what nobody else does, and sends what was
// read.
func (b *batch) work() {
	for i := int(b.next.Add(1)) - 1; i < len(b.readings); i = int(b.next.Add(1)) - 1 {
		one := b.readings[i]
		r := result{watch: one.watch, round: one.round}
		r.reading, r.err = read(b.limit.ctx, one.check)
		b.limit.done()
		if one.listen {
			r.deafen = b.listen(one)
		}
		b.mu.Lock()
		b.ready, b.left = append(b.ready, r), b.left-1
		if b.left == 0 && b.watcher != nil {
			b.watcher.Stop()
		}
		b.mu.Unlock()
	}
	b.flush()
}

// flush sends what was read.
func (b *batch) flush() {
	b.mu.Lock()
	ready := b.ready
	b.ready = nil
	b.mu.Unlock()
	if len(ready) > 0 {
		b.send(ready)
	}
}

// rescue sends what was read where nothing came back since it looked last, and
// has others go on with what has not begun, each time twice as many: of sixteen
// dead mounts the last check is not late by sixteen times as much.
func (b *batch) rescue() {
	if b.relieve() {
		b.flush()
	}
}

// relieve says whether what is ready must wait no longer. It comes before the
// flush: what is read after the last reading has begun is sent by whoever read
// it, and all before is ready by then.
func (b *batch) relieve() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 || int(b.next.Load()) >= len(b.readings) {
		return true // nobody is left to be relieved
	}
	stands := b.left == b.before
	if stands {
		for range b.more + 1 {
			go b.work()
		}
		b.more += b.more + 1
	}
	b.before = b.left
	b.watcher.Reset(tarry)
	return stands
}
