package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tocsin"
	"tocsin/notify/spool"
)

// Router decides who hears of an event.
type Router struct {
	Routes []Route
	Mails  []Mail
}

// Targets lists who hears of ev: the notifiers of the first route that it
// matches, and of those after it while they say continue. Without any route
// every event goes to every notifier. Each notifier comes once.
func (r Router) Targets(ev *tocsin.Event) []spool.Target {
	if len(r.Routes) == 0 {
		targets := make([]spool.Target, 0, len(r.Mails))
		for _, m := range r.Mails {
			targets = append(targets, m.target(0))
		}
		return targets
	}
	var targets []spool.Target
	seen := make(map[string]bool)
	for _, route := range r.taken(ev) {
		for _, name := range route.Notify {
			if m, ok := r.mail(name); ok && !seen[name] {
				seen[name] = true
				targets = append(targets, m.target(route.Group))
			}
		}
	}
	return targets
}

// Reminder is how often ev is repeated by its first route that says so.
func (r Router) Reminder(ev *tocsin.Event) time.Duration {
	for _, route := range r.taken(ev) {
		if route.Reminder > 0 {
			return route.Reminder
		}
	}
	return 0
}

func (r Router) taken(ev *tocsin.Event) []Route {
	var taken []Route
	for _, route := range r.Routes {
		if route.When != nil && !route.When.Match(ev) {
			continue
		}
		taken = append(taken, route)
		if !route.Continue {
			break
		}
	}
	return taken
}

func (r Router) mail(name string) (Mail, bool) {
	for _, m := range r.Mails {
		if m.Name == name {
			return m, true
		}
	}
	return Mail{}, false
}

// target is the notifier with the addresses that it has now.
func (m Mail) target(hold time.Duration) spool.Target {
	t := spool.Target{Notifier: m.Name, Hold: hold}
	seen := make(map[string]bool)
	for _, list := range [][]string{m.To, m.Cc, m.Bcc} {
		for _, mailbox := range list {
			if address := bare(mailbox); !seen[address] {
				seen[address] = true
				t.Addresses = append(t.Addresses, address)
			}
		}
	}
	return t
}

// Desk takes events in: it routes them and puts them into the spool.
type Desk struct {
	Spool *spool.Spool
	Log   *slog.Logger
	// Router is asked for each event, so that a reload can replace it.
	Router func() Router
}

// fullNote is what a mail says that could not be made durable.
const fullNote = "This mail was sent from memory: the agent's spool could not be written to"

// Emit makes ev durable for everybody who is to hear of it. When the spool's
// disk does not take it, it is sent from memory all the same, the mail says
// so, and the error asks the caller to emit it again later.
func (d *Desk) Emit(ev tocsin.Event) error {
	router := d.Router()
	targets := router.Targets(&ev)
	if len(targets) == 0 {
		d.Log.Warn("event goes to nobody: no route and no mail block take it", "event", ev.ID, "rule", ev.RuleID())
		return nil
	}
	item := spool.Item{ID: ev.ID, Queued: ev.At, Severity: ev.Severity, Targets: targets, Event: &ev}
	err := d.Spool.Put(item)
	if err == nil {
		return nil
	}
	noted := ev
	noted.Note = fmt.Sprintf("%s (%v).", fullNote, rootCause(err))
	item.Event = &noted
	if holdErr := d.Spool.Hold(item); holdErr != nil {
		err = errors.Join(err, holdErr)
	}
	return fmt.Errorf("emit %s: %w", ev.RuleID(), err)
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
