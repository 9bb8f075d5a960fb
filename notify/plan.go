package notify

import (
	"cmp"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

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
	// servers lists, in order, the accounts that a notifier's mail to a
	// recipient may take.
	servers func(notifier, recipient string) []string
	// paused says until when an account is left alone.
	paused func(account string) time.Time
	// silenced says until when a silence holds its items back; nil is never.
	silenced func(key string, ev *tocsin.Event) time.Time
	// look says what an account's limits allow.
	look func(account string, critical bool) quota.Verdict
}

// asked remembers the answers: the same few questions are asked for every item,
// and now stands still. Mostly it is the one that was asked last.
func asked[Q comparable, A any](answer func(Q) A) func(Q) A {
	answers := make(map[Q]A)
	var last Q
	var said A
	return func(q Q) A {
		if q == last && len(answers) > 0 {
			return said
		}
		a, known := answers[q]
		if !known {
			a = answer(q)
			answers[q] = a
		}
		last, said = q, a
		return a
	}
}

// question is what the plan asks the limits for each item.
type question struct {
	account  string
	critical bool
}

// way is what of a job decides which account takes it.
type way struct {
	notifier, recipient string
	critical, composed  bool
}

// choice is the account for a way, and when it may be another one.
type choice struct {
	account string
	again   time.Time
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
	keys, items := make([]string, 0, len(j.waiting)+2), make([]string, 0, len(j.waiting))
	for _, w := range j.waiting {
		keys, items = append(keys, w.ID()), append(items, w.Item.ID)
	}
	// The mail that it becomes, which others see from then on; a digest that
	// the disk does not take becomes one of its first item.
	target := j.waiting[0].Target
	keys = append(keys, spool.MailID(target, items[:1]))
	if len(items) > 1 {
		keys = append(keys, spool.MailID(target, items))
	}
	return keys
}

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
// more, and what other programs have to say comes last: there may be any amount
// of it.
func (j job) rank() int {
	switch {
	case j.letter != nil && j.letter.Mail.Message, j.letter == nil && j.waiting[0].Item.Event == nil:
		return -1
	case j.letter == nil && j.waiting[0].Item.Event.Type == tocsin.Shutdown:
		return int(tocsin.Critical) + 1
	default:
		return int(j.severity())
	}
}

func (j job) critical() bool { return j.severity() == tocsin.Critical }

// way is the way of the recipient whose route the job takes.
func (j job) way() way {
	if j.letter != nil {
		return way{j.letter.Mail.Notifier, lead(*j.letter), j.critical(), true}
	}
	target, first := j.waiting[0].Target, ""
	if len(target.Addresses) > 0 {
		first = target.Addresses[0]
	}
	return way{target.Notifier, first, j.critical(), false}
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
	look := asked(func(q question) quota.Verdict { return b.look(q.account, q.critical) })
	choose := asked(func(w way) choice { return b.choose(w, look) })
	candidates, wake := b.candidates()
	mine := candidates[:0]
	for _, j := range candidates {
		if j.over() {
			return j, time.Time{} // it needs no server, only its end on disk
		}
		chosen := choose(j.way())
		if chosen.account == account {
			mine = append(mine, j)
		}
		// The choice changes with time alone, and whoever is chosen then must
		// be awake.
		wake = earlier(wake, chosen.again)
	}
	crowds := b.crowds(mine)
	best, together := -1, false
	for i, j := range mine {
		v := look(question{account, j.critical()})
		if v.Room == 0 || best >= 0 && b.order(j, mine[best]) >= 0 {
			continue // without room choose has said when to look again
		}
		digest, at := b.due(j, crowds, v.Pace)
		if at.After(b.now) {
			wake = earlier(wake, at)
			continue
		}
		best, together = i, digest
	}
	switch {
	case best < 0:
		return job{}, wake
	case together:
		return b.digest(mine[best], mine), time.Time{}
	default:
		return mine[best], time.Time{}
	}
}

// order is less than 0 when a goes before z.
func (b board) order(a, z job) int {
	return cmp.Or(cmp.Compare(z.rank(), a.rank()), b.staleness(a)-b.staleness(z), a.queued().Compare(z.queued()))
}

// candidates lists what could go now, each waiting item on its own, and says
// when the next one could.
func (b board) candidates() ([]job, time.Time) {
	jobs := make([]job, 0, len(b.letters)+len(b.waiting))
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
	for i, w := range b.waiting {
		var quiet time.Time
		if w.Item.Silence != nil {
			quiet = b.silence(w.Item)
		}
		switch until, busy := b.held(w); {
		case busy:
			wake = earlier(wake, until)
		case quiet.After(b.now):
			wake = earlier(wake, quiet)
		case w.Due(b.now).After(b.now) && !groups[w.Key()]:
			wake = earlier(wake, w.Due(b.now))
		default:
			jobs = append(jobs, job{waiting: b.waiting[i : i+1 : i+1]})
		}
	}
	return jobs, wake
}

// taken says whether a part is busy or put off, and until when if that is known.
func (b board) taken(key string) (until time.Time, busy bool) {
	until, busy = b.busy[key]
	return until, busy && (until.IsZero() || until.After(b.now))
}

// silence is until when a silence holds an item back.
func (b board) silence(i *spool.Item) time.Time {
	if b.silenced == nil || i.Event == nil {
		return time.Time{}
	}
	return b.silenced(i.Silence.Key, i.Event)
}

// held is taken for a waiting item; mostly nothing is.
func (b board) held(w spool.Waiting) (until time.Time, busy bool) {
	if len(b.busy) == 0 {
		return time.Time{}, false
	}
	return b.taken(w.ID())
}

// dueGroups says of which groups the first item is due: the others go with it.
func (b board) dueGroups() map[string]bool {
	due := make(map[string]bool)
	for _, w := range b.waiting {
		if w.Target.Hold > 0 && w.Item.Silence == nil && !w.Due(b.now).After(b.now) {
			due[w.Key()] = true
		}
	}
	return due
}

// choose finds the account for a way: the first of its servers that is not
// paused and has room soon and budget to spare, or else the first with room, or
// the one that has room first; none when all are paused. It also says when the
// answer may be another one, or there be room.
func (b board) choose(w way, look func(question) quota.Verdict) choice {
	var short, first string
	var again, firstUntil time.Time
	for _, server := range b.servers(w.notifier, w.recipient) {
		if until := b.paused(server); until.After(b.now) {
			again = earlier(again, until)
			continue
		}
		v := look(question{server, w.critical})
		switch {
		case v.Room > 0 && (w.composed || v.Pace.Allows(1, 1)):
			return choice{server, again}
		case v.Room > 0: // as the hour or day moves on there is budget again
			short = cmp.Or(short, server)
			again = earlier(again, b.now.Add(patience))
			continue
		}
		again = earlier(again, v.Until)
		soon := v.Until.Add(-patience)
		if !soon.After(b.now) {
			return choice{cmp.Or(short, server), again}
		}
		again = earlier(again, soon)
		if first == "" || v.Until.Before(firstUntil) {
			first, firstUntil = server, v.Until
		}
	}
	return choice{cmp.Or(short, first), again}
}

// earlier returns the earlier time; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
