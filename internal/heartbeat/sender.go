package heartbeat

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// State is what is known of one heartbeat.
type State struct {
	Name string
	// Sent is when the last one was taken; zero before the first.
	Sent time.Time
	// Failing is since when none was taken although the agent was well, zero
	// when the last one was; Reason is why.
	Failing time.Time
	Reason  string
	// Held is why none is sent: the agent is not well. Empty when it is.
	Held string
}

// Sender sends the heartbeats, each on its own. All methods are safe for
// concurrent use.
type Sender struct {
	Log *slog.Logger
	// Well says why the agent is not well enough for a heartbeat; nil when it
	// is. It returns in time.
	Well func(ctx context.Context, b Beat) error
	// Line is the line about the agent.
	Line func() string

	send func(ctx context.Context, b Beat, to Address, line string) error // nil is over the network

	mu    sync.Mutex
	beats []*pulse
}

// pulse is a heartbeat that is sent.
type pulse struct {
	beat  Beat
	state State
	stop  context.CancelFunc
	ended chan struct{}
}

// Configure sends these heartbeats until ctx ends, and no others. One that is as
// it was goes on.
func (s *Sender) Configure(ctx context.Context, beats []Beat) {
	s.mu.Lock()
	old := s.beats
	s.beats = nil
	for _, b := range beats {
		i := slices.IndexFunc(old, func(p *pulse) bool { return p.beat == b })
		if i >= 0 {
			s.beats, old = append(s.beats, old[i]), slices.Delete(slices.Clone(old), i, i+1)
			continue
		}
		one, cancel := context.WithCancel(ctx)
		p := &pulse{beat: b, state: State{Name: b.Name}, stop: cancel, ended: make(chan struct{})}
		s.beats = append(s.beats, p)
		go func() {
			defer close(p.ended)
			s.run(one, p)
		}()
	}
	s.mu.Unlock()
	for _, p := range old {
		p.stop()
		<-p.ended
	}
}

// Close ends all of them.
func (s *Sender) Close() { s.Configure(context.Background(), nil) }

// States are those of the heartbeats, in the order of the file.
func (s *Sender) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]State, 0, len(s.beats))
	for _, p := range s.beats {
		all = append(all, p.state)
	}
	return all
}

// firstWait spreads the first heartbeats after a start, and jitter is by which
// share of its time one comes sooner, so that many agents do not come at once.
const (
	firstWait = 5 * time.Second
	jitter    = 0.1
)

func (s *Sender) run(ctx context.Context, p *pulse) {
	wait := time.Duration(rand.Float64() * float64(min(firstWait, p.beat.Every))) //nolint:gosec // jitter is no secret
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		s.beat(ctx, p)
		every := p.beat.Every - time.Duration(jitter*rand.Float64()*float64(p.beat.Every)) //nolint:gosec // as above
		timer.Reset(max(0, every-time.Since(began)))
	}
}

// beat sends one, if the agent is well.
func (s *Sender) beat(ctx context.Context, p *pulse) {
	send := s.send
	if send == nil {
		send = func(ctx context.Context, b Beat, to Address, line string) error { return b.send(ctx, to, line) }
	}
	limited, cancel := context.WithTimeout(ctx, p.beat.Timeout)
	unwell := s.Well(limited, p.beat)
	cancel()
	to, line := p.beat.URL, ""
	if unwell == nil {
		line = s.Line()
	} else {
		to, line = p.beat.FailURL, unwell.Error()
	}
	var err error
	if to.IsSet() {
		err = send(ctx, p.beat, to, line)
	}
	if ctx.Err() != nil {
		return
	}
	s.note(p, unwell, err, time.Now())
}

// note remembers what became of a heartbeat, and logs what is new.
func (s *Sender) note(p *pulse, unwell, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log, before := s.Log.With("heartbeat", p.beat.Name), p.state
	p.state.Held, p.state.Reason = "", ""
	if unwell != nil {
		p.state.Held = unwell.Error()
		if before.Held == "" {
			log.Warn("heartbeat not sent, the agent is not well", "err", unwell)
		}
	} else if before.Held != "" {
		log.Info("heartbeat sent again, the agent is well")
	}
	switch {
	case err != nil:
		p.state.Reason = err.Error()
		if before.Failing.IsZero() {
			p.state.Failing = now
			log.Warn("heartbeat does not reach its service, tried again", "err", err)
		}
	case unwell != nil && !p.beat.FailURL.IsSet(): // nothing was tried
		p.state.Failing, p.state.Reason = time.Time{}, ""
	default:
		p.state.Failing = time.Time{}
		if unwell == nil {
			p.state.Sent = now
		}
		if !before.Failing.IsZero() {
			log.Info("heartbeat reaches its service again")
		}
	}
}
