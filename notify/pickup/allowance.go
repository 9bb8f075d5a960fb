package pickup

import "time"

// rootFactor is how many times more than others root may send: its programs
// watch the machine, and a storm of theirs still ends.
const rootFactor = 10

// allowance counts what each user sent in the last hour. It is for one
// goroutine, and begins anew with the agent.
type allowance struct {
	taken map[uint32][]time.Time
}

// room says whether one more message of a user may be taken now.
func (a *allowance) room(uid uint32, perHour int, now time.Time) bool {
	if uid == 0 {
		perHour *= rootFactor
	}
	return len(a.recent(uid, now)) < perHour
}

// take counts a message.
func (a *allowance) take(uid uint32, now time.Time) {
	if a.taken == nil {
		a.taken = make(map[uint32][]time.Time)
	}
	a.taken[uid] = append(a.recent(uid, now), now)
}

// recent forgets what is older than an hour, or from a future that was set
// back.
func (a *allowance) recent(uid uint32, now time.Time) []time.Time {
	times := a.taken[uid]
	kept := times[:0]
	for _, t := range times {
		if age := now.Sub(t); age < time.Hour && age > -time.Hour {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 {
		delete(a.taken, uid)
		return nil
	}
	a.taken[uid] = kept
	return kept
}
