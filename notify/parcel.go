package notify

import (
	"errors"
	"fmt"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// roomAhead is how many messages the limits must allow for others to be made
// ready while one is on the wire: what does not go after all is counted.
const roomAhead = 3 * quota.MostAhead

// parcel is a job on its way: claimed, and when it is ready with its mail made
// and frozen, and its quota reserved.
type parcel struct {
	job    job
	ready  bool
	letter spool.Letter
	group  []string
	grant  quota.Grant
}

// unmeasured is how long a mail takes before the first one went: nobody knows.
const unmeasured = time.Hour

// depthOf is how many mails are made ready while one is on the wire that takes
// as long as the last one did. Where the server is slow there is nothing to win,
// and what matters more and comes meanwhile would wait for them.
func depthOf(took time.Duration) int {
	switch {
	case took > 100*time.Millisecond:
		return 0
	case took > 10*time.Millisecond:
		return 1
	default:
		return quota.MostAhead
	}
}

// pack makes a parcel ready. One that is not afterwards has nothing to send, or
// no room.
func (w *worker) pack(p *parcel, reserve func(account string, limit quota.Limit, want int, critical bool, now time.Time) (quota.Grant, error)) error {
	letter, err := w.letter(p.job)
	if errors.Is(err, spool.ErrWithdrawn) || errors.Is(err, spool.ErrUnknown) {
		return nil // somebody dropped it, or keeps it back
	}
	if err != nil {
		return err
	}
	group := w.courier.together(letter, w.account)
	grant, err := reserve(w.account.Name, w.account.Limit, len(group), letter.Mail.Severity == tocsin.Critical, time.Now())
	if errors.Is(err, quota.ErrNoRoom) {
		return nil // the plan waits for room
	}
	if err != nil {
		return fmt.Errorf("mail %s waits, its quota could not be recorded: %w", letter.Mail.ID, err)
	}
	p.ready, p.letter, p.group, p.grant = true, letter, group, grant
	return nil
}

// ahead makes the next mails ready while one is on the wire, so that the disk
// and the network wait for each other no more, and the quota of all of them is
// made durable at once. It does so where the limits are wide, and for mails that
// were not tried before.
func (w *worker) ahead(depth int) []*parcel {
	if depth == 0 {
		return nil
	}
	ledger, now := w.courier.Ledger, time.Now()
	v := ledger.Look(w.account.Name, w.account.Limit, false, now)
	if v.Room < roomAhead || v.Messages < roomAhead {
		return nil
	}
	jobs, _, _ := w.courier.claim(w.account.Name, depth, now)
	var ready []*parcel
	for i, j := range jobs {
		p := &parcel{job: j}
		if v.Room < roomAhead || v.Messages < roomAhead || j.letter != nil || w.pack(p, ledger.Intend) != nil || !p.ready {
			for _, j := range jobs[i:] {
				w.courier.release(j) // its turn comes, and says why it cannot go
			}
			break
		}
		v.Room, v.Messages = v.Room-p.grant.Recipients, v.Messages-1
		ready = append(ready, p)
	}
	if len(ready) > 0 && ledger.Commit() != nil {
		w.unpack(ready) // the next one that is reserved alone says why
		return nil
	}
	if len(ready) > 0 && w.courier.Rush != nil {
		w.courier.Rush()
	}
	return ready
}

// settle says that the reservation of a parcel is over, whether or not it went.
func (w *worker) settle(p *parcel) {
	if p.ready {
		w.courier.Ledger.Settle(p.grant, time.Now())
	}
}

// unpack gives back parcels that do not go now.
func (w *worker) unpack(parcels []*parcel) {
	for _, p := range parcels {
		w.settle(p)
		w.courier.release(p.job)
	}
}
