// Package evidence puts into the mail of a failure what the rule asks for of
// that moment: the processes that take the most, the last lines of the journal,
// the biggest directories. It stands before the desk as the engine's sink. The
// event is durable at once and held; gathering runs beside, and the event is
// completed with whatever came in time.
package evidence

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"tocsin"
	"tocsin/internal/config"
	"tocsin/internal/engine"
)

const (
	// patience is how long a mail waits for its evidence, all kinds together:
	// they are gathered side by side.
	patience = 2 * time.Second
	// margin is how much longer the spool holds the event: time to write it
	// down. After a crash in between the mail goes without evidence then.
	margin = time.Second
)

// Desk makes events durable, and those of some rules complete.
type Desk struct {
	// EmitHeld makes an event durable and holds its mails for so long; Complete
	// replaces it and lets them go. They are those of notify.Desk.
	EmitHeld func(ev tocsin.Event, hold time.Duration) (told []string, err error)
	Complete func(ev tocsin.Event) error
	// Config is asked for each event, so that a reload can replace it.
	Config func() *config.Config
	// Sources gathers, by the name that a rule file has for it.
	Sources map[string]Source
	Log     *slog.Logger

	once    sync.Once
	ctx     context.Context //nolint:containedctx // the lifetime of what runs beside the engine
	cancel  context.CancelFunc
	shelves map[string]*shelf
	wg      sync.WaitGroup
}

// Source gathers one kind of evidence about what an event is about. It ends soon
// after ctx where the kernel allows; nobody waits for it longer.
type Source interface {
	Gather(ctx context.Context, about About) Exhibit
}

// About is what of an event evidence depends on. Events with the same About
// share what was gathered.
type About struct {
	Kind, Check string
	// Attribute is that of the check which the kind of evidence goes by, such as
	// the path of a file system.
	Attribute string
}

// Exhibit is one piece of evidence: lines under a heading.
type Exhibit struct {
	Heading string
	Lines   []string
	// Missing says why there is nothing, or less than all; empty when it is
	// whole.
	Missing string
}

var _ engine.Sink = (*Desk)(nil)

func (d *Desk) begin() {
	d.once.Do(func() {
		d.ctx, d.cancel = context.WithCancel(context.Background())
		d.shelves = make(map[string]*shelf, len(d.Sources))
		for name, source := range d.Sources {
			d.shelves[name] = newShelf(name, source)
		}
	})
}

// Emit makes ev durable at once, says who is told, and gathers beside. It is
// called by one goroutine at a time.
func (d *Desk) Emit(ev tocsin.Event) (told []string, err error) {
	d.begin()
	var wanted []string
	cfg := d.Config()
	if ev.Type == tocsin.Failed {
		wanted = cfg.Evidence(ev.Kind, ev.Check, ev.Rule)
	}
	if len(wanted) == 0 {
		return d.EmitHeld(ev, 0)
	}
	if told, err = d.EmitHeld(ev, patience+margin); err != nil {
		return told, err // sent from memory; when it comes again its moment is over
	}
	about := make([]About, len(wanted))
	for i, name := range wanted {
		about[i] = aboutOf(cfg, &ev, name)
	}
	d.wg.Go(func() { d.complete(ev, wanted, about) })
	return told, nil
}

// aboutOf is what one kind of evidence depends on.
func aboutOf(cfg *config.Config, ev *tocsin.Event, name string) About {
	switch name {
	case config.EvidenceDisk:
		return About{Attribute: cfg.Attribute(ev.Kind, ev.Check, "path")}
	case config.EvidenceJournal:
		return About{Kind: ev.Kind, Check: ev.Check, Attribute: cfg.Attribute(ev.Kind, ev.Check, "unit")}
	default: // of the whole host
		return About{}
	}
}

// complete gathers all that is wanted side by side and completes the event.
func (d *Desk) complete(ev tocsin.Event, wanted []string, about []About) {
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	exhibits := make([]Exhibit, len(wanted))
	var wg sync.WaitGroup
	for i, name := range wanted {
		wg.Go(func() { exhibits[i] = d.shelves[name].get(ctx, about[i]) })
	}
	wg.Wait()
	var b strings.Builder
	b.WriteString(strings.TrimRight(cmp.Or(ev.Description, ev.Name), "\n"))
	for i, name := range wanted {
		e := exhibits[i]
		e.Heading = cmp.Or(e.Heading, headingOf(name))
		b.WriteString("\n\n" + e.text())
		if e.Missing != "" {
			d.Log.Info("evidence is not whole", "event", ev.ID, "evidence", name, "reason", e.Missing)
		}
	}
	ev.Description = b.String()
	if err := d.Complete(ev); err != nil {
		d.Log.Error("event not completed, its mail goes without evidence", "event", ev.ID, "err", err)
	}
}

// headingOf is the heading of evidence that did not come.
func headingOf(name string) string {
	switch name {
	case config.EvidenceTopCPU:
		return "Most processor time"
	case config.EvidenceTopMemory:
		return "Most memory"
	case config.EvidenceJournal:
		return "Journal"
	default:
		return "Biggest directories"
	}
}

// Close lets all events go with what has been gathered, and returns when they
// have. The engine has ended before.
func (d *Desk) Close() {
	d.begin()
	d.cancel()
	d.wg.Wait()
}
