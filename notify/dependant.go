package notify

import (
	"time"

	"tocsin"
)

// outdated is after how long what an event says of others is looked at again
// before its mail is made.
const outdated = time.Minute

// renew has the events of a mail that is made now say how the checks are now that
// depend on theirs: what failed behind a cause while that was silenced, or could
// not be sent, is told in no other mail. Whoever else has the events keeps theirs.
func (c *Courier) renew(j job, events []tocsin.Event, now time.Time) {
	if c.Renew == nil {
		return
	}
	var old []*tocsin.Event
	for i := range events {
		ev := &events[i]
		if ev.Type.TellsFailure() && (j.waiting[0].Item.Silence != nil || len(ev.Dependants) > 0 && now.Sub(ev.At) > outdated) {
			old = append(old, ev)
		}
	}
	if len(old) > 0 {
		c.Renew(old)
	}
}

// events are those that a mail is about which is made now.
func (j job) events() []tocsin.Event {
	events := make([]tocsin.Event, 0, len(j.waiting))
	for _, w := range j.waiting {
		if w.Item.Event != nil {
			events = append(events, *w.Item.Event)
		}
	}
	return events
}
