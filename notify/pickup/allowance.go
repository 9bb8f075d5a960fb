package pickup

import (
	"math"
	"time"
)

// rootFactor is how many times more than others root may send: its programs
// watch the machine, and a storm of theirs still ends.
const rootFactor = 10

// nameless is the user that all numbers without a name count as: one user may
// have 65,536 subordinate ones (subuid(5)). No file belongs to it (chown(2)).
const nameless = math.MaxUint32

// allowance counts what each user sent in the last hour. It is for one
// goroutine, and begins anew with the agent.
type allowance struct {
	taken map[uint32][]portion
}

// portion is what counts until a time: a message as many times as it has
// recipients.
type portion struct {
	at, until time.Time
	count     int
}

func perHourOf(uid uint32, perHour int) int {
	if uid == 0 {
		return perHour * rootFactor
	}
	return perHour
}

// room says whether one more message of a user may be taken now.
func (a *allowance) room(uid uint32, perHour int, now time.Time) bool {
	sum := 0
	for _, p := range a.recent(uid, now) {
		sum += p.count
	}
	return sum < perHourOf(uid, perHour)
}

// take counts a message to so many recipients. One to more than may be sent in
// an hour counts for as many hours.
func (a *allowance) take(uid uint32, count, perHour int, now time.Time) {
	if a.taken == nil {
		a.taken = make(map[uint32][]portion)
	}
	hours := 1 + (count-1)/perHourOf(uid, perHour)
	a.taken[uid] = append(a.recent(uid, now), portion{now, now.Add(time.Duration(hours) * time.Hour), count})
}

// recent forgets what counts no more, or is from a future that was set back.
func (a *allowance) recent(uid uint32, now time.Time) []portion {
	all := a.taken[uid]
	kept := all[:0]
	for _, p := range all {
		if now.Before(p.until) && p.at.Sub(now) < time.Hour {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		delete(a.taken, uid)
		return nil
	}
	a.taken[uid] = kept
	return kept
}

// payer is who a file counts for.
func (c *Collector) payer(uid uint32, now time.Time) uint32 {
	if uid != 0 && c.name(uid, now) == "" {
		return nameless
	}
	return uid
}

// name is the name of a user; it is asked for once a minute.
func (c *Collector) name(uid uint32, now time.Time) string {
	if c.names == nil || now.Sub(c.named).Abs() >= time.Minute {
		c.names, c.named = make(map[uint32]string), now
	}
	name, known := c.names[uid]
	if !known {
		name = c.User(uid)
		c.names[uid] = name
	}
	return name
}
