package notify

import (
	"fmt"
	"slices"
	"time"

	"tocsin/notify/quota"
	"tocsin/notify/spool"
	"tocsin/templates"
)

// When events go in one mail although the limits would allow each its own:
// nobody reads so many mails at once or within ten minutes, nor one by one what
// is long over.
const (
	maxSingles = 20
	maxStale   = 5
	staleAfter = 5 * time.Minute
	// stormGap is between two mails of a storm.
	stormGap = time.Minute
)

// crowd is what waits to go through one account: of all critical items, or of
// all others.
type crowd struct {
	recipients, messages int // of a mail for each item
	targets              map[string]*group
}

// group is what waits for one target.
type group struct {
	items  int
	oldest time.Time
}

// crowds counts what could share mails: first what is not critical.
func (b board) crowds(jobs []job) [2]crowd {
	crowds := [2]crowd{{targets: map[string]*group{}}, {targets: map[string]*group{}}}
	for _, j := range jobs {
		if j.letter != nil {
			continue
		}
		c, w := &crowds[class(j.critical())], j.waiting[0]
		c.recipients, c.messages = c.recipients+len(w.Target.Addresses), c.messages+1
		if !digestible(w) {
			continue
		}
		g := c.targets[w.Key()]
		if g == nil {
			g = &group{oldest: w.Item.Queued}
			c.targets[w.Key()] = g
		}
		g.items++
		g.oldest = earlier(g.oldest, w.Item.Queued)
	}
	return crowds
}

func class(critical bool) int {
	if critical {
		return 1
	}
	return 0
}

// due says whether a job goes together with what waits for the same target,
// and when: at once, or when the budget is short so that it lasts.
func (b board) due(j job, crowds [2]crowd, p quota.Pace) (digest bool, at time.Time) {
	if j.letter != nil {
		return false, b.now
	}
	first, c := j.waiting[0], crowds[class(j.critical())]
	recipients := len(first.Target.Addresses)
	if !digestible(first) {
		return false, p.Next(recipients)
	}
	g, at := c.targets[first.Key()], p.Next(recipients)
	if p.Recent >= maxSingles {
		return true, later(at, p.Last.Add(stormGap))
	}
	stale := g.items > maxStale && b.now.Sub(g.oldest) > staleAfter
	return first.Target.Hold > 0 || first.Item.Silence != nil || g.items > maxSingles || stale || !p.Allows(c.recipients, c.messages), at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// digest takes a waiting item and what goes with it: the newest, when that is
// more than one mail tells. What a silence held back goes together, however much
// each matters.
func (b board) digest(j job, mine []job) job {
	first := j.waiting[0]
	var digest job
	for _, other := range mine {
		if other.letter == nil && other.waiting[0].Key() == first.Key() && bundle(other) == bundle(j) && digestible(other.waiting[0]) {
			digest.waiting = append(digest.waiting, other.waiting[0])
		}
	}
	slices.SortStableFunc(digest.waiting, func(a, z spool.Waiting) int { return a.Item.Queued.Compare(z.Item.Queued) })
	digest.waiting = digest.waiting[max(0, len(digest.waiting)-templates.MaxEvents):]
	return digest
}

// bundle is equal for waiting items of one target that go together.
func bundle(j job) string {
	first := j.waiting[0]
	switch {
	case first.Item.Silence != nil:
		return first.Item.Silence.Key
	case j.critical():
		return fmt.Sprint("critical", first.Target.Hold > 0)
	default:
		return fmt.Sprint(first.Target.Hold > 0)
	}
}

// digestible says whether an item may share a mail: an event that is durable.
func digestible(w spool.Waiting) bool { return w.Item.Event != nil && !w.Held }

// staleness puts mails that were made long ago behind what nobody has heard of
// yet: after an outage the newest summary goes first.
func (b board) staleness(j job) int {
	if j.letter != nil && b.now.Sub(j.letter.Mail.Composed) > staleAfter {
		return 1
	}
	return 0
}
