package notify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tocsin"
	"tocsin/notify/spool"
	"tocsin/notify/transport"
)

// Router decides who hears of an event.
type Router struct {
	Routes []Route
	Mails  []Mail
	// Hooks say of the events that a hook block is about, by its label, who
	// hears of them in place of the routes.
	Hooks map[string]Hook
	// Labels are for events that have none of their own, such as a boot: those of
	// the agent.
	Labels map[string]string
	// Domains splits a notifier whose addresses have routes of their own.
	Domains transport.Table
}

// Hook is where the events of a hook block go.
type Hook struct {
	// Notify names mail blocks; empty means that the routes decide.
	Notify []string
	// Template names the template block of the mails; empty means that of the
	// notifier.
	Template string
}

// The labels of the hook blocks.
const (
	HookBoot     = "boot"
	HookShutdown = "shutdown"
	HookUnit     = "unit"
)

// UnitKind and UnitRule mark the events of units that no check watches. A check may
// have a rule of that name: tocsin.Event.OfRule tells its events.
const (
	UnitKind = "unit"
	UnitRule = "unit"
)

// hookOf is the label of the hook block that an event is about, if any.
func hookOf(ev *tocsin.Event) string {
	switch {
	case ev.Type == tocsin.Boot:
		return HookBoot
	case ev.Type == tocsin.Shutdown:
		return HookShutdown
	case ev.Kind == UnitKind && ev.Rule == UnitRule && !ev.OfRule():
		return HookUnit
	default:
		return ""
	}
}

// Targets lists who hears of ev, each route of the mail by itself: the notifiers of the first route that it
// matches, and of those after it while they say continue. Without any route
// every event goes to every notifier. Each notifier comes once, with the
// addresses whose filters admit the event. An escalation goes to those of its
// step alone; a recovery goes to those who were told of the failure, whatever
// the routes say now, and as the routes say where that is not known or none of
// them is left. A hook block decides for its own events; those of the machine
// itself wait for no others: a machine that goes down has no time.
func (r Router) Targets(ev *tocsin.Event) []spool.Target {
	label := hookOf(ev)
	hook := r.Hooks[label]
	if len(hook.Notify) > 0 {
		r.Routes = []Route{{Notify: hook.Notify}}
	}
	targets := r.routed(ev)
	for i := range targets {
		targets[i].Template = hook.Template
		if label == HookBoot || label == HookShutdown || ev.Type == tocsin.Instance {
			targets[i].Hold = 0
		}
	}
	return r.Domains.SplitAll(targets)
}

// Item makes the spool's item of an event; ok is false when nobody is to hear
// of it. Without any mail block it is for Nobody. It waits from now on, however old the event is.
func (r Router) Item(ev tocsin.Event, now time.Time) (item spool.Item, ok bool) {
	if ev.Labels == nil {
		ev.Labels = r.Labels
	}
	targets := r.Targets(&ev)
	if len(r.Mails) == 0 && !endsUntold(&ev) {
		targets = nobody()
	}
	return spool.Item{ID: ev.ID, Queued: now, Severity: ev.Severity, Targets: targets, Event: &ev}, len(targets) > 0
}

// routed is who hears of an event, before the domains of the addresses.
func (r Router) routed(ev *tocsin.Event) []spool.Target {
	var targets []spool.Target
	seen := make(map[string]bool)
	add := func(names []string, hold time.Duration) {
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			if m, ok := r.mail(name); ok {
				if t := m.target(ev, hold); len(t.Addresses) > 0 {
					targets = append(targets, t)
				}
			}
		}
	}
	if ev.Type == tocsin.Escalation {
		add(r.step(ev.Step).Notify, 0)
		return targets
	}
	for _, route := range r.taken(ev, ev.At) {
		add(route.Notify, route.Group)
	}
	if ev.Type != tocsin.Recovered || ev.Mark == nil || ev.Mark.Notified == nil || r.forgotten(ev.Mark.Notified) {
		return targets
	}
	// Who was told of the failure hears of its end, and nobody else.
	add(ev.Mark.Notified, 0)
	return slices.DeleteFunc(targets, func(t spool.Target) bool { return !slices.Contains(ev.Mark.Notified, t.Notifier) })
}

