package notify

import (
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

// UnitKind and UnitRule mark the events of units that no check watches.
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
	case ev.Kind == UnitKind && ev.Rule == UnitRule:
		return HookUnit
	default:
		return ""
	}
}

// Targets lists who hears of ev, each route of the mail by itself: the notifiers of the first route that it
// matches, and of those after it while they say continue. Without any route
// every event goes to every notifier. Each notifier comes once. A hook block
// decides for its own events; those of the machine itself wait for no others:
// a machine that goes down has no time.
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
// of it. It waits from now on, however old the event is.
func (r Router) Item(ev tocsin.Event, now time.Time) (item spool.Item, ok bool) {
	targets := r.Targets(&ev)
	return spool.Item{ID: ev.ID, Queued: now, Severity: ev.Severity, Targets: targets, Event: &ev}, len(targets) > 0
}

func (r Router) routed(ev *tocsin.Event) []spool.Target {
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
