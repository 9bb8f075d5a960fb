package notify

import (
	"errors"
	"fmt"
	"time"

	"tocsin"
	"tocsin/notify/quota"
	"tocsin/notify/spool"
)

// roomAhead is how many messages the limits must allow for one to be made ready
// while another is on the wire: one that does not go after all is counted.
const roomAhead = 10

// parcel is a job on its way: claimed, and when it is ready with its mail made
// and frozen, and its quota reserved.
type parcel struct {
	job    job
	ready  bool
	letter spool.Letter
	group  []string
	grant  quota.Grant
}

// pack makes a parcel ready. One that is not afterwards has nothing to send, or
// no room.
func (w *worker) pack(p *parcel) error {
	letter, err := w.letter(p.job)
	if errors.Is(err, spool.ErrWithdrawn) || errors.Is(err, spool.ErrUnknown) {
		return nil // somebody dropped it, or keeps it back
	}
	if err != nil {
		return err
	}
	group := w.courier.together(letter, w.account)
	grant, err := w.courier.Ledger.Reserve(w.account.Name, w.account.Limit, len(group), letter.Mail.Severity == tocsin.Critical, time.Now())
	if errors.Is(err, quota.ErrNoRoom) {
		return nil // the plan waits for room
	}
	if err != nil {
		return fmt.Errorf("mail %s waits, its quota could not be recorded: %w", letter.Mail.ID, err)
	}
	p.ready, p.letter, p.group, p.grant = true, letter, group, grant
	return nil
}

// ahead makes the next mail ready while one is on the wire: the disk and the
// network then wait for each other no more. It does so where the limits are
// wide, and for a mail that was not tried before; nil otherwise.
func (w *worker) ahead() *parcel {
	now := time.Now()
	if v := w.courier.Ledger.Look(w.account.Name, w.account.Limit, false, now); v.Room < roomAhead || v.Messages < roomAhead {
		return nil
	}
	j, _, changed := w.courier.claim(w.account.Name, now)
	if changed != nil {
		return nil
	}
	p := &parcel{job: j}
	if j.letter != nil || w.pack(p) != nil || !p.ready {
		w.courier.release(j) // its turn comes, and says why it cannot go
		return nil
	}
	return p
}

// settle says that the reservation of a parcel is over, whether or not it went.
func (w *worker) settle(p *parcel) {
	if p.ready {
		w.courier.Ledger.Settle(p.grant, time.Now())
	}
}

// unpack gives back a parcel that does not go now.
func (w *worker) unpack(p *parcel) {
	w.settle(p)
	w.courier.release(p.job)
}
