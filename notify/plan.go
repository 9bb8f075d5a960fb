package notify

import (
	"cmp"
	"slices"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// maxDigest is how many items one digest takes at most.
const maxDigest = 500

// farthest is how far ahead a try is ever set. One that is farther was set
// before the clock went back.
const farthest = longestWait + time.Hour

// patience is how long mail waits for room in the limits of its first server
// before the next one is asked.
const patience = time.Minute

// board is everything that a decision about the next mail looks at.
type board struct {
	now     time.Time
	letters []spool.Letter
	waiting []spool.Waiting
	// busy holds the keys of what another worker is at, with the zero time, and
	// of what is put off, with when it may be tried again.
	busy map[string]time.Time
	// servers lists, in order, the accounts that a notifier's mail may take.
	servers func(notifier string) []string
	// paused says until when an account is left alone.
	paused func(account string) time.Time
	// look says what an account's limits allow.
	look func(account string, critical bool, least time.Duration) quota.Verdict
}

// job is one mail to send: a letter that was composed before, or waiting items
// that share a target.
type job struct {
	letter  *spool.Letter
	waiting []spool.Waiting
}

// keys are what marks the job's parts as busy.
func (j job) keys() []string {
	if j.letter != nil {
		return []string{j.letter.Mail.ID}
	}
	keys := make([]string, 0, len(j.waiting))
	for _, w := range j.waiting {
		keys = append(keys, waitingKey(w))
	}
	return keys
}

func waitingKey(w spool.Waiting) string { return w.Item.ID + "\n" + w.Key() }

// over says whether every recipient of a letter has a verdict already, because
// only its end could not be saved.
func (j job) over() bool {
	return j.letter != nil && len(j.letter.Delivery.Pending(*j.letter.Mail)) == 0
}

func (j job) severity() tocsin.Severity {
	if j.letter != nil {
		return j.letter.Mail.Severity
	}
	severity := tocsin.Info
	for _, w := range j.waiting {
		severity = max(severity, w.Item.Severity)
	}
	return severity
}

// rank orders the jobs: a machine that goes down has no time, then what matters
// more.
func (j job) rank() int {
	if j.letter == nil && j.waiting[0].Item.Event != nil && j.waiting[0].Item.Event.Type == tocsin.Shutdown {
		return int(tocsin.Critical) + 1
	}
	return int(j.severity())
}

func (j job) critical() bool { return j.severity() == tocsin.Critical }

func (j job) notifier() string {
	if j.letter != nil {
		return j.letter.Mail.Notifier
	}
	return j.waiting[0].Target.Notifier
}

func (j job) queued() time.Time {
	if j.letter != nil {
		return j.letter.Mail.Queued
	}
	return j.waiting[0].Item.Queued
}

// next decides what account does now. It is pure. Without a job it says when
// to ask again; the zero time means when something changes.
func (b board) next(account string) (job, time.Time) {
	candidates, wake := b.candidates()
	var mine []job
	for _, j := range candidates {
		if j.over() {
			return j, time.Time{} // it needs no server, only its end on disk
		}
		chosen, again := b.choose(j)
		if chosen == account {
			mine = append(mine, j)
		}
		// The choice changes with time alone, and whoever is chosen then must
		// be awake.
		wake = earlier(wake, again)
	}
	slices.SortStableFunc(mine, func(a, b job) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), a.queued().Compare(b.queued()))
	})
	for _, j := range mine {
		if b.look(account, j.critical(), 0).Room > 0 {
			return b.batch(j, mine, account), time.Time{}
		}
	}
	return job{}, wake
}

// candidates lists what could go now, each waiting item on its own, and says
// when the next one could.
func (b board) candidates() ([]job, time.Time) {
	var jobs []job
	var wake time.Time
	for i := range b.letters {
		l := &b.letters[i]
		switch until, busy := b.taken(l.Mail.ID); {
		case busy:
			wake = earlier(wake, until)
		case l.Delivery.Next.After(b.now) && l.Delivery.Next.Sub(b.now) <= farthest:
			wake = earlier(wake, l.Delivery.Next)
		default:
			jobs = append(jobs, job{letter: l})
		}
	}
	groups := b.dueGroups()
	for _, w := range b.waiting {
		switch until, busy := b.taken(waitingKey(w)); {
		case busy:
			wake = earlier(wake, until)
		case w.Due(b.now).After(b.now) && !groups[w.Key()]:
			wake = earlier(wake, w.Due(b.now))
		default:
			jobs = append(jobs, job{waiting: []spool.Waiting{w}})
		}
	}
	return jobs, wake
}

// taken says whether a part is busy or put off, and until when if that is known.
func (b board) taken(key string) (until time.Time, busy bool) {
	until, busy = b.busy[key]
	return until, busy && (until.IsZero() || until.After(b.now))
}

// dueGroups says of which groups the first item is due: the others go with it.
func (b board) dueGroups() map[string]bool {
	due := make(map[string]bool)
	for _, w := range b.waiting {
		if w.Target.Hold > 0 && !w.Due(b.now).After(b.now) {
			due[w.Key()] = true
		}
	}
	return due
}

// choose finds the account for a job: the first of its servers that is not
// paused and has room soon, or else the one that has room first; none when all
// are paused. It also says when the answer may be another one, or there be
// room.
func (b board) choose(j job) (account string, again time.Time) {
	var first string
	var firstUntil time.Time
	for _, server := range b.servers(j.notifier()) {
		if until := b.paused(server); until.After(b.now) {
			again = earlier(again, until)
			continue
		}
		v := b.look(server, j.critical(), 0)
		if v.Room > 0 {
			return server, again
		}
		again = earlier(again, v.Until)
		soon := v.Until.Add(-patience)
		if !soon.After(b.now) {
			return server, again
		}
		again = earlier(again, soon)
		if first == "" || v.Until.Before(firstUntil) {
			first, firstUntil = server, v.Until
		}
	}
	return first, again
}

// batch makes a digest of a waiting item and what could go with it, when they
// are one group or when the limits are too short for a mail each.
func (b board) batch(j job, mine []job, account string) job {
	if j.letter != nil || !digestible(j.waiting[0]) {
		return j
	}
	first := j.waiting[0]
	if first.Target.Hold == 0 && b.fits(mine, account, j.critical()) {
		return j
	}
	digest := job{}
	for _, other := range mine {
		if other.letter == nil && len(digest.waiting) < maxDigest &&
			other.waiting[0].Key() == first.Key() && (first.Target.Hold == 0) == (other.waiting[0].Target.Hold == 0) && other.critical() == j.critical() && digestible(other.waiting[0]) {
			digest.waiting = append(digest.waiting, other.waiting[0])
		}
	}
	return digest
}

// digestible says whether an item may share a mail: an event that is durable.
func digestible(w spool.Waiting) bool { return w.Item.Event != nil && !w.Held }

// fits says whether every waiting job can have a mail of its own now. Limits
// per second do not count: they pace the mails and need no digest.
func (b board) fits(mine []job, account string, critical bool) bool {
	recipients, messages := 0, 0
	for _, j := range mine {
		if j.letter == nil && j.critical() == critical {
			recipients += len(j.waiting[0].Target.Addresses)
			messages++
		}
	}
	v := b.look(account, critical, time.Minute)
	return recipients <= v.Room && messages <= v.Messages
}

// earlier returns the earlier time; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
