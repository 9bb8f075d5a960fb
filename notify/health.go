package notify

import (
	"time"

	"tocsin"
	"tocsin/notify/smtp"
	"tocsin/notify/spool"
)

// Health is how the mail is doing. All durations are 0 when there is nothing to
// complain of.
type Health struct {
	// Length counts the mails and events that are not delivered and not on hold.
	Length int
	// Age is how long the oldest of them has waited that may go by now, and
	// CriticalAge the same of critical events, which no limit holds back for
	// long.
	Age, CriticalAge time.Duration
	// Failing is how long mail waits because it does not work: something may go,
	// and every mail server has failed since.
	Failing time.Duration
	// ServerFailing is how long the mail server fails that has failed for
	// longest, without one mail in between; a limit that is reached is no
	// failure.
	ServerFailing time.Duration
	// Paused counts the mail servers that are left alone now.
	Paused int
	// Delivered is when a mail server last took a mail, zero before the first.
	Delivered time.Time
}

// Health looks at the queue and the mail servers.
func (c *Courier) Health(now time.Time) Health {
	letters, waiting := c.Spool.Letters(), c.Spool.Waiting()
	c.mu.Lock()
	defer c.mu.Unlock()
	pauses := make([]Pause, 0, len(c.setup.Accounts))
	for _, a := range c.setup.Accounts {
		pauses = append(pauses, c.pauses.m[a.Name])
	}
	h := healthOf(letters, waiting, pauses, now)
	h.Delivered = c.delivered
	return h
}

// healthOf judges. pauses has one for each mail server, the zero value for one
// that is fine.
func healthOf(letters []spool.Letter, waiting []spool.Waiting, pauses []Pause, now time.Time) Health {
	h := Health{Length: len(letters) + len(waiting)}
	age := func(since time.Time, severity tocsin.Severity) {
		d := now.Sub(since)
		h.Age = max(h.Age, d)
		if severity == tocsin.Critical {
			h.CriticalAge = max(h.CriticalAge, d)
		}
	}
	for _, l := range letters {
		age(l.Mail.Queued, l.Mail.Severity)
	}
	for _, w := range waiting {
		if w.Item.Silence != nil || w.Target.Notifier == Nobody {
			continue // it waits because somebody wants that, or did until now
		}
		age(w.Due(now), w.Item.Severity)
	}
	least, all := time.Duration(0), true
	for _, p := range pauses {
		if p.Until.After(now) {
			h.Paused++
		}
		if p.Failures == 0 || p.Class == smtp.QuotaReached.String() {
			all = false
			continue
		}
		d := max(0, now.Sub(p.Since))
		h.ServerFailing = max(h.ServerFailing, d)
		if least == 0 || d < least {
			least = d
		}
	}
	if all && len(pauses) > 0 && h.Age > 0 {
		h.Failing = min(least, h.Age)
	}
	return h
}
