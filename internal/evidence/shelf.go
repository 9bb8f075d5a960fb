package evidence

import (
	"context"
	"time"

	"tocsin/internal/config"
)

// How long what was gathered is shared: the failures of a storm are of one
// moment. The lines of a failure are in no journal that was read before it.
const (
	fresh        = 5 * time.Second
	freshJournal = time.Second
)

// shelf keeps what one source gathered last. One gathering is out at a time: a
// storm of failures starts no storm of walks, and one that hangs no other.
type shelf struct {
	source Source
	fresh  time.Duration
	token  chan struct{} // held while the source gathers, or kept is looked at
	kept   map[About]kept
}

type kept struct {
	exhibit Exhibit
	at      time.Time
}

func newShelf(name string, s Source) *shelf {
	age := fresh
	if name == config.EvidenceJournal {
		age = freshJournal
	}
	return &shelf{source: s, fresh: age, token: make(chan struct{}, 1), kept: make(map[About]kept)}
}

// get is what is on the shelf, or else what the source gathers. It returns when
// ctx ends.
func (s *shelf) get(ctx context.Context, about About) Exhibit {
	select {
	case s.token <- struct{}{}:
	case <-ctx.Done():
		return Exhibit{Missing: "what was asked for before has not come to its end in " + patience.String()}
	}
	now := time.Now()
	for other, k := range s.kept {
		if now.Sub(k.at) >= s.fresh {
			delete(s.kept, other)
		}
	}
	if k, ok := s.kept[about]; ok {
		<-s.token
		return k.exhibit
	}
	if ctx.Err() != nil {
		<-s.token
		return Exhibit{Missing: "no answer within " + patience.String()}
	}
	out := make(chan Exhibit, 1)
	go func() { // whoever asked does not wait for a call that hangs
		e := s.source.Gather(ctx, about)
		if ctx.Err() == nil || len(e.Lines) > 0 {
			s.kept[about] = kept{e, time.Now()}
		}
		<-s.token
		out <- e
	}()
	select {
	case e := <-out:
		return e
	case <-ctx.Done():
	}
	// One that heeds ctx brings what it has so far.
	select {
	case e := <-out:
		return e
	case <-time.After(grace):
		return Exhibit{Missing: "no answer within " + patience.String()}
	}
}

// grace is how long after its deadline a source may bring what it has.
const grace = 200 * time.Millisecond
