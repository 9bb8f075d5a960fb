package notify

import (
	"slices"
	"time"

	"tocsin"
	"tocsin/notify/spool"
)

// Nobody stands, as notifier and as address, for whoever will be told while no
// rule file has a mail block. No block and no address is called so.
const Nobody = "(nobody yet)"

// maxUnaddressed is how many events wait for somebody, and as many ends of them. What happens after them
// is told to nobody: a machine may run for a year without a mail server.
const maxUnaddressed = 500

// nobody is the target of what waits for somebody.
func nobody() []spool.Target {
	return []spool.Target{{Notifier: Nobody, Addresses: []string{Nobody}}}
}

// unaddressed says whether an item waits for somebody.
func unaddressed(i *spool.Item) bool {
	return len(i.Targets) == 1 && i.Targets[0].Notifier == Nobody
}

// crowded says that no more may wait for somebody. The end of what waits has a
// place of its own: who hears of a failure hears that it is over.
func (d *Desk) crowded(ev *tocsin.Event) bool {
	most := maxUnaddressed
	if ev.Type == tocsin.Recovered && ev.Mark != nil && slices.Contains(ev.Mark.Notified, Nobody) {
		most *= 2
	}
	n := 0
	for _, w := range d.Spool.Waiting() {
		if w.Target.Notifier == Nobody {
			n++
		}
	}
	return n >= most
}

// Address gives what waited for somebody to those whom the routes name now, if
// there is anybody. It is called when the router is another one. What the routes
// take to nobody waits no more. An error leaves the rest for the next time.
func (d *Desk) Address() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	router := d.Router()
	if len(router.Mails) == 0 {
		return nil
	}
	told, untold := 0, 0
	for _, w := range d.Spool.Waiting() {
		if !unaddressed(w.Item) || w.Item.Event == nil {
			continue
		}
		item, ok := d.addressed(router, w.Item)
		var err error
		if ok {
			told++
			err = d.Spool.Amend(item)
		} else {
			untold++
			err = d.Spool.Withdraw(w.Item.ID)
		}
		if err != nil {
			return err
		}
	}
	if told+untold > 0 {
		d.Log.Info("what waited for a mail block goes by the routes", "events", told, "to_nobody", untold)
	}
	return nil
}

// addressed is an item as the router has it now. How long it has waited and what
// silences it stay as they were.
func (d *Desk) addressed(router Router, old *spool.Item) (item spool.Item, ok bool) {
	ev := *old.Event
	if ev.Mark != nil { // nobody was told yet
		mark := *ev.Mark
		mark.Notified = others(mark.Notified, Nobody)
		ev.Mark = &mark
	}
	if item, ok = router.Item(ev, time.Now()); !ok {
		return item, false
	}
	item.Queued, item.Silence = old.Queued, old.Silence
	item.Event = notified(item.Event, item.Notifiers())
	return item, true
}

// others are the names but one; nil stays nil, which is not known.
func others(names []string, name string) []string {
	var rest []string
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

// toNobody logs an event that nobody hears of.
func (d *Desk) toNobody(ev *tocsin.Event) {
	switch {
	case endsUntold(ev):
		d.Log.Info("recovery goes to nobody, as the failure did", "event", ev.ID, "rule", ev.RuleID())
	case len(d.Router().Mails) == 0:
		d.Log.Warn("event goes to nobody: no mail block, and enough waits for one", "event", ev.ID, "rule", ev.RuleID())
	default:
		d.Log.Warn("event goes to nobody: no route and no mail block take it", "event", ev.ID, "rule", ev.RuleID())
	}
}
