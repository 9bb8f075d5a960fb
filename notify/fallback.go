package notify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tocsin"
	"tocsin/notify/spool"
)

// relieveAgain is how soon is looked again at what is late for another reason
// than its mail servers, which may fail meanwhile.
const relieveAgain = time.Minute

// undelivered is an event that a notifier should have had by now.
type undelivered struct {
	item     spool.Item
	notifier Mail
	since    time.Time // when it was due
	reason   string    // why it has not gone; empty for want of room
	overdue  bool
}

// Relieve tells the fallbacks of notifiers what these cannot be told, until ctx
// ends or the courier has.
func (c *Courier) Relieve(ctx context.Context) {
	done := map[string]bool{}
	for {
		c.mu.Lock()
		quit := c.quit
		c.mu.Unlock()
		var next <-chan time.Time
		var wake time.Time
		if done, wake = c.relieve(done, time.Now()); !wake.IsZero() {
			next = time.After(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
		case <-quit: // another setup is in force, or none any more
			c.mu.Lock()
			over := c.quit == quit
			c.mu.Unlock()
			if over {
				return
			}
		}
	}
}

// relieve does so once. done holds the ids of what was told before and is still
// undelivered; it returns the same for the next time, and when that is.
func (c *Courier) relieve(done map[string]bool, now time.Time) (told map[string]bool, wake time.Time) {
	c.mu.Lock()
	b := distress{now: now, setup: c.setup, pauses: maps.Clone(c.pauses.m)}
	c.mu.Unlock()
	if c.Silenced != nil {
		b.silenced = func(key string, ev *tocsin.Event) time.Time { return c.Silenced(key, ev, now) }
	}
	if !slices.ContainsFunc(b.setup.Mails, func(m Mail) bool { return m.Fallback.After > 0 }) {
		return nil, time.Time{}
	}
	b.waiting, b.letters, b.item = c.Spool.Waiting(), c.Spool.Letters(), c.Spool.Item
	all, wake := b.overdue()
	told = make(map[string]bool, len(all))
	for _, u := range all {
		for _, item := range b.relief(u) {
			told[item.ID] = true
			if !done[item.ID] && !c.fallBack(u, item) {
				delete(told, item.ID)
				wake = earlier(wake, now.Add(relieveAgain))
			}
		}
	}
	return told, wake
}

// replace tells the fallback at once of a mail that nobody gets: there is nothing
// to wait for.
func (c *Courier) replace(m spool.Mail, d spool.Delivery, now time.Time) {
	c.mu.Lock()
	b := distress{now: now, setup: c.setup}
	c.mu.Unlock()
	notifier, ok := b.fallible(m.Notifier)
	refused := d.Refused(m)
	if !ok || len(refused) < len(m.Recipients) {
		return
	}
	for _, id := range m.Items {
		item, ok := c.Spool.Item(id)
		if !ok || item.Event == nil {
			continue
		}
		u := undelivered{item: item, notifier: notifier, since: item.Queued, reason: d.Recipients[refused[0]].Reply}
		for _, instead := range b.relief(u) {
			c.fallBack(u, instead)
		}
	}
}

// fallBack puts an item for a fallback into the spool, and says whether it is
// durable.
func (c *Courier) fallBack(u undelivered, item spool.Item) bool {
	names := item.Notifiers()
	err := c.Spool.Put(item)
	if err != nil {
		_ = c.Spool.Hold(item) // it is tried again in any case
		c.Log.Error("event for a fallback not durable, tried again", "event", item.Event.ID, "err", err)
		return false
	}
	c.Log.Warn("notifier not reached, told its fallback", "event", item.Event.ID, "rule", item.Event.RuleID(),
		"notifier", u.notifier.Name, "fallback", names, "since", u.since.Format(time.RFC3339), "reason", u.reason)
	if c.FellBack != nil {
		c.FellBack(item.Event, names)
	}
	return true
}

// distress is everything that a decision about fallbacks looks at.
type distress struct {
	now     time.Time
	setup   Setup
	pauses  map[string]Pause
	waiting []spool.Waiting
	letters []spool.Letter
	item    func(id string) (spool.Item, bool)
	// silenced says until when a silence holds its items back; nil is never.
	silenced func(key string, ev *tocsin.Event) time.Time
}

// overdue lists what is to go to fallbacks, the oldest first, and says when to
// look again. A recovery goes with its failure: whoever hears of the one does
// not wait for the other.
func (b distress) overdue() (all []undelivered, wake time.Time) {
	var waiting []undelivered
	failures := make(map[string]bool)
	for _, u := range b.undelivered() {
		at := u.since.Add(u.notifier.Fallback.After)
		switch {
		case at.After(b.now):
			wake = earlier(wake, at)
		case u.reason == "" && u.item.Severity != tocsin.Critical: // it waits for the limits, which is no failure
			wake = earlier(wake, b.now.Add(relieveAgain))
		default:
			u.overdue = true
			if u.item.Event.Type.TellsFailure() {
				failures[u.incident()] = true
			}
		}
		waiting = append(waiting, u)
	}
	for _, u := range waiting {
		if u.overdue || u.item.Event.Type == tocsin.Recovered && failures[u.incident()] {
			all = append(all, u)
		}
	}
	slices.SortStableFunc(all, func(x, y undelivered) int {
		return cmp.Or(x.item.Event.At.Compare(y.item.Event.At), cmp.Compare(x.item.ID, y.item.ID))
	})
	if wake.IsZero() || wake.Sub(b.now) > b.least() {
		wake = b.now.Add(b.least()) // what comes meanwhile is not overdue before
	}
	return all, wake
}

func (u undelivered) incident() string { return u.notifier.Name + "\n" + u.item.Event.Incident }

// least is the shortest time after which a fallback is told.
func (b distress) least() time.Duration {
	var least time.Duration
	for _, m := range b.setup.Mails {
		if after := m.Fallback.After; after > 0 && (least == 0 || after < least) {
			least = after
		}
	}
	return least
}

// undelivered lists the events that notifiers with a fallback should have had
// or will: those that wait, and those in mails that nobody has taken.
func (b distress) undelivered() []undelivered {
	var all []undelivered
	for _, w := range b.waiting {
		if m, ok := b.fallible(w.Target.Notifier); ok && w.Item.Event != nil {
			all = append(all, undelivered{item: *w.Item, notifier: m, since: b.due(w.Item, w.Due(b.now)), reason: b.reason(w.Target)})
		}
	}
	for _, l := range b.letters {
		m, ok := b.fallible(l.Mail.Notifier)
		if !ok || len(l.Delivery.Pending(*l.Mail)) < len(l.Mail.Recipients) {
			continue // somebody has it
		}
		target := spool.Target{Notifier: l.Mail.Notifier, Addresses: l.Mail.Recipients}
		for _, id := range l.Mail.Items {
			item, ok := b.item(id)
			if !ok || item.Event == nil {
				continue
			}
			since := item.Queued
			for _, t := range item.Targets {
				if t.Notifier == target.Notifier {
					since = item.Queued.Add(t.Hold)
				}
			}
			all = append(all, undelivered{item: item, notifier: m, since: b.due(&item, since), reason: cmp.Or(l.Delivery.LastError, b.reason(target))})
		}
	}
	return all
}

// due is when an item should have gone at last, of which a silence may hold back
// what is due otherwise.
func (b distress) due(item *spool.Item, at time.Time) time.Time {
	s := item.Silence
	if s == nil {
		return at
	}
	if b.silenced != nil {
		at = later(at, b.silenced(s.Key, item.Event))
	}
	if !s.Until.After(b.now) { // it was not lifted before
		at = later(at, s.Until)
	}
	return at
}

// fallible is a notifier with a fallback.
func (b distress) fallible(name string) (Mail, bool) {
	i := slices.IndexFunc(b.setup.Mails, func(m Mail) bool { return m.Name == name && m.Fallback.After > 0 })
	if i < 0 {
		return Mail{}, false
	}
	return b.setup.Mails[i], true
}

// reason says why no mail server takes the mail to a target: what the first of
// them said. It is empty when one of them has not failed.
func (b distress) reason(t spool.Target) string {
	reason := ""
	for _, address := range t.Addresses {
		for _, server := range b.setup.servers(t.Notifier, address) {
			p := b.pauses[server]
			if p.Failures == 0 {
				return ""
			}
			reason = cmp.Or(reason, p.Reason, "mail server "+server+" fails")
		}
	}
	return reason
}

// relief are the items for the fallbacks of what was not delivered, but for
// those that have the event anyway. Their ids depend on the event and the
// fallback: a restart tells nobody twice.
func (b distress) relief(u undelivered) []spool.Item {
	const most = 300 // of a reason, in runes
	ev := *u.item.Event
	note := fmt.Sprintf("mail.%s could not be reached since %s", u.notifier.Name, u.since.Format("2006-01-02 15:04:05 -0700"))
	if reason := []rune(u.reason); len(reason) > 0 {
		note += ": " + string(reason[:min(len(reason), most)])
	}
	if ev.Note != "" {
		note = ev.Note + " " + note
	}
	ev.Note = note
	var items []spool.Item
	for _, name := range u.notifier.Fallback.Notify {
		m, ok := (Router{Mails: b.setup.Mails}).mail(name)
		if !ok || slices.Contains(u.item.Notifiers(), name) {
			continue
		}
		if t := m.target(&ev, 0); len(t.Addresses) > 0 {
			items = append(items, spool.Item{
				ID: tocsin.Identify("fallback", ev.ID, name), Queued: b.now, Severity: u.item.Severity,
				Targets: b.setup.Domains.SplitAll([]spool.Target{t}), Event: &ev,
			})
		}
	}
	return items
}
