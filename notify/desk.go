package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tocsin"
	"tocsin/notify/silence"
	"tocsin/notify/spool"
)

// Desk takes events in: it routes them and puts them into the spool.
type Desk struct {
	Spool *spool.Spool
	Log   *slog.Logger
	// Router is asked for each event, so that a reload can replace it.
	Router func() Router
	// Silenced says what holds back the event of a check, if anything does; may
	// be nil.
	Silenced func(ev *tocsin.Event, now time.Time) (silence.Spell, bool)

	// mu lets Address see every item that was put by an older router.
	mu sync.RWMutex
}

// fullNote is what a mail says that could not be made durable.
const fullNote = "This mail was sent from memory: the agent's spool could not be written to"

// Emit makes ev durable for everybody who is to hear of it. When the spool's
// disk does not take it, it is sent from memory all the same, the mail says
// so, and the error asks the caller to emit it again later.
func (d *Desk) Emit(ev tocsin.Event) error {
	_, err := d.EmitHeld(ev, 0)
	return err
}

// EmitHeld is Emit for an event that Complete will finish. Until then, and no
// longer than hold, its mails wait; hold 0 is for an event that is whole. told
// names the notifiers that it goes to, also with an error.
func (d *Desk) EmitHeld(ev tocsin.Event, hold time.Duration) (told []string, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	item, ok := d.item(ev, hold)
	ok = ok && (!unaddressed(&item) || !d.crowded(&ev))
	if ok && item.Silence != nil && ev.Type == tocsin.Reminder {
		d.Log.Info("not repeated while it is silenced", "rule", ev.RuleID(), "by", item.Silence.Text)
		return nil, nil
	}
	if !ok {
		d.toNobody(&ev)
		return nil, nil
	}
	told = item.Notifiers()
	if err = d.Spool.Put(item); err == nil {
		return told, nil
	}
	noted := *item.Event
	noted.Note = fmt.Sprintf("%s (%v).", fullNote, rootCause(err))
	item.Event = &noted
	if holdErr := d.Spool.Hold(item); holdErr != nil {
		err = errors.Join(err, holdErr)
	}
	return told, fmt.Errorf("emit %s: %w", ev.RuleID(), err)
}

// endsUntold says whether an event is the end of a failure of which nobody was
// told.
func endsUntold(ev *tocsin.Event) bool {
	return ev.Type == tocsin.Recovered && ev.Mark != nil && ev.Mark.Notified != nil && len(ev.Mark.Notified) == 0
}

// Complete replaces an event that was emitted held by what is known now, and
// lets it go. One that is in a mail already stays as it was.
func (d *Desk) Complete(ev tocsin.Event) error {
	item, ok := d.item(ev, 0)
	if !ok {
		return nil
	}
	return d.Spool.Amend(item)
}

func (d *Desk) item(ev tocsin.Event, hold time.Duration) (item spool.Item, ok bool) {
	now := time.Now()
	item, ok = d.Router().Item(ev, now)
	if d.Silenced != nil && !exempt(&ev) {
		if s, silenced := d.Silenced(&ev, now); silenced {
			item.Silence = &spool.Silence{Key: s.Key(), Until: s.Until, Text: s.String()}
		}
	}
	item.Event = notified(item.Event, item.Notifiers())
	for i := range item.Targets {
		item.Targets[i].Hold = max(item.Targets[i].Hold, hold)
	}
	return item, ok
}

// exempt are the events that no silence holds back: that mail was lost or a file
// is damaged, and what a person asked for this moment.
func exempt(ev *tocsin.Event) bool {
	return ev.Type == tocsin.Test || ev.Type == tocsin.Instance && ev.Kind == alarmKind && ev.Check == alarmCheck && ev.Rule != "instance"
}

// rootCause is the innermost error: "no space left on device" is what a
// reader needs, not the path to it.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// notified is ev with those in its mark who hear of the failure by it: the
// engine's state is rolled forward from what the spool has.
func notified(ev *tocsin.Event, names []string) *tocsin.Event {
	if ev.Mark == nil || ev.Mark.Notified == nil || !ev.Type.TellsFailure() {
		return ev
	}
	noted, mark := *ev, *ev.Mark
	mark.Notified = slices.Clip(mark.Notified)
	for _, name := range names {
		if !slices.Contains(mark.Notified, name) {
			mark.Notified = append(mark.Notified, name)
		}
	}
	noted.Mark = &mark
	return &noted
}