// step is the escalation of that name; one that a reload has taken away is
// nobody's.
func (r Router) step(name string) Escalation {
	for _, route := range r.Routes {
		for _, e := range route.Escalate {
			if e.Step() == name {
				return e
			}
		}
	}
	return Escalation{}
}

// FollowUp says what follows, at a time, from a failure that lasts: its first
// route with a reminder decides that, and each has its escalations. It is nil
// when nothing ever does. The conditions are asked once, for the failure.
func (r Router) FollowUp(failure *tocsin.Event) func(now time.Time) FollowUp {
	var matching Router
	follows := false
	for _, route := range r.Routes {
		if route.When != nil && !route.When.Match(failure) {
			continue
		}
		route.When = nil
		matching.Routes = append(matching.Routes, route)
		follows = follows || route.Reminder > 0 || len(route.Escalate) > 0
		if !route.Continue && !route.During.ByClock() {
			break
		}
	}
	if !follows {
		return nil
	}
	return func(now time.Time) FollowUp {
		var f FollowUp
		for _, route := range matching.taken(failure, now) {
			f.Reminder = cmp.Or(f.Reminder, route.Reminder)
			f.Escalations = append(f.Escalations, route.Escalate...)
		}
		return f
	}
}

// taken are the routes that take an event at a time. Without any route that is
// one to every notifier.
func (r Router) taken(ev *tocsin.Event, at time.Time) []Route {
	if len(r.Routes) == 0 {
		var all Route
		for _, m := range r.Mails {
			all.Notify = append(all.Notify, m.Name)
		}
		return []Route{all}
	}
	var taken []Route
	for _, route := range r.Routes {
		if !route.During.Covers(at) || route.When != nil && !route.When.Match(ev) {
			continue
		}
		taken = append(taken, route)
		if !route.Continue {
			break
		}
	}
	return taken
}

// forgotten says that none of the notifiers that were told is there any more: a
// reload has renamed them.
func (r Router) forgotten(told []string) bool {
	return len(told) > 0 && !slices.ContainsFunc(told, func(name string) bool { _, known := r.mail(name); return known })
}

func (r Router) mail(name string) (Mail, bool) {
	for _, m := range r.Mails {
		if m.Name == name {
			return m, true
		}
	}
	return Mail{}, false
}

// target is the notifier with those of the addresses that it has now which want
// the event.
func (m Mail) target(ev *tocsin.Event, hold time.Duration) spool.Target {
	t := spool.Target{Notifier: m.Name, Hold: hold}
	if !m.admits(ev) {
		return t
	}
	seen := make(map[string]bool)
	for _, list := range [][]string{m.To, m.Cc, m.Bcc} {
		for _, mailbox := range list {
			if address := bare(mailbox); !seen[address] && m.wants(address, ev) {
				seen[address] = true
				t.Addresses = append(t.Addresses, address)
			}
		}
	}
	return t
}

// admits says whether the notifier as a whole wants an event. Who was told of a
// failure gets its end, also where its filter or the rule was another one then.
func (m Mail) admits(ev *tocsin.Event) bool {
	if ev.Type == tocsin.Recovered && ev.Mark != nil && slices.Contains(ev.Mark.Notified, m.Name) {
		return m.Filter.AdmitsEnd()
	}
	return m.Filter.Admits(ev)
}

// wants says whether an address wants an event that its notifier does.
func (m Mail) wants(address string, ev *tocsin.Event) bool {
	f, filtered := m.Filters[strings.ToLower(address)]
	return !filtered || f.Admits(ev)
}

// shown are those of the mailboxes that the header of a mail about the events
// names.
func (m Mail) shown(mailboxes []string, events []tocsin.Event) []string {
	if len(m.Filters) == 0 {
		return mailboxes
	}
	return slices.DeleteFunc(slices.Clone(mailboxes), func(mailbox string) bool {
		return slices.ContainsFunc(events, func(ev tocsin.Event) bool { return !m.wants(bare(mailbox), &ev) })
	})
}
