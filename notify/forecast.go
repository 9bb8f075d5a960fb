package notify

import (
	"maps"
	"slices"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// Backlog is what waits, and by what it goes.
type Backlog struct {
	Setup   Setup
	Letters []spool.Letter
	Waiting []spool.Waiting
	Used    map[string][]quota.Use // by account, oldest first
	Paused  map[string]time.Time   // until when, by account
	// Silenced is until when what holds items back lasts, by its key.
	Silenced map[string]time.Time
}

// Forecast is how a backlog goes out, if every mail server takes every mail at
// once and nothing else comes up.
type Forecast struct {
	Mails int
	// Last is when the last mail goes; zero when there is none.
	Last time.Time
	// More is how many items and mails wait longer than is looked ahead.
	More int
	// Stuck is how many items and mails no server of the setup will take.
	Stuck int
}

// How far is looked ahead.
const (
	maxForecast  = 1000      // mails
	maxLooked    = 1_000_000 // items and mails that were looked at for that
	forecastTime = 7 * 24 * time.Hour
)

// Forecast looks ahead from now by the courier's own decisions. It is pure.
func (b Backlog) Forecast(now time.Time) Forecast {
	var f Forecast
	horizon, looked := now.Add(forecastTime), 0
	letters, waiting := slices.Clone(b.Letters), slices.Clone(b.Waiting)
	used := make(map[string][]quota.Use, len(b.Used))
	for account, list := range maps.All(b.Used) {
		used[account] = slices.Clone(list)
	}
	for len(letters)+len(waiting) > 0 {
		if looked += len(letters) + len(waiting); f.Mails == maxForecast || looked > maxLooked || now.After(horizon) {
			f.More = len(letters) + len(waiting)
			return f
		}
		plan := board{
			now: now, letters: letters, waiting: waiting, servers: b.Setup.servers,
			paused:   func(account string) time.Time { return b.Paused[account] },
			silenced: func(key string, _ *tocsin.Event) time.Time { return b.Silenced[key] },
			look: func(account string, critical bool) quota.Verdict {
				return quota.Decide(b.Setup.account(account).Limit, used[account], critical, now)
			},
		}
		account, j, wake := plan.nextOfAll(b.Setup.Accounts)
		if account == "" {
			if !wake.After(now) {
				break
			}
			now = wake
			continue
		}
		used[account] = append(used[account], quota.Use{At: now, Recipients: j.recipients(), Critical: j.severity() == tocsin.Critical})
		f.Mails, f.Last = f.Mails+1, now
		letters = slices.DeleteFunc(letters, func(l spool.Letter) bool { return j.letter != nil && l.Mail.ID == j.letter.Mail.ID })
		waiting = without(waiting, j.waiting)
	}
	f.Stuck = len(letters) + len(waiting)
	return f
}

// nextOfAll is next for the first account that has something to do.
func (b board) nextOfAll(accounts []Account) (account string, j job, wake time.Time) {
	for _, a := range accounts {
		j, again := b.next(a.Name)
		if j.letter != nil || len(j.waiting) > 0 {
			return a.Name, j, time.Time{}
		}
		wake = earlier(wake, again)
	}
	return "", job{}, wake
}

func (j job) recipients() int {
	if j.letter != nil {
		return len(j.letter.Delivery.Pending(*j.letter.Mail))
	}
	return len(j.waiting[0].Target.Addresses)
}

func without(all, gone []spool.Waiting) []spool.Waiting {
	left := make(map[string]bool, len(gone))
	for _, w := range gone {
		left[w.ID()] = true
	}
	return slices.DeleteFunc(all, func(w spool.Waiting) bool { return left[w.ID()] })
}
