package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tocsin"
)

// emitRetry is how long an event that could not be made durable waits for the
// next try.
const emitRetry = 5 * time.Second

// The state is saved after so many events of a storm, and so long after the first
// one for which nobody waits: the mail about it needs the disk and the processor
// more. Until then the spool has what the state does not.
const (
	saveEvery = 64
	saveAfter = 100 * time.Millisecond
)

// Sink makes an event durable for everybody who is to hear of it, and says who
// that is: names of notifiers. The same event may come twice and counts once.
// After an error it comes again; who hears of it all the same is said too.
type Sink interface {
	Emit(ev tocsin.Event) (told []string, err error)
}

// emitter hands transitions to the sink in their order and saves the state
// that each leads to only after the sink has it: the spool is the write-ahead
// log of the state. It has a goroutine of its own, so that a slow disk delays
// no check.
type emitter struct {
	sink  Sink
	state *State
	log   *slog.Logger

	mu    sync.Mutex
	queue []*pending
	ready chan struct{}
	// left are the events that are not durable, and stale is as unsaved, for
	// whoever asks.
	left  int
	stale bool
	// unheard has, by its rule, the incident of which nobody was told.
	unheard map[string]string

	unsaved bool // the state file is behind what the sink has, since it could not be written
	due     bool // it is so, and will be written
	// read is State.Read at the stop; nil before.
	read map[string]time.Time
	// told says of a rule that had an event who was told of its incident, ahead
	// of the state.
	told map[string]notified
}

// pending is a transition that is not saved yet.
type pending struct {
	transition
	durable bool
	failed  bool // and somebody was told
	// addressed says that the event has in its mark who was told before it.
	addressed bool
}

func newEmitter(sink Sink, state *State, log *slog.Logger) *emitter {
	e := &emitter{
		sink: sink, state: state, log: log, ready: make(chan struct{}, 1), told: make(map[string]notified), unheard: make(map[string]string),
	}
	for rule, s := range state.Rules {
		e.note(rule, notified{s.Incident, s.Notified})
	}
	return e
}

func (e *emitter) add(t transition) {
	e.mu.Lock()
	e.queue = append(e.queue, &pending{transition: t, durable: t.event == nil})
	e.mu.Unlock()
	select {
	case e.ready <- struct{}{}:
	default: // it will look anyway
	}
}

// run emits until ctx ends, and then once more what is left.
func (e *emitter) run(ctx context.Context) {
	var again, save <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			if len(e.read) > 0 {
				e.state.Read, e.due = e.read, true
			}
			if left := e.emit(); left > 0 {
				e.log.Error("events were not made durable before the stop", "events", left)
			}
			e.settle(true)
			return
		case <-e.ready:
		case <-again:
			again = nil
		case <-save:
			save = nil
			e.settle(true)
		}
		if e.emit() > 0 || e.unsaved {
			again = time.After(emitRetry)
		}
		if e.due && save == nil {
			save = time.After(saveAfter)
		}
	}
}

// emit offers every transition to the sink, in order, and returns how many are
// not durable. One that fails holds no other up.
func (e *emitter) emit() int {
	e.mu.Lock()
	queue := e.queue
	e.mu.Unlock()
	for i, p := range queue {
		if p.more != nil {
			e.join(p)
		}
		if p.durable {
			continue
		}
		e.address(p)
		names, err := e.sink.Emit(*p.event)
		p.durable = err == nil
		e.heard(p, names)
		if err != nil && !p.failed {
			p.failed = true
			e.log.Error("event not durable, sent from memory and tried again", "event", p.event.ID, "rule", p.event.RuleID(), "err", err)
		}
		if i%saveEvery == saveEvery-1 {
			e.settle(true)
		}
	}
	e.settle(false)
	e.mu.Lock()
	defer e.mu.Unlock()
	hopeless(queue)
	left := 0
	for _, p := range e.queue {
		if !p.durable {
			left++
		}
	}
	e.left = left
	return left
}

// hopeless tells those who wait for what is left in a queue that it is not on
// disk: it is kept in memory and tried again.
func hopeless(queue []*pending) {
	for _, p := range queue {
		if p.saved != nil {
			p.saved <- errNotDurable
			p.saved = nil
		}
	}
}

// errNotDurable says that an event before this state, or its own, is not on disk.
var errNotDurable = errors.New("an event cannot be written")

// settle takes in the states of the transitions that are durable, up to the first
// that is not: a state never says more than the spool. It saves them when
// somebody waits for one, when the last try failed, or when it is time.
func (e *emitter) settle(timely bool) {
	e.mu.Lock()
	n := 0
	var waiting []chan<- error
	for n < len(e.queue) && e.queue[n].durable {
		e.state.take(e.queue[n].transition)
		if saved := e.queue[n].saved; saved != nil {
			waiting, e.queue[n].saved = append(waiting, saved), nil
		}
		n++
	}
	e.queue = e.queue[n:]
	e.mu.Unlock()
	e.due = e.due || n > 0
	if !e.due && !e.unsaved || !timely && !e.unsaved && len(waiting) == 0 {
		return
	}
	err := e.state.Save(time.Now())
	e.due = false
	if err != nil && !e.unsaved {
		e.log.Error("state not saved, tried again", "err", err)
	}
	e.unsaved = err != nil
	e.mu.Lock()
	e.stale = e.unsaved
	e.mu.Unlock()
	for _, saved := range waiting {
		saved <- err
	}
}
